"""The course of jobs on a Dask cluster: their files travel, and lost ones start again elsewhere."""

from __future__ import annotations

import asyncio
import pickle
import time
import uuid
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from distributed import KilledWorker
from distributed.client import FutureCancelledError

from landscape_catalog.errors import LandscapeError, WorkerDiedError
from landscape_catalog.paths import TEMPORARY_PREFIX
from landscape_catalog.runner.dask_cluster import Cluster, ClusterWorker, WorkerLostError
from landscape_catalog.runner.dask_files import Files
from landscape_catalog.runner.dask_session import Contents, Order, Outcome, Stamp
from landscape_catalog.runner.dask_worker import RESTARTED, collect, run_job, stop
from landscape_catalog.runner.executor import JobFunction
from landscape_catalog.runner.portable import Input, Output, Portable, stamp
from landscape_catalog.store.files import explained_storage, remove, write_file

MOST_DEATHS = 3
SECONDS_UNTIL_NEXT_TRY = 0.5
SECONDS_BETWEEN_COLLECTIONS = 2.0
SECONDS_UNTIL_VISIBLE = 60.0  # network file systems may show a new file that late


class _Job:
    """A job and what has become of it so far.

    Attributes:
        key: identifies it.
        function: called with the payload and the worker's cache.
        payload: what is left of it.
        former: stamps of the artifacts before it started.
        known: stamps, on its worker, of what has been fetched.
        kept: the artifacts that have been fetched.
        deaths: how many workers it has lost since its last progress.
        progress: changes with each new checkpoint or artifact.
    """

    def __init__(self, function: JobFunction[Any], payload: Any) -> None:
        self.key, self.function, self.payload = uuid.uuid4().hex, function, payload
        self.former = {output.key: stamp(output.path) for output in self.outputs()}
        self.known: dict[str, Stamp] = {}
        self.kept: set[str] = set()
        self.deaths, self.progress = 0, self._progress()

    def outputs(self) -> list[Output]:
        return list(self.payload.outputs()) if isinstance(self.payload, Portable) else []

    def _progress(self) -> set[Any]:
        return {(path, stamp(path)) for output in self.outputs() for path in output.places()}

    def count_death(self) -> None:
        """Count a lost worker, from 1 again if there was progress.

        Raises:
            WorkerDiedError: if too many were lost without any.
        """
        progress = self._progress()
        self.deaths = self.deaths + 1 if progress == self.progress else 1
        self.progress = progress
        if self.deaths >= MOST_DEATHS:
            raise WorkerDiedError(
                f"its worker died {MOST_DEATHS} times without a new checkpoint; out of memory?",
                deaths=MOST_DEATHS,
            )

    def drop_finished(self) -> None:
        """Leave out what is already there."""
        finished = [output.key for output in self.outputs() if self._is_finished(output)]
        if finished:
            self.payload = self.payload.without(finished)

    def _is_finished(self, output: Output) -> bool:
        if stamp(output.path) in (None, self.former[output.key]):
            return False
        with suppress(LandscapeError, OSError):
            output.cache.read(output.path)
            return True
        return False


class Jobs:
    """All jobs of a stage; everything here happens in the event loop of its cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._running: set[asyncio.Task[Any]] = set()
        self._files = Files(cluster)
        self._unfinished: set[Path] = set()  # folders to which a lost worker may have been writing

    async def complete(self, function: JobFunction[Any], payload: Any, future: Future[Any]) -> None:
        """Run a job until it has an outcome, which the future gets.

        The outcome is set here, since an event loop would end itself at a job's `SystemExit`.
        """
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            outcome = await self._complete(_Job(function, payload))
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:
            future.set_exception(error)
        else:
            if outcome.error is None:
                future.set_result(outcome.value)
            else:
                future.set_exception(_error(outcome))
        finally:
            self._running.discard(task)

    async def _complete(self, job: _Job) -> Outcome:
        """The outcome of a job, on as many workers as are lost or refused meanwhile."""
        while True:
            worker = await self._cluster.acquire()
            job.drop_finished()  # only now, since a worker without scheduler may finish its job
            try:
                outcome = await self._attempt(job, worker)
                if outcome.device_failed:
                    await self._cluster.end(worker)  # before another job is given to it
            except WorkerLostError as lost:
                self._unfinished |= {output.cache.local for output in job.outputs()}
                if lost.counts:
                    job.count_death()
                else:
                    await asyncio.sleep(SECONDS_UNTIL_NEXT_TRY)
                continue
            finally:
                await self._cluster.release(worker)
            if outcome.unusable is None:
                return outcome
            if outcome.unusable == RESTARTED:
                self._cluster.drop(worker)
            else:
                self._cluster.refuse(worker.address, outcome.unusable)

    async def _attempt(self, job: _Job, worker: ClusterWorker) -> Outcome:
        """Run a job on a worker.

        Raises:
            WorkerLostError: if the worker or the scheduler disappeared before it was done.
        """
        inputs: list[Input] = []
        moved = False
        if isinstance(job.payload, Portable):
            moved = not await self._files.are_seen(worker, job.payload)
            inputs = [item for item in job.payload.inputs() if item.sha256 is not None]
            if moved:
                inputs = await self._files.send(worker, job.payload)
        job.known = {}
        order = Order(job.function, job.payload, moved, tuple(inputs))
        future = self._cluster.client.submit(
            run_job, self._cluster.session, job.key, pickle.dumps(order),
            key=f"landscape-{uuid.uuid4().hex}", workers=[worker.address], pure=False,
        )  # fmt: skip
        try:
            outcome = await self._outcome(future, job, worker, moved)
        except asyncio.CancelledError:
            await asyncio.shield(self._stop(job, worker))
            raise
        finally:
            future.release()
        if moved:
            await self._keep(job, worker, outcome)
        elif outcome.error is None and outcome.unusable is None:
            await _until_visible(job.outputs())
        return outcome

    async def _outcome(self, future: Any, job: _Job, worker: ClusterWorker, moved: bool) -> Outcome:
        """The outcome of a submitted job, while fetching its checkpoints."""
        result = asyncio.ensure_future(_result(future))
        lost = asyncio.ensure_future(worker.lost.wait())
        try:
            while True:
                await asyncio.wait(
                    {result, lost},
                    timeout=SECONDS_BETWEEN_COLLECTIONS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if result.done():
                    return result.result()
                if lost.done():
                    raise WorkerLostError(counts=True)
                if moved:
                    await self._collect(job, worker)
        finally:
            result.cancel(), lost.cancel()

    async def _stop(self, job: _Job, worker: ClusterWorker) -> None:
        with suppress(Exception):
            await self._cluster.call(worker, stop, job.key)

    async def _collect(self, job: _Job, worker: ClusterWorker) -> None:
        """Fetch the checkpoints and artifacts that a running job has written."""
        found = await self._cluster.call(worker, collect, self._cluster.session, job.key, job.known)
        for output in job.outputs():
            if output.key not in found:
                continue
            written, checkpoint, contents = found[output.key]
            if contents is not None:
                await asyncio.to_thread(_receive, output, contents)
                job.kept.add(output.key)
            elif output.checkpoint is not None:
                await asyncio.to_thread(write_file, output.checkpoint, checkpoint)
            job.known[output.key] = written

    async def _keep(self, job: _Job, worker: ClusterWorker, outcome: Outcome) -> None:
        """Write what a job has made; its worker has removed all files of these artifacts."""
        for output in job.outputs():
            contents = outcome.artifacts.get(output.key)
            if contents is not None and output.key not in job.kept:
                await asyncio.to_thread(_receive, output, contents)
            worker.no_longer_holds(output.places())

    async def end(self, *, cancel: bool) -> None:
        """Wait for all jobs, or cancel them and stop them on their workers; tidy up."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        if cancel:
            for task in running:
                task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._files.end()
        for folder in self._unfinished:  # in the project, in which no other stage is running
            for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
                with suppress(OSError, LandscapeError):
                    remove(path)


async def _result(future: Any) -> Outcome:
    """The outcome of a job on Dask.

    Raises:
        WorkerLostError: if its worker died, or the scheduler was lost and has cancelled it.
    """
    try:
        outcome: Outcome = await future
    except FutureCancelledError:
        raise WorkerLostError(counts=False) from None
    except KilledWorker:
        raise WorkerLostError(counts=True) from None
    except OSError:
        raise WorkerLostError(counts=False) from None  # while the outcome was fetched
    return outcome


def _receive(output: Output, contents: Contents) -> None:
    """Write an artifact that a worker has sent to the project and the store, once verified."""
    with explained_storage(output.path):
        output.cache.receive(output.key, contents)
    if output.checkpoint is not None:
        remove(output.checkpoint)


def _error(outcome: Outcome) -> BaseException:
    """The error that a job has raised, with its traceback on the worker as a note."""
    reason, trace = outcome.words
    try:
        error: BaseException = pickle.loads(outcome.error or b"")
    except Exception:  # its class may be one of custom code
        error = RuntimeError(reason)
    error.add_note(f"\nOn the worker:\n{trace}")
    return error


async def _until_visible(outputs: list[Output]) -> None:
    """Wait until this machine sees what a worker has written to a shared file system.

    Raises:
        WorkerDiedError: if it does not.
    """
    deadline = time.monotonic() + SECONDS_UNTIL_VISIBLE
    while missing := [output.path for output in outputs if not output.path.exists()]:
        if time.monotonic() > deadline:
            raise WorkerDiedError(f"its worker has written {missing[0]}, which is not visible here")
        for path in missing:
            list(path.parent.iterdir())  # makes a network file system look again
        await asyncio.sleep(0.1)
