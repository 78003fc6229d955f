"""Numerical building blocks of the metrics."""
