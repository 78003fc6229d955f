"""`landscape collect`: catalogs of Git revisions, DVC experiments and other repositories."""
