"""What becomes of training jobs for which memory ends while a step is recorded.

A part of its own: before torch 2.12 a failed recording may spoil later ones in its process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.on_gpu.clock import images
from benchmarks.on_gpu.out_of_memory import (
    LEFT,
    Payload,
    allocated,
    limited,
    member,
    train_some,
)
from benchmarks.on_gpu.part import Note, Settings, described, going_on
from benchmarks.on_gpu.trainings import bits_of
from landscape_catalog.graphs.recorded import WARM_UP, RecordedWork
from landscape_catalog.pipeline.shared.recovery import MOST_DEATHS
from landscape_catalog.pipeline.train.recovery import SplitAndRetry
from landscape_catalog.pipeline.train.worker import ADVICE
from landscape_catalog.runner.jobs import Job, run_jobs
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.timings import Work
from landscape_catalog.training import train_replayed


def run(settings: Settings, note: Note) -> None:
    """Check it, and note whether the process can record work afterwards."""
    with going_on(note, "out of memory while recording"):
        check_recording(settings, note)
    with going_on(note, "recording afterwards"):
        value = torch.zeros(1, device=settings.device)
        work = RecordedWork(lambda: value.add_(1), value.device)
        work.follow()
        for _ in range(WARM_UP + 2):
            work()
        recorded = work.is_recorded
        work.release()
        right = float(value) == WARM_UP + 2
        note("work after these is right", ok=right, value=float(value), allowed=WARM_UP + 2)
        note("it is recorded", ok=None, value=recorded)


def check_recording(settings: Settings, note: Note) -> None:
    """Memory ends while a step is recorded: what is said of it, and what is trained afterwards.

    A step's graph has memory of its own, so that a run may train its first steps and fail when it
    is recorded. A lone run is tried again and then fails with what to reduce; a group is split; and
    training in the same process has the same bits as before.
    """
    width, batch = (1, 8) if settings.toy else (8, 128)

    def job(*names: str) -> Job:
        runs = [SimpleNamespace(run_id=name, batch_size=batch) for name in names]
        work = Work("train", "resnet18", 1, 1, 1, 0)
        return Job("+".join(names), Payload(runs, settings.device, width, 10**9), work)

    with reproducible():
        expected = bits_of(_weights(job("first").payload))
    for name, jobs, failing in (
        ("a lone run", [job("lone"), job("next")], MOST_DEATHS),
        ("a group", [job("one", "other"), job("next")], 1),
    ):
        before = allocated(settings.device)
        with without_memory_to_record(failing) as failed, tempfile.TemporaryDirectory() as folder:
            done, reasons = _run(jobs, lambda runs: job(*(r.run_id for r in runs)), Path(folder))
        label = f"out of memory while recording, {name}"
        note(f"{label}, times", ok=len(failed) == failing, value=len(failed), allowed=failing)
        note(f"{label}, errors", ok=None, value=failed)
        if name == "a lone run":
            said = ADVICE in reasons.get("lone", "")
            note(f"{label} says what to reduce", ok=said, value=reasons, allowed=ADVICE)
        else:
            split = {"one", "other"} <= set(done)
            note(f"{label} is split", ok=split, value=done, allowed=["one", "other"])
        note(f"{label}, the next job is done", ok="next" in done, value=done, allowed="next")
        left = allocated(settings.device) - before
        note(f"{label}, memory not given back", ok=left < LEFT, value=left, allowed=LEFT)
    with reproducible():
        equal = bits_of(_weights(job("last").payload)) == expected
    note("training after these has the same bits", ok=equal, value=equal, allowed=True)


def _weights(payload: Payload) -> dict[str, torch.Tensor]:
    """Of one run, after the steps of `train_some`."""
    trained = member(payload, images(2 * payload.runs[0].batch_size, payload.device), 0)
    train_replayed([trained])
    return dict(trained.network.state_dict())


def _run(
    jobs: Sequence[Job], make: Callable[[Sequence[Any]], Job], folder: Path
) -> tuple[list[str], dict[str, str]]:
    """The names of finished jobs, and the reasons of failed ones."""
    done: list[str] = []
    with SerialExecutor() as executor:
        failures = run_jobs(
            executor,
            train_some,
            jobs,
            on_done=lambda job, attempt: done.append(job.name) if attempt else None,
            on_replace=lambda job, others: None,
            recover=SplitAndRetry(folder, make),
        )
    return done, {failure.name: failure.reason for failure in failures}


@contextmanager
def without_memory_to_record(times: int) -> Iterator[list[str]]:
    """Let the next recordings find no free memory; yields what they then raised.

    On a GPU torch's memory is limited to what it has at that moment. On a CPU, where nothing is
    recorded, the step that would be recorded raises the error.
    """
    call, failed = RecordedWork.__call__, list[str]()

    def limited_call(self: RecordedWork) -> None:
        if self.is_recorded or self._times < WARM_UP or len(failed) >= times:
            return call(self)
        try:
            if self.device.type == "cpu":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to record a step.")
            torch.cuda.empty_cache()
            with limited("cuda", torch.cuda.memory_reserved()):
                return call(self)
        except Exception as error:
            failed.append(described(error))
            raise

    RecordedWork.__call__ = limited_call  # type: ignore[method-assign]
    try:
        yield failed
    finally:
        RecordedWork.__call__ = call  # type: ignore[method-assign]
