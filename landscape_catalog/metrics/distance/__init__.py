"""L2 distance of weights."""
