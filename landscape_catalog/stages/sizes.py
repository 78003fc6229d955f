"""How large the jobs of a stage are, known before they run and without torch."""

from __future__ import annotations

from landscape_catalog.execution.timings import Work
from landscape_catalog.schemas.grid import Run


def train_work(run: Run) -> Work:
    """The size of training a run, if it takes every epoch."""
    cell = run.cell
    batch_size = cell.temperature["batch_size"]
    steps = cell.training["epochs"] * (cell.landscape.data.samples // batch_size)
    return Work("train", cell.landscape.model["width"], batch_size, steps)
