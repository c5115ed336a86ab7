"""Formulas as source text in NumPy, PyTorch, JAX, C99, JavaScript and LaTeX."""
