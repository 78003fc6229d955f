"""A process that takes recorded steps when it is told to; for `two_processes`.

Commands: `open` a device; `prepare` recorded steps of some networks; `take` steps; `train` whole
runs, as a study's worker does.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

import torch

from benchmarks.on_gpu.engines import TASK, Replayed, made_up, networks
from benchmarks.on_gpu.part import described
from benchmarks.on_gpu.step_plan import WARM_STEPS
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.training import Member, Recipe, train_replayed


class Replaying:
    """What it is told to do, by name."""

    def __init__(self) -> None:
        self.device = "cpu"
        self.way: Replayed | None = None

    def open(self, device: str) -> dict[str, Any]:
        """Create a context on the device."""
        self.device = device
        torch.zeros(1, device=device)
        return self._memory()

    def prepare(self, width: int, count: int, batch: int, steps: int) -> dict[str, Any]:
        """Record the steps of some networks, instead of those that were recorded before."""
        if self.way is not None:
            self.way.release()
        self.way = None
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
        recipe = Recipe(batch_size=batch, lr=0.05, epochs=10**6)
        data = made_up(batch * steps, self.device)
        self.way = Replayed(networks(width, count, self.device), data, recipe)
        self.take(min(WARM_STEPS, steps))
        return self._memory()

    def take(self, steps: int) -> dict[str, Any]:
        """Take steps of all networks."""
        assert self.way is not None
        began = time.monotonic()
        self.way.take(steps)
        self._wait()
        return {"began": began, "ended": time.monotonic()}

    def train(self, width: int, count: int, batch: int, steps: int, epochs: int) -> dict[str, Any]:
        """Train some runs from the beginning, recording included."""
        recipe = Recipe(batch_size=batch, lr=0.05, epochs=epochs, stopping="epochs")
        data = made_up(batch * steps, self.device)
        members = [
            Member(network, data, TASK, recipe, seed)
            for seed, network in enumerate(networks(width, count, self.device))
        ]
        self._wait()
        began = time.monotonic()
        train_replayed(members)
        self._wait()
        return {"began": began, "ended": time.monotonic()}

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def _memory(self) -> dict[str, Any]:
        """Bytes that torch's allocator has taken of the GPU."""
        self._wait()
        return {"reserved": torch.cuda.memory_reserved() if self.device == "cuda" else 0}


def main() -> None:
    """Do what each line of the standard input says, and answer with a line."""
    replaying = Replaying()
    with reproducible():
        for line in sys.stdin:
            command = json.loads(line)
            number = command.pop("number")
            try:
                answer = getattr(replaying, command.pop("do"))(**command)
            except Exception as error:
                answer = {"error": described(error)}
            print(json.dumps({**answer, "number": number}), flush=True)


if __name__ == "__main__":
    main()
