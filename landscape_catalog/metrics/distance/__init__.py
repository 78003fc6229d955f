"""L2 distance between weights."""
