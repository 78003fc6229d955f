"""The five stages of the pipeline. Each reads its inputs, calls pure code, and writes outputs."""
