"""Benchmarks of speed and accuracy against plain implementations and other libraries."""
