"""Stage 5: the report."""
