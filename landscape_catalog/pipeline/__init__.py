"""The five stages of the pipeline: each reads, calls pure code, and writes."""
