"""Spectral density of the Hessian."""
