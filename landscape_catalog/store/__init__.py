"""Files on disk: atomic writes, sealed records, the shared store of results, and the lock."""
