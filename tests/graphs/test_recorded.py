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
from landscape_catalog.graphs.notices import warn_once
from landscape_catalog.graphs.recorded import WARM_UP, RecordedWork, released_at_end

CPU = torch.device("cpu")
OF_WORK = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
OF_THE_END = RuntimeError("CUDA error: operation failed due to a previous error during capture")
OF_A_READ = RuntimeError("CUDA error: operation not permitted when stream is capturing")
# what the work raises while it is recorded, what the end of the recording raises, which of them is
# the reason, and whether it is raised
FAILURES: list[tuple[Exception | None, Exception | None, Exception, bool]] = [
    (OF_WORK, None, OF_WORK, True),
    (OF_WORK, OF_THE_END, OF_WORK, True),
    (None, OF_THE_END, OF_THE_END, False),
    (OF_A_READ, OF_THE_END, OF_A_READ, False),
    (OF_A_READ, None, OF_A_READ, False),
    (ValueError("mine"), OF_THE_END, ValueError("mine"), False),
]


@pytest.fixture(autouse=True)
def _warned_anew() -> None:
    warn_once.cache_clear()


class Graph:
    """Stands in for a CUDA graph."""

    ended: ClassVar[list[Graph]] = []

    def replay(self) -> None:
        """Nothing."""

    def capture_end(self) -> None:
        """Ends a capture that `torch.cuda.graph` has left."""
        self.ended.append(self)


@pytest.mark.parametrize(("of_work", "of_the_end", "expected", "raised"), FAILURES)
def test_why_a_recording_failed(
    of_work: Exception | None,
    of_the_end: Exception | None,
    expected: Exception,
    raised: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The end of a recording that failed may fail as well: it is the first error that counts.

    Lack of memory is raised; after everything else the work goes on without a graph.
    """
    recording = [False]

    @contextmanager
    def graph(made: Graph, stream: Any) -> Iterator[None]:
        recording[0] = True
        try:
            yield
        finally:
            recording[0] = False
            if of_the_end is not None:
                raise of_the_end

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    times = []

    def work() -> None:
        if not recording[0]:  # a capture does nothing
            times.append(1)
        elif of_work is not None:
            raise of_work

    recorded = RecordedWork(work, CPU)
    recorded._recorder = recorded._cuda_graph
    for _ in range(WARM_UP):
        recorded()
    if raised:
        with pytest.raises(type(expected), match=str(expected)) as caught:
            recorded()
        assert is_out_of_memory(caught.value)
        assert len(times) == WARM_UP
        assert caplog.messages == []
    else:
        for _ in range(3):
            recorded()
        assert len(times) == WARM_UP + 3
        (said,) = caplog.messages
        assert str(expected) in said
    assert not recorded.is_recorded
    recorded.release()


def test_errors_of_the_work_itself_are_raised() -> None:
    """It is done again without a recording, where a user's error is not one of the recording."""

    def work() -> None:
        if len(times) == WARM_UP:
            raise ValueError("mine")
        times.append(1)

    def recorder(work: Any) -> Any:
        work()

    times: list[int] = []
    recorded = RecordedWork(work, CPU, recorder=recorder)
    for _ in range(WARM_UP):
        recorded()
    with pytest.raises(ValueError, match="mine"):
        recorded()


def test_an_interruption_is_raised() -> None:
    def recorder(work: Any) -> Any:
        raise KeyboardInterrupt

    recorded = RecordedWork(lambda: None, CPU, recorder=recorder)
    for _ in range(WARM_UP):
        recorded()
    with pytest.raises(KeyboardInterrupt):
        recorded()


def test_many_works_that_cannot_be_recorded_warn_once(caplog: pytest.LogCaptureFixture) -> None:
    def recorder(work: Any) -> Any:
        raise OF_A_READ

    for _ in range(5):
        recorded = RecordedWork(lambda: None, CPU, recorder=recorder)
        for _ in range(WARM_UP + 2):
            recorded()
    (said,) = caplog.messages
    assert "step by step" in said
    assert str(OF_A_READ) in said


@pytest.mark.parametrize("ends", [True, False])
def test_a_stream_that_is_still_capturing(ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The capture is ended; if that fails, too, nothing can be done on the stream."""
    capturing = [False]

    class Capture(Graph):
        def capture_end(self) -> None:
            super().capture_end()
            if not ends:
                raise RuntimeError("Capture must end on the same stream it began on.")
            capturing[0] = False

    @contextmanager
    def graph(made: Graph, stream: Any) -> Iterator[None]:
        capturing[0] = True
        yield
        raise AssertionError  # not reached

    @contextmanager
    def current(stream: Any) -> Iterator[None]:
        yield

    def work() -> None:
        times.append(capturing[0])
        if capturing[0]:
            raise OF_A_READ

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", current)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: capturing[0])
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Capture)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(recorded_module, "FREE_STREAMS", defaultdict(list))
    Graph.ended.clear()
    times: list[bool] = []
    recorded = RecordedWork(work, torch.device("cuda", 0))
    for _ in range(WARM_UP):
        recorded()
    if ends:
        recorded()
        recorded()
    else:
        with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
            recorded()
    assert len(Graph.ended) == 1
    assert times == [*[False] * WARM_UP, True, *[False] * (2 * ends)]


def test_a_failed_recording_keeps_no_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step has made until it failed is freed at once, not by the garbage collector."""

    @contextmanager
    def graph(made: Graph, stream: Any) -> Iterator[None]:
        yield

    made: list[weakref.ref[torch.Tensor]] = []

    def work() -> None:
        tensor = torch.ones(3)
        made.append(weakref.ref(tensor))
        if len(made) == WARM_UP + 1:
            raise RuntimeError("not permitted when stream is capturing")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    recorded = RecordedWork(work, CPU)
    recorded._recorder = recorded._cuda_graph
    gc.disable()
    try:
        for _ in range(WARM_UP + 2):
            recorded()
        assert len(made) == WARM_UP + 3
        assert [tensor() for tensor in made] == [None] * len(made)
    finally:
        gc.enable()


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


def test_a_stream_that_is_lost_hides_no_error_and_keeps_no_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost(self: RecordedWork) -> None:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    works = [RecordedWork(lambda: None, CPU, recorder=lambda work: work) for _ in range(2)]
    for work in works:
        for _ in range(WARM_UP + 1):
            work()
    monkeypatch.setattr(RecordedWork, "wait", lost)
    with pytest.raises(MemoryError), released_at_end(works):
        raise MemoryError
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
