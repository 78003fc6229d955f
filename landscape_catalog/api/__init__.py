"""The front door: what `import landscape_catalog` offers to Python code and notebooks."""
