"""The barrier on the straight line."""
