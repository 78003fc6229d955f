"""What specs and records are made of: bounded values, marks for ids, canonical hashes."""
