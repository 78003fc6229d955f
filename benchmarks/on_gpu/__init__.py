"""What `benchmarks/gpu.py` checks and times on a GPU, one module for each part."""
