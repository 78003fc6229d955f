"""What an experiment and a result are: sections, axes, grids, records, and their identity."""
