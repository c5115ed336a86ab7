"""The sources' figures: theory as lines, simulation as points, data apart from drawing."""
