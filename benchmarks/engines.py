"""What an engine costs for each job: 1,000 jobs that only write a small file.

    python benchmarks/engines.py [--jobs 1000] [--workers 2]

Every engine runs the same jobs on the same number of workers (`serial` on one), on this machine;
Dask has a scheduler and workers in processes of their own, first with a shared file system, then
without one: inputs are sent, results are fetched, verified and written by the stage. The clock
starts when each worker has run a job, so that starting Python and importing torch is not counted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from distributed import LocalCluster

from benchmarks.machine import describe
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.jobs import Job, run_jobs
from landscape_catalog.runner.portable import Input, Move, Output
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.timings import Work
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.cache import ArtifactCache
from landscape_catalog.store.files import write_file

CONTENT = b"x" * 1000


@dataclass(frozen=True)
class Writing:
    """A job that reads one file and writes another, as a measurement does."""

    data: Path
    cache: ArtifactCache
    key: str

    def inputs(self) -> list[Input]:
        """The file that is read."""
        return [Input(self.data)]

    def outputs(self) -> list[Output]:
        """The file that is written."""
        return [Output(self.cache, self.key)] if self.key else []

    def moved(self, to: Move) -> Writing:
        """The payload with its files in other places."""
        return replace(self, data=to(self.data), cache=self.cache.moved(to))

    def without(self, keys: Collection[str]) -> Writing:
        """The payload, without the file if it is already written."""
        return replace(self, key="") if self.key in keys else self


def write(payload: Writing, cache: WorkerCache) -> None:
    """Write the file to the project and the store, unless it is already there."""
    if not payload.key:
        return
    write_file(payload.cache.path(payload.key), payload.data.read_bytes())
    payload.cache.share(payload.key)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    print(describe() + "\n")
    print(f"| engine | workers | seconds for {chosen.jobs} jobs | ms a job |\n|---|---|---|---|")
    rows = [("serial", 1, Execution(engine="serial"), True)]
    rows += [("local", chosen.workers, Execution(engine="local", workers=chosen.workers), True)]
    with LocalCluster(
        n_workers=chosen.workers, threads_per_worker=1, dashboard_address=None, memory_limit=0
    ) as cluster:
        dask = Execution(engine="dask", scheduler=cluster.scheduler_address, device="cpu")
        rows += [("dask, shared files", chosen.workers, dask, True)]
        rows += [("dask, files sent", chosen.workers, dask, False)]
        for name, workers, execution, shared in rows:
            seconds = measured(execution, workers, chosen.jobs, shared=shared)
            milliseconds = 1000 * seconds / chosen.jobs
            print(f"| {name} | {workers} | {seconds:.2f} | {milliseconds:.2f} |", flush=True)


def measured(execution: Execution, workers: int, jobs: int, *, shared: bool) -> float:
    """Seconds that an engine takes for the jobs."""
    from benchmarks.engines import write  # by its name on workers, not as `__main__`

    with tempfile.TemporaryDirectory() as folder, tokens(shared=shared):
        with chosen_executor(execution) as executor:
            while executor.count < workers:
                time.sleep(0.1)
            run(executor, write, Path(folder), [f"first {i}" for i in range(4 * workers)])
            started = time.perf_counter()
            run(executor, write, Path(folder), [f"job {i}" for i in range(jobs)])
            return time.perf_counter() - started


def run(
    executor: Executor, function: Callable[..., None], folder: Path, keys: Collection[str]
) -> None:
    """Run jobs, which must succeed."""
    write_file(folder / "data", CONTENT)
    cache = ArtifactCache(folder / "local", folder / "shared", ".bin", Path.read_bytes)
    work = Work("train", "resnet18", 1, 1, 1, 0)
    jobs = [Job(key, Writing(folder / "data", cache, key), work) for key in keys]
    failures = run_jobs(executor, function, jobs, on_done=lambda job, seconds: None)
    if failures:
        raise SystemExit(failures[0].details)


@contextmanager
def tokens(*, shared: bool) -> Iterator[None]:
    """Without a shared file system, workers do not find the stage's tokens."""
    if shared:
        yield
    else:
        with mock.patch("landscape_catalog.runner.dask_files.write_file"):
            yield


if __name__ == "__main__":
    main()
