"""The five stages of the pipeline, and the plan: they read, call pure code, and write."""
