"""Work that is done many times over, recorded once as a CUDA graph on a GPU.

A step of a small network is hundreds of kernels that run for microseconds each, so that a GPU waits
for Python most of the time. A CUDA graph is launched as a whole, and graphs on streams of their own
fill the GPU together. On a CPU the work is simply done anew each time, and so it is on a GPU if it
cannot be recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

import torch

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.graphs.notices import reason, warn_once

Work = Callable[[], object]
Recorder = Callable[[Work], Work]  # records work without doing it; returns what repeats it
WARM_UP = 3  # times without a graph, in which cuDNN and cuBLAS set up their workspaces
# Streams of released work, to be used again: cuBLAS keeps a workspace for every stream that it has
# seen, 65 MiB on an H100.
FREE_STREAMS: dict[torch.device, list[torch.cuda.Stream]] = defaultdict(list)


class RecordedWork:
    """Work on tensors of fixed addresses, on a stream of its own.

    Whatever changes from one time to the next must lie in tensors that the work reads, or that
    `on_stream` work has changed in place. Python's control flow and randomness are those of the
    time at which the work was recorded.

    If recording fails for another reason than lack of memory, the work is done without a graph from
    then on, with the same kernels on the same stream and so to the same bits, and a warning says
    why. What is recorded is not done, so that nothing is lost or done twice. On a card this has not
    been tried.

    Args:
        work: launches kernels, without waiting for any.
        device: where it computes.
        recorder: instead of CUDA graphs; None: these on a GPU, and no recording elsewhere.
    """

    def __init__(
        self, work: Work, device: torch.device, *, recorder: Recorder | None = None
    ) -> None:
        self.device = device
        self._work: Work | None = work
        on_gpu = device.type == "cuda"
        self.stream = _stream(device) if on_gpu else None
        self._recorder = recorder or (self._cuda_graph if on_gpu else None)
        self._replay: Work | None = None
        self._times = 0

    @property
    def is_recorded(self) -> bool:
        """Whether addresses are fixed by now."""
        return self._replay is not None

    def __call__(self) -> None:
        """Launch the work once; the first times without a graph, which computes the same."""
        assert self._work is not None, "released"
        with self.on_stream():
            if not self.is_recorded and self._recorder is not None and self._times >= WARM_UP:
                self._record()
            if self._replay is not None:
                self._replay()
            else:
                self._work()
                self._times += 1

    def _record(self) -> None:
        """Record the work, or give up recording for good."""
        assert self._work is not None and self._recorder is not None
        try:
            self._replay = self._recorder(self._work)
        except Exception as error:
            if is_out_of_memory(error) or self._is_capturing():
                raise
            self._recorder = None
            warn_once(
                "the GPU computes step by step, which is slower for small networks, because a step "
                f"could not be recorded: {reason(error)}"
            )

    def on_stream(self, *, after_others: bool = False) -> AbstractContextManager[object]:
        """Compute on the work's stream, perhaps only after the present stream's work is done."""
        if self.stream is None:
            return nullcontext()
        if after_others:
            self.follow()
        return torch.cuda.stream(self.stream)

    def follow(self) -> None:
        """Let the work wait for everything that was launched on the present stream."""
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(self.device))

    def wait(self) -> None:
        """Wait until everything that was launched is done."""
        if self.stream is not None:
            self.stream.synchronize()

    def join(self) -> None:
        """Let the present stream wait for everything that was launched."""
        if self.stream is not None:
            torch.cuda.current_stream(self.device).wait_stream(self.stream)

    def release(self, *, wait: bool = True) -> None:
        """Free the graph and its memory; it cannot be launched again.

        Work whose owner holds it is a cycle, whose tensors would wait for the garbage collector.

        Args:
            wait: for what was launched; not necessary if the stream of its tensors has joined it.
        """
        stream = self.stream
        try:
            if wait:
                self.wait()
        finally:
            self._replay = self._work = self.stream = None
        if stream is not None:
            FREE_STREAMS[self.device].append(stream)

    def _cuda_graph(self, work: Work) -> Work:
        """Record work as a CUDA graph.

        `torch.cuda.graph` ends the capture however it is left. If the capture has become invalid,
        its end raises an error, too, but takes the stream out of capture mode (so CUDA's manual);
        the error of the work is what counts then. If the end was never reached, because the work
        left another stream current, it is made up for here. What follows a failed capture on a card
        has not been tried. Before torch 2.12 its allocator did not notice the end of an invalid
        capture (pytorch 180395): further captures in the process may fail, which are done without a
        graph.
        """
        graph, failed = torch.cuda.CUDAGraph(), None
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                try:
                    work()
                except Exception as error:
                    failed = error
                    raise
        except Exception as error:
            self._end_capture(graph)
            if failed is None or error is failed:
                raise
            raise failed from error  # the recording cannot be ended either, which would hide why
        finally:
            failed = None  # or the error and this frame would hold each other, and tensors
        return graph.replay

    def _is_capturing(self) -> bool:
        """Whether the stream is still in capture mode, valid or not."""
        if self.stream is None:
            return False
        with torch.cuda.stream(self.stream):
            return torch.cuda.is_current_stream_capturing()

    def _end_capture(self, graph: torch.cuda.CUDAGraph) -> None:
        """Take the stream out of capture mode if it is still in it."""
        if self._is_capturing():
            with torch.cuda.stream(self.stream), suppress(RuntimeError):
                graph.capture_end()


def _stream(device: torch.device) -> torch.cuda.Stream:
    """A stream that no other work uses, if there is one."""
    free = FREE_STREAMS[device]
    return free.pop() if free else torch.cuda.Stream(device)


@contextmanager
def released_at_end(works: Iterable[RecordedWork]) -> Iterator[None]:
    """Release recorded work at the end, whatever happens.

    An error leaves launched work behind, which would still write to tensors that are freed by then
    and whose memory others are given.
    """
    works = list(works)
    try:
        yield
    except BaseException:
        for work in works:
            with suppress(RuntimeError):  # of a stream that is lost: the first error says why
                work.release()
        raise
    for work in works:
        work.release()
