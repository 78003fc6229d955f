"""What `params.yaml` says: sections, reading, checks, axes, the grid, and identities."""
