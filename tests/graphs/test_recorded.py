"""Recorded work: errors while it is recorded, and what is left at its end."""

from __future__ import annotations

import gc
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
import torch

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.graphs import recorded as recorded_module
from landscape_catalog.graphs.recorded import WARM_UP, RecordedWork, released_at_end

CPU = torch.device("cpu")
OF_WORK = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
OF_THE_END = RuntimeError("CUDA error: operation failed due to a previous error during capture")
# what the work raises, what the end of the recording raises, and what must be raised
FAILURES: list[tuple[Exception | None, Exception | None, Exception]] = [
    (OF_WORK, None, OF_WORK),
    (OF_WORK, OF_THE_END, OF_WORK),
    (None, OF_THE_END, OF_THE_END),
    (ValueError("mine"), OF_THE_END, ValueError("mine")),
]


class Graph:
    """Stands in for a CUDA graph."""

    def replay(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(("of_work", "of_the_end", "expected"), FAILURES)
def test_why_a_recording_failed(
    of_work: Exception | None,
    of_the_end: Exception | None,
    expected: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end of a recording that failed may fail as well: it is the first error that counts."""

    @contextmanager
    def graph(made: Graph, stream: Any) -> Iterator[None]:
        try:
            yield
        finally:
            if of_the_end is not None:
                raise of_the_end

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    times = []

    def work() -> None:
        times.append(1)
        if len(times) > WARM_UP and of_work is not None:
            raise of_work

    recorded = RecordedWork(work, CPU)
    recorded._recorder = recorded._cuda_graph
    for _ in range(WARM_UP):
        recorded()
    with pytest.raises(type(expected), match=str(expected)) as caught:
        recorded()
    assert is_out_of_memory(caught.value) == (of_work is OF_WORK)
    assert not recorded.is_recorded
    recorded.release()


def test_released_work_holds_nothing() -> None:
    """Its owner is freed at once, though each holds the other."""

    class Owner:
        def __init__(self) -> None:
            self.recorded = RecordedWork(self.work, CPU, recorder=lambda work: work)

        def work(self) -> None:
            """Nothing."""

    gc.disable()
    try:
        for release, expected in ((True, True), (False, False)):
            owner = Owner()
            for _ in range(WARM_UP + 2):
                owner.recorded()
            found = weakref.ref(owner)
            if release:
                owner.recorded.release()
                with pytest.raises(AssertionError, match="released"):
                    owner.recorded()
            del owner
            assert (found() is None) == expected
    finally:
        gc.enable()


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_all_work_is_released_at_the_end(error: type[BaseException] | None) -> None:
    works = [RecordedWork(lambda: None, CPU, recorder=lambda work: work) for _ in range(3)]
    try:
        with released_at_end(works):
            for work in works:
                for _ in range(WARM_UP + 1):
                    work()
            assert all(work.is_recorded for work in works)
            if error is not None:
                raise error
    except BaseException as found:
        assert type(found) is error
    assert not any(work.is_recorded for work in works)


class Stream:
    """Stands in for a stream of a GPU."""

    made: ClassVar[list[Stream]] = []

    def __init__(self, device: torch.device) -> None:
        self.device, self.waits = device, 0
        self.made.append(self)

    def synchronize(self) -> None:
        self.waits += 1


def test_streams_of_released_work_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each device has its own, and two works at the same time never share one."""
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(recorded_module, "FREE_STREAMS", defaultdict(list))
    Stream.made.clear()
    gpus = [torch.device("cuda", 0), torch.device("cuda", 1)]
    for _ in range(3):
        works = [RecordedWork(lambda: None, gpu) for gpu in (*gpus, *gpus)]
        streams = [work.stream for work in works]
        assert len(set(map(id, streams))) == 4
        assert [stream.device for stream in streams if stream is not None] == [*gpus, *gpus]
        for work in works:
            work.release()
            work.release()  # once is enough
    assert len(Stream.made) == 4
    assert all(stream.waits == 3 for stream in Stream.made)
