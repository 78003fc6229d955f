"""What comes into the catalog from elsewhere, and what leaves it."""
