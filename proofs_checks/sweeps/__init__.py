"""Sweeps: grids of cells, computed side by side and kept in a file, from which they go on."""
