"""Which runs are trained side by side, so that training is done as early as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from landscape_catalog.experiment.grid import Cell, Run
from landscape_catalog.experiment.training import Train
from landscape_catalog.pipeline.shared.costs import fits_caches, largest_group, work_of
from landscape_catalog.runner.schedule import Pool, cut_groups, cut_sizes
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.identity import canonical_json
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


def planned_groups(
    runs: Sequence[Run],
    *,
    speed: SpeedModel,
    workers: int,
    fits: Callable[[Sequence[Run]], bool] = lambda group: True,
    device: str = "cpu",
) -> list[tuple[Run, ...]]:
    """The runs that each training job trains, the longest job first; see `training_groups`."""
    return training_groups(
        runs,
        key=partial(group_key, device=device),
        work=train_work,
        speed=speed,
        workers=workers,
        fits=fits,
        device=device,
    )


def planned_training(
    left: Iterable[tuple[Cell, int]], *, speed: SpeedModel, workers: int, device: str
) -> Counter[Work]:
    """The sizes of the jobs of `planned_groups`, wherever each fits into memory.

    Args:
        left: cells with runs to train, and how many.
        speed: predicts how long a job takes.
        workers: number of workers.
        device: that the runs are trained on.
    """
    jobs: Counter[Work] = Counter()
    sharing: dict[Hashable, tuple[Cell, int]] = {}
    for cell, n in left:
        key = group_key(cell.runs[0], device)
        if key is None:
            jobs[job_work(cell.runs[:1], device)] += n
        else:
            first, others = sharing.get(key, (cell, 0))
            sharing[key] = (first, others + n)
    pools = [_pool(cell, n, speed, device) for cell, n in sharing.values()]
    alone = [seconds for job, n in jobs.items() for seconds in [speed.seconds(job)] * n]
    cut = cut_sizes(pools, workers=workers, largest=largest_group(device), alone=alone)
    for (cell, _), sizes in zip(sharing.values(), cut):
        for size, n in Counter(sizes).items():
            jobs[_work_of_alike(cell, size, device)] += n
    return jobs


def _pool(cell: Cell, n: int, speed: SpeedModel, device: str) -> Pool:
    """Runs of equal key, of which a cell's are examples."""
    batch_size = cell.temperature["batch_size"]
    return Pool(
        n,
        lambda size: speed.seconds(_work_of_alike(cell, size, device)),
        lambda size: fits_caches(cell, batch_size, size, device=device),
    )


def _work_of_alike(cell: Cell, size: int, device: str) -> Work:
    """The size of training so many runs of equal key, of which a cell's are examples."""
    return replace(job_work(cell.runs[:1], device), members=size)


def _fits_caches(group: Sequence[Run], device: str) -> bool:
    cell = group[0].cell
    return fits_caches(cell, cell.temperature["batch_size"], len(group), device=device)


def group_key(run: Run, device: str = "cpu") -> Hashable | None:
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
    return (
        str(cell.network),
        _text_of(cell.train),
        cell.landscape.data.samples,
        cell.temperature["batch_size"],
    )


@lru_cache(maxsize=64)
def _text_of(train: Train) -> str:
    return canonical_json(train.content())


def group_work(group: Sequence[Run], work: Callable[[Run], Work], *, grouped: bool) -> Work:
    """The size of training a group of runs."""
    longest = max((work(run) for run in group), key=lambda one: one.steps)
    return replace(longest, members=len(group), grouped=grouped)


def job_work(runs: Sequence[Run], device: str = "cpu") -> Work:
    """The size of a job that trains some runs."""
    stacked = runs[0].cell.is_grouped and device != "cuda"
    return group_work(runs, train_work, grouped=stacked)


def train_work(run: Run) -> Work:
    """The size of training a run, assuming that it does not stop early."""
    cell = run.cell
    batch_size, train = cell.temperature["batch_size"], cell.train
    steps = train.epochs * (cell.landscape.data.samples // batch_size)
    if train.stopping == "updates":
        steps = train.updates
    return work_of(cell, "train", batch_size=batch_size, steps=steps, forward_passes=3)
