"""Pebble's pool of processes, with workers that a Ctrl-C does not reach and that end at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.context import BaseContext, SpawnContext, SpawnProcess
from types import FrameType
from typing import Any, NoReturn

from pebble import ProcessPool
from pebble.pool import process as pebble_process
from pebble.pool.process import PoolManager

SECONDS_TO_END = 2.0
FRUITLESS_STARTS = 2  # per worker of the pool: how many may end before any takes a job
_SIGNALS = {signal.SIGINT, signal.SIGTERM}
LONGEST_FOLDER = 70  # bytes; the name of the socket in it takes 31 more
IMPORTED_ONCE = ["torch", "pydantic"]  # heavy, and their import looks for no GPU


class _Worker(SpawnProcess):
    """A process that starts with Ctrl-C blocked: an interpreter that starts would print it."""

    def __init__(self, *args: Any, variables: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._variables = variables

    def start(self) -> None:
        with blocked_signals(), _environment(self._variables):
            super().start()


class _Context(SpawnContext):
    """Starts workers, each with the environment of one that is missing.

    Args:
        environments: variables that each worker has in addition to this process's.
    """

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self._environments = environments
        self._workers: dict[int, _Worker] = {}  # by the index of their environment

    def Process(self, *args: Any, **kwargs: Any) -> _Worker:  # type: ignore[override]  # noqa: N802
        living = {index for index, worker in self._workers.items() if worker.is_alive()}
        missing = min(set(range(len(self._environments))) - living, default=0)
        worker = _Worker(*args, variables=self._environments[missing], **kwargs)
        self._workers[missing] = worker
        return worker


_WORKERS: tuple[type, ...] = (_Worker,)
if sys.platform == "linux":
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    class _ForkedWorker(ForkServerProcess):
        """A process forked from one that has only imported `IMPORTED_ONCE`.

        A spawned worker takes two seconds of processor time to import torch, and more memory.
        """

        def start(self) -> None:
            self._variables = dict(os.environ)  # the process that is forked has the first pool's
            # Like a script, and unlike `python -c`, it finds no modules in the current folder.
            with blocked_signals(), _environment({"PYTHONSAFEPATH": "1"}):
                super().start()

        def run(self) -> None:
            os.environ.clear()
            os.environ.update(self._variables)
            super().run()

    class _ForkContext(ForkServerContext):
        Process = _ForkedWorker

    _WORKERS = (_Worker, _ForkedWorker)


def _context(environments: Sequence[Mapping[str, str]], *, use_gpus: bool) -> BaseContext:
    """Workers that compute on CPUs are forked on Linux; all others are spawned.

    CUDA must not be used in a process before it is forked, and libraries may read the variables
    that choose a worker's GPU when they are loaded. The process that is forked listens on a socket
    in the folder for temporary files, whose name the system limits to 108 bytes; below a folder
    with a long name, workers are spawned as well.
    """
    is_long = len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER
    if sys.platform != "linux" or use_gpus or is_long:
        return _Context(environments)
    multiprocessing.set_forkserver_preload(IMPORTED_ONCE)
    return _ForkContext()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, which processes that are started meanwhile inherit."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def blocked_signals() -> Iterator[None]:
    """Delay signals until the end; processes that are started meanwhile inherit them as blocked."""
    with _postponed_handlers():
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _postponed_handlers() -> Iterator[None]:
    """Call Python's handlers of signals only at the end.

    A signal that is blocked in the main thread reaches another thread, and Python nevertheless runs
    its handler in the main thread: an exception there would leave a process half started.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    former = {one: signal.signal(one, lambda *given: came.append(given)) for one in _SIGNALS}
    try:
        yield
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)
        for number, frame in came[:1]:
            handler = former[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)
            elif handler == signal.SIG_DFL:
                signal.raise_signal(number)


def ignore_ctrl_c() -> None:
    """In a worker: leave Ctrl-C to the parent, and accept other signals again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def end_after_result() -> None:
    """In a worker: end once the present job's result has been sent, before another job is taken.

    The pool replaces a worker that ends with exit code 0 without counting it as a death.
    """

    def no_further_task(channel: Any) -> NoReturn:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(0)  # at once, without what torch would still do with a GPU that has failed

    pebble_process.fetch_task = no_further_task


class _Manager(PoolManager):
    """Replaces a worker that ends before it takes a job, instead of giving up the whole pool."""

    _n_lost = 0

    def find_expired_task(self, worker_id: int) -> Any:
        tasks = list(self.task_manager.tasks.values())
        for task in tasks:
            if task.worker_id == worker_id:
                self._n_lost = 0
                return task
        if not any(task.worker_id for task in tasks):  # no worker has a job
            self._n_lost += 1
            if self._n_lost >= FRUITLESS_STARTS * self.worker_manager.workers_number:
                return super().find_expired_task(worker_id)  # raises
        raise LookupError

    def stop(self) -> None:
        """End the workers before the locks are removed, which one that is starting still opens."""
        self.worker_manager.force_stop_workers()
        self.worker_manager.close_channels()


class WorkerPool(ProcessPool):
    """A pool of processes that each start with a call of `initializer`.

    Args:
        environments: variables of each worker, which are set before it starts. A worker that
            replaces another one has the same.
        initializer: called in each worker.
        use_gpus: whether workers may use CUDA devices.
    """

    def __init__(
        self,
        environments: Sequence[Mapping[str, str]],
        initializer: Callable[[], None],
        *,
        use_gpus: bool = False,
    ) -> None:
        context = _context(environments, use_gpus=use_gpus)
        count = len(environments)
        super().__init__(max_workers=count, initializer=initializer, context=context)
        self._pool_manager = _Manager(self._context, context)

    def end(self) -> None:
        """End all workers, whatever they do: files are only ever written whole."""
        self.stop()
        end_workers()
        self.join()
        end_workers()  # one that was being started


def end_workers() -> None:
    """Ask this process's workers to end, and kill those that do not within two seconds."""
    workers = [one for one in multiprocessing.active_children() if isinstance(one, _WORKERS)]
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + SECONDS_TO_END
    for worker in workers:
        worker.join(max(deadline - time.monotonic(), 0))
        if worker.is_alive():
            worker.kill()
            worker.join()
