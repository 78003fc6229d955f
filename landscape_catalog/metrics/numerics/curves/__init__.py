"""Curves between two networks: fitted, evaluated, and what they say of their ends."""
