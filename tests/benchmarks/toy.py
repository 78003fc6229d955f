"""Settings of the GPU benchmark with which the tests try its parts on a CPU."""

from __future__ import annotations

from benchmarks.on_gpu.part import Settings

DAY = 86_400.0  # tests of limits set their own
TOY = Settings("cpu", toy=True, seconds=DAY)
