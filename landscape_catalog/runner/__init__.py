"""Where jobs run: executors, devices, progress and timings."""
