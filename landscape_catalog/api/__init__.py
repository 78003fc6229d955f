"""The public Python interface: the names that `import landscape_catalog` provides."""
