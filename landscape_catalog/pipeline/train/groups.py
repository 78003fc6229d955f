"""Which runs are trained side by side, so that training is done as early as possible."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.costs import fits_caches, largest_group
from landscape_catalog.runner.schedule import cut_groups
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.identity import checksum
from landscape_catalog.training.grouping import records_on_gpu


def training_groups(
    runs: Sequence[Run],
    *,
    key: Callable[[Run], Hashable | None],
    work: Callable[[Run], Work],
    speed: SpeedModel,
    workers: int,
    fits: Callable[[Sequence[Run]], bool] = lambda group: True,
    device: str = "cpu",
) -> list[tuple[Run, ...]]:
    """Assign runs to groups of the smallest predicted makespan, the longest first.

    No result depends on the groups: a member's bits are the same in every group.

    Args:
        runs: the runs to train.
        key: runs of equal key may train side by side; None: the run trains alone.
        work: the size of training one run.
        speed: predicts how long a group takes.
        workers: number of workers.
        fits: whether a group fits into the memory of a worker.
        device: that the groups are trained on.
    """
    return cut_groups(
        runs,
        key=key,
        seconds=lambda group: speed.seconds(
            group_work(group, work, grouped=device != "cuda" and key(group[0]) is not None)
        ),
        workers=workers,
        largest=largest_group(device),
        fits=lambda group: fits(group) and _fits_caches(group, device),
    )


def _fits_caches(group: Sequence[Run], device: str) -> bool:
    cell = group[0].cell
    return fits_caches(cell, cell.temperature["batch_size"], len(group), device=device)


def group_key(run: Run, device: str = "cpu") -> str | None:
    """Runs of equal key may train side by side; None: the run trains alone.

    They take their steps together, so that they have the same network, batch size, number of
    samples and training, but for learning rate and weight decay.

    Args:
        run: the run.
        device: on a GPU, all networks whose steps are recorded share one.
    """
    cell = run.cell
    if not cell.is_grouped and not (device == "cuda" and records_on_gpu(cell.built_in)):
        return None
    data = cell.landscape.data
    shapes = [data.input_shape, data.facts.n_outputs, data.samples, cell.temperature["batch_size"]]
    return checksum([cell.landscape.model_content, cell.model_args, cell.train.content(), *shapes])


def group_work(group: Sequence[Run], work: Callable[[Run], Work], *, grouped: bool) -> Work:
    """The size of training a group of runs."""
    longest = max((work(run) for run in group), key=lambda one: one.steps)
    return replace(longest, members=len(group), grouped=grouped)
