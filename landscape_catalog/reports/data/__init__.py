"""What the report draws: the catalog's numbers, arranged on two axes."""
