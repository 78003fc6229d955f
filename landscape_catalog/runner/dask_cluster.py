"""The connection to a Dask scheduler, and the workers that may be used."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from distributed import Client

from landscape_catalog.errors import Problem, SpecError, WorkerStartError
from landscape_catalog.regular import read_regular
from landscape_catalog.runner.dask_facts import Facts, facts_of_driver, refusal
from landscape_catalog.runner.dask_worker import (
    SessionLostError,
    close_session,
    end_process,
    open_session,
)
from landscape_catalog.runner.progress import format_duration

log = logging.getLogger(__name__)

SECONDS_TO_CONNECT = 5
SECONDS_TO_ANSWER = 30
SECONDS_FOR_FIRST_WORKER = 10
SECONDS_TO_OPEN = 120  # a worker imports torch, possibly from a slow file system
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_WITHOUT_WORKERS = 600  # after which the stage gives up


class WorkerLostError(Exception):
    """The worker or the scheduler has disappeared.

    Attributes:
        counts: whether it may have been the job's fault.
    """

    def __init__(self, *, counts: bool) -> None:
        super().__init__()
        self.counts = counts


class ClusterWorker:
    """A worker that has been admitted.

    Attributes:
        address: its address.
        busy: whether it has a job.
        lost: set when it has disappeared.
        sees: whether it sees files in folders of the project and the store, by these folders.
        held: sizes and SHA-256 of the copies that it has been sent, oldest use first.
    """

    def __init__(self, address: str) -> None:
        self.address, self.busy, self.lost = address, False, asyncio.Event()
        self.sees: dict[frozenset[Path], bool] = {}
        self.held: OrderedDict[Path, tuple[str, int]] = OrderedDict()

    def no_longer_holds(self, places: list[Path]) -> None:
        """Note that the worker has removed these files and folders."""
        for path in [path for path in self.held if {path, *path.parents} & {*places}]:
            del self.held[path]


class Cluster:
    """The workers of one scheduler; everything here happens in one event loop."""

    def __init__(self, scheduler: str, device: str, session: str) -> None:
        self.scheduler, self.device, self.session = scheduler, device, session
        self.workers: dict[str, ClusterWorker] = {}
        self.client: Any = None
        self._refused: dict[str, str] = {}
        self._opening: set[str] = set()
        self._hardware: set[str] = set()
        self._driver = facts_of_driver()
        self._changed = asyncio.Condition()
        self._alone_since, self._any_lost = time.monotonic(), False
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        """Connect for the first time, and admit workers.

        Raises:
            SpecError: if no scheduler answers, or it has no worker that can be used.
        """
        try:
            self.client = await self._connected()
        except OSError:
            words = f"a running Dask scheduler: none answered within {SECONDS_TO_CONNECT} seconds"
            self._refuse(words)
        except (TypeError, ValueError) as error:  # no such protocol, or no certificate for it
            self._refuse(f"the address of a Dask scheduler: {error}")
        deadline = time.monotonic() + SECONDS_FOR_FIRST_WORKER
        while not (addresses := await self._addresses()):
            if time.monotonic() > deadline:
                self._refuse("a scheduler with at least one worker: this one has none")
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        await asyncio.gather(*(self._admit(address) for address in addresses))
        if not self.workers:
            self._refuse(f"a scheduler with a worker that can be used. {self._reasons()}")
        self._start(self._watch())

    def _reasons(self) -> str:
        return "; ".join(f"{address}: {reason}" for address, reason in self._refused.items())

    def _refuse(self, allowed: str) -> NoReturn:
        raise SpecError([Problem("execution.scheduler", repr(self.scheduler), allowed)])

    async def _connected(self) -> Any:
        """A connected client; raises OSError, of which `TimeoutError` is one."""
        client = Client(
            _address(self.scheduler),
            asynchronous=True,
            timeout=SECONDS_TO_CONNECT,
            set_as_default=False,
            name="landscape",
        )
        try:
            return await client
        except BaseException:
            with suppress(Exception):
                await client._close(fast=True)
            raise

    async def _addresses(self) -> set[str]:
        return set(await asyncio.wait_for(self.client.nthreads(), SECONDS_TO_ANSWER))

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        """Follow the workers of the cluster, and connect again if the scheduler is lost."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            try:
                if self.client.status != "running":
                    raise ConnectionError
                addresses = await self._addresses()
            except OSError:
                await self._forget(list(self.workers))
                await self._reconnect()
                continue
            lost = [address for address in self.workers if address not in addresses]
            for address in lost:
                log.warning("the Dask worker %s is lost", address)
            await self._forget(lost)
            self._refused = {name: why for name, why in self._refused.items() if name in addresses}
            for address in addresses - set(self.workers) - set(self._refused) - self._opening:
                self._opening.add(address)
                self._start(self._admit(address))

    async def _reconnect(self) -> None:
        log.warning("the Dask scheduler %s is lost; waiting for it", self.scheduler)
        with suppress(Exception):
            await self.client._close(fast=True)
        while True:
            try:
                self.client = await self._connected()
            except OSError:
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            else:
                log.info("the Dask scheduler %s is back", self.scheduler)
                return

    async def _forget(self, addresses: list[str]) -> None:
        for address in addresses:
            self.workers.pop(address).lost.set()
        if addresses:
            self._alone_since, self._any_lost = time.monotonic(), True
            async with self._changed:
                self._changed.notify_all()

    async def _admit(self, address: str) -> None:
        """Open a session on a worker, unless its results might have other bits."""
        try:
            found = await self._facts(address)
        except OSError:
            return  # it has gone again
        finally:
            self._opening.discard(address)
        reason = refusal(found, self._driver, self.device)
        if reason is not None:
            self.refuse(address, reason)
            return
        assert isinstance(found, Facts) and found.hardware is not None
        self._hardware.add(found.hardware)
        if len(self._hardware) > 1:
            log.warning(
                "the workers compute on different hardware (%s); results may differ in their bits "
                "from one to the other, and each records its own",
                "; ".join(sorted(self._hardware)),
            )
        async with self._changed:
            self.workers[address] = ClusterWorker(address)
            self._changed.notify_all()

    def refuse(self, address: str, reason: str) -> None:
        """Use a worker no more."""
        self._refused[address] = reason
        self.workers.pop(address, None)
        log.warning("the Dask worker %s is not used: %s", address, reason)

    def drop(self, worker: ClusterWorker) -> None:
        """Forget a worker that was restarted under the same address; it is admitted again."""
        self.workers.pop(worker.address, None)

    async def end(self, worker: ClusterWorker) -> None:
        """End the process of a worker that can no longer use its GPU."""
        self.refuse(worker.address, "it cannot use its GPU any more, and is ended")
        self._alone_since, self._any_lost = time.monotonic(), True  # another one may come
        with suppress(Exception):  # it may be gone already
            await self.client.run(end_process, workers=[worker.address])

    async def _facts(self, address: str) -> Facts | BaseException:
        arguments = (open_session, self.session, self.device)
        work = self.client.run(*arguments, workers=[address], on_error="return")
        found: Facts | BaseException = (await asyncio.wait_for(work, SECONDS_TO_OPEN))[address]
        if isinstance(found, OSError):
            raise found
        return found

    async def acquire(self) -> ClusterWorker:
        """Wait for a worker without a job, and reserve it.

        Raises:
            WorkerStartError: if all workers are refused, or there has been none for a long time.
        """
        while True:
            async with self._changed:
                for worker in self.workers.values():
                    if not worker.busy:
                        worker.busy = True
                        return worker
                alone = time.monotonic() - self._alone_since
                if not self.workers and self._refused and not (self._any_lost or self._opening):
                    raise WorkerStartError(f"no Dask worker can be used. {self._reasons()}")
                if not self.workers and alone > SECONDS_WITHOUT_WORKERS:
                    time_ = format_duration(SECONDS_WITHOUT_WORKERS)
                    raise WorkerStartError(f"the Dask cluster has had no worker for {time_}")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), SECONDS_BETWEEN_LOOKS)

    async def release(self, worker: ClusterWorker) -> None:
        """Give a worker back."""
        worker.busy = False
        async with self._changed:
            self._changed.notify(1)

    async def call(self, worker: ClusterWorker, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function in a worker's event loop, beside its job.

        Raises:
            WorkerLostError: if the worker or the scheduler cannot be reached.
        """
        try:
            results = await self.client.run(function, *args, workers=[worker.address])
        except SessionLostError:
            self.drop(worker)
            raise WorkerLostError(counts=False) from None
        except OSError:
            raise WorkerLostError(counts=False) from None
        return results[worker.address]

    async def close(self) -> None:
        """Close the sessions and the connection."""
        for task in list(self._tasks):
            task.cancel()
        if self.client is None:
            return
        with suppress(Exception):
            work = self.client.run(
                close_session, self.session, workers=list(self.workers), on_error="ignore"
            )
            await asyncio.wait_for(work, SECONDS_TO_CONNECT)
        with suppress(Exception):
            await self.client._close(fast=True)


def _address(scheduler: str) -> str:
    """The address of a scheduler that is given by its address or its scheduler file."""
    if "://" in scheduler:
        return scheduler
    try:
        return str(json.loads(read_regular(Path(scheduler).expanduser()).decode())["address"])
    except (
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
    ) as error:  # it may be about to be written
        raise FileNotFoundError(scheduler) from error
