"""Kernels for small networks on CUDA, where those of cuDNN leave most of a GPU idle."""
