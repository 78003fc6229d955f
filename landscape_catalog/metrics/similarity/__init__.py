"""CKA similarity between outputs."""
