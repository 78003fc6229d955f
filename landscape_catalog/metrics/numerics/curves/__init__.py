"""Curves between two networks: fitting them and evaluating the networks along them."""
