"""Stage 1: the prepared data of every landscape."""
