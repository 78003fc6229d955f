"""CKA similarity of outputs."""
