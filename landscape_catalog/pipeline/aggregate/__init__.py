"""Stage 4: build the catalog."""
