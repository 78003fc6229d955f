"""How work gets done: whole files, the run store, parallel jobs, progress, timings."""
