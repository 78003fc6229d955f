"""Curves between two networks: fitting them, and evaluating networks along them."""
