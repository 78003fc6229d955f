"""Training jobs that run out of a GPU's memory: are they split, named and followed by others?"""

from __future__ import annotations

import gc
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.on_gpu.clock import TASK, images, network
from benchmarks.on_gpu.part import Note, Settings
from landscape_catalog.graphs.recorded import WARM_UP
from landscape_catalog.pipeline.train.recovery import SplitAndRetry
from landscape_catalog.pipeline.train.worker import ADVICE
from landscape_catalog.runner.jobs import Job, run_jobs
from landscape_catalog.runner.memory import named_memory_errors
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.timings import Work
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.tasks import Samples
from landscape_catalog.training import Member, Recipe, train_replayed

MEMBERS = 4  # networks of the group
STEPS = WARM_UP + 2  # of which the last ones are replayed
SURELY = 3.0  # times the limit that the run which never fits needs, by what a sample takes
LEFT = 16 * 2**20  # bytes


@dataclass(frozen=True)
class Payload:
    """What a job trains.

    Attributes:
        runs: with a `run_id` and a `batch_size`.
        device: to train on.
        width: of the ResNet18.
        most: number of samples in a step beyond which a CPU is said to have no memory.
    """

    runs: Sequence[Any]
    device: str
    width: int
    most: int


def train_some(payload: Payload, cache: WorkerCache) -> None:
    """A few recorded steps of some runs, as a study's worker takes them."""
    alone, batch = len(payload.runs) == 1, payload.runs[0].batch_size
    with named_memory_errors(ADVICE if alone else ""):  # as `train_and_keep` does
        if payload.device == "cpu" and batch * len(payload.runs) > payload.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate all of it.")
        data = images(2 * batch, payload.device)
        train_replayed([member(payload, data, seed) for seed in range(len(payload.runs))])


def member(payload: Payload, data: Samples, seed: int) -> Member:
    """One of the runs of a job."""
    batch = payload.runs[0].batch_size
    recipe = Recipe(batch_size=batch, stopping="updates", updates=STEPS)
    return Member(network(payload.width, payload.device, seed), data, TASK, recipe, 0)


def check_recovery(settings: Settings, note: Note) -> None:
    """A group too large for the memory, a run too large, and a small one after them.

    The limit lies between what halves of the group take and what all of it takes. The large run has
    so many samples in a step that what each of them takes, by runs of two sizes, adds up to several
    times the limit.
    """
    width, batch = (1, 8) if settings.toy else (8, 128)

    def runs(name: str, members: int, size: int) -> list[Any]:
        return [SimpleNamespace(run_id=f"{name}{i}", batch_size=size) for i in range(members)]

    def job(runs: Sequence[Any]) -> Job:
        names = "+".join(run.run_id for run in runs)
        work = Work("train", "resnet18", 1, 1, 1, 0)
        return Job(names, Payload(runs, settings.device, width, MEMBERS * batch - 1), work)

    done: list[str] = []
    replaced: dict[str, int] = {}
    group = runs("group", MEMBERS, batch)
    whole, half = (  # the larger first, which leaves cuBLAS's workspaces of all streams
        _peak(job(part).payload).reserved for part in (group, group[: MEMBERS // 2])
    )
    sizes = batch, 4 * batch
    one, other = (_peak(job(runs("one", 1, size)).payload).allocated for size in sizes)
    limit = (half + whole) // 2
    large = hopeless_batch(limit, sizes, (one, other)) or MEMBERS * batch
    jobs = [job(group), job(runs("large", 1, large)), job(runs("small", 1, batch))]
    before = allocated(settings.device)
    with (
        tempfile.TemporaryDirectory() as folder,
        limited(settings.device, limit),
        SerialExecutor() as executor,
    ):
        failures = run_jobs(
            executor,
            train_some,
            jobs,
            on_done=lambda job, attempt: done.append(job.name) if attempt else None,
            on_replace=lambda job, others: replaced.update(
                {job.name: replaced.get(job.name, 0) + len(others)}
            ),
            recover=SplitAndRetry(Path(folder), job),
        )
    left = allocated(settings.device) - before
    halves = ["group0+group1", "group2+group3"]
    reasons = {failure.name: failure.reason for failure in failures}
    note("a group is split", ok=set(halves) <= set(done), value=done, allowed=halves)
    note("a run is tried again", ok=replaced.get("large0") == 2, value=replaced, allowed=2)
    named = ADVICE in reasons.get("large0", "")
    note("a run that fails says what to reduce", ok=named, value=reasons, allowed=ADVICE)
    note("the next job is done", ok="small0" in done, value=done, allowed="small0")
    note("memory that is not given back", ok=left < LEFT, value=left, allowed=LEFT)
    note(
        "peaks of halves and group", value=[half, whole], limit=limit, large_batch=large,
        of_runs=[one, other],
    )  # fmt: skip


def hopeless_batch(limit: int, sizes: tuple[int, int], peaks: tuple[int, int]) -> int:
    """A batch that needs `SURELY` times the limit; 0 if peaks were not measured, as on a CPU.

    >>> hopeless_batch(1000, (10, 40), (150, 450))
    300
    """
    of_a_sample = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])
    return math.ceil(SURELY * limit / of_a_sample) if of_a_sample > 0 else 0


@dataclass(frozen=True)
class Peak:
    """The most memory during a job, in bytes: of tensors, and of what torch took for them."""

    allocated: int
    reserved: int


def allocated(device: str) -> int:
    """Bytes of the tensors that there are on a GPU."""
    gc.collect()
    return torch.cuda.memory_allocated() if device == "cuda" else 0


def _peak(payload: Payload) -> Peak:
    """The most memory of a job; 0 on a CPU."""
    if payload.device != "cuda":
        return Peak(0, 0)
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    with reproducible():
        train_some(payload, WorkerCache())
    found = Peak(torch.cuda.max_memory_allocated() - before, torch.cuda.max_memory_reserved())
    gc.collect()
    torch.cuda.empty_cache()
    return found


@contextmanager
def limited(device: str, size: int) -> Iterator[None]:
    """Let torch have so many bytes of the GPU for a while."""
    if device != "cuda":
        yield
        return
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(size / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
