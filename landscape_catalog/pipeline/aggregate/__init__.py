"""Stage 4: the catalog."""
