"""Building blocks of specs and records: bounded values, markers for ids, canonical hashes."""
