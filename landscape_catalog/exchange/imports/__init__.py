"""Importers of published results: each reads a format into the catalog's tables."""
