"""Stage 1: prepare the data of every landscape."""
