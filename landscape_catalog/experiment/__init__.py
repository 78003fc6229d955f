"""The experiment in `params.yaml`: sections, parsing, checks, axes, the grid, and ids."""
