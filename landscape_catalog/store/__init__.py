"""Files: whole-file writes, sealed records, the shared store of finished results, the lock."""
