"""Training jobs that run out of a GPU's memory: are they split, named and followed by others?"""

from __future__ import annotations

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
from landscape_catalog.pipeline.train.recovery import SplitAndRetry
from landscape_catalog.pipeline.train.worker import ADVICE
from landscape_catalog.runner.jobs import Job, run_jobs
from landscape_catalog.runner.memory import named_memory_errors
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.timings import Work
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.training import Member, Recipe, train, train_group

MEMBERS, LARGER = 4, 16  # networks of the group, and times the batch of the run that never fits
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
    """Two steps of some runs, with the engine that the number of runs needs."""
    alone, batch = len(payload.runs) == 1, payload.runs[0].batch_size
    recipe = Recipe(batch_size=batch, stopping="updates", updates=2)
    with named_memory_errors(ADVICE if alone else ""):  # as `train_and_keep` does
        if payload.device == "cpu" and batch * len(payload.runs) > payload.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate all of it.")
        data = images(2 * batch, payload.device)
        networks = [
            network(payload.width, payload.device, seed) for seed in range(len(payload.runs))
        ]
        if alone:
            train(networks[0], data, TASK, recipe, seed=0)
        else:
            train_group([Member(each, data, TASK, recipe, 0) for each in networks])


def check_recovery(settings: Settings, note: Note) -> None:
    """A group too large for the memory, a run too large, and a small one after them."""
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
    jobs = [job(group), job(runs("large", 1, LARGER * batch)), job(runs("small", 1, batch))]
    peaks = [_peak(job(part).payload) for part in (group[: MEMBERS // 2], group)]
    before = _allocated(settings.device)
    with (
        tempfile.TemporaryDirectory() as folder,
        limited(settings.device, sum(peaks) // 2),
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
    left = _allocated(settings.device) - before
    halves = ["group0+group1", "group2+group3"]
    reasons = {failure.name: failure.reason for failure in failures}
    note("a group is split", ok=set(halves) <= set(done), value=done, allowed=halves)
    note("a run is tried again", ok=replaced.get("large0") == 2, value=replaced, allowed=2)
    named = ADVICE in reasons.get("large0", "")
    note("a run that fails says what to reduce", ok=named, value=reasons, allowed=ADVICE)
    note("the next job is done", ok="small0" in done, value=done, allowed="small0")
    note("memory that is not given back", ok=left < LEFT, value=left, allowed=LEFT)
    note("peaks of halves and group", value=peaks)


def _allocated(device: str) -> int:
    """Bytes of the tensors that there are on a GPU."""
    return torch.cuda.memory_allocated() if device == "cuda" else 0


def _peak(payload: Payload) -> int:
    """The most memory that torch took for a job; 0 on a CPU."""
    if payload.device != "cuda":
        return 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    with reproducible():
        train_some(payload, WorkerCache())
    found = torch.cuda.max_memory_reserved()
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
