"""Metrics of trained networks: one folder per metric, and the numerical routines they share."""
