"""A Dask cluster of processes on this machine: scheduler and workers can be killed and restarted."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from tests.conftest import ROOT
from tests.stages import wait_until


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def can_hide() -> bool:
    """Whether processes can be started here that do not see a folder."""
    if shutil.which("unshare") is None:
        return False
    words = ["unshare", *NAMESPACE, "mount", "-t", "tmpfs", "none", "/tmp"]
    return subprocess.run(words, capture_output=True).returncode == 0


NAMESPACE = (
    ("--mount",) if os.name == "posix" and os.getuid() == 0 else ("--map-root-user", "--mount")
)


class LocalProcesses:
    """A scheduler and workers, which end with the `with` block.

    Attributes:
        address: of the scheduler.
        workers: processes of the workers, oldest first.
    """

    def __init__(self, workers: int = 0, *, hidden: Path | None = None) -> None:
        """
        Args:
            workers: number of workers to start with.
            hidden: a folder that workers see as empty.
        """
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.hidden = hidden
        self.workers: list[subprocess.Popen[bytes]] = []
        self.folder = Path(tempfile.mkdtemp(prefix="dask-", dir="/var/tmp"))
        self.scheduler: subprocess.Popen[bytes] | None = None
        self._start = workers

    def __enter__(self) -> LocalProcesses:
        self.start_scheduler()
        wait_until(lambda: (self.folder / "log").exists() and "Scheduler at" in self.log())
        for _ in range(self._start):
            self.add_worker()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        processes = [*self.workers, self.scheduler]
        for process in processes:
            if process is not None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_scheduler(self) -> None:
        words = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = self._run("scheduler", words, {}, [])

    def add_worker(self, *, threads: int = 1, code: Path = ROOT) -> subprocess.Popen[bytes]:
        """Start a worker.

        Args:
            threads: its number of threads.
            code: the folder from which it imports the package.
        """
        words = [
            self.address, "--nthreads", str(threads), "--no-nanny", "--no-dashboard",
            "--memory-limit", "0", "--local-directory", str(self.folder),
        ]  # fmt: skip
        before = []
        if self.hidden is not None:
            script = 'mount -t tmpfs none "$0" && exec "$@"'
            before = ["unshare", *NAMESPACE, "sh", "-c", script, str(self.hidden)]
        process = self._run("worker", words, {"PYTHONPATH": str(code)}, before)
        self.workers.append(process)
        return process

    def kill_worker(self) -> None:
        """Kill the oldest worker."""
        process = self.workers.pop(0)
        process.kill()
        process.wait()

    def restart_scheduler(self) -> None:
        """Kill the scheduler and start another at the same address; workers end with the first."""
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()
        self.start_scheduler()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _run(
        self, kind: str, words: list[str], variables: dict[str, str], before: list[str]
    ) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as stream:
            return subprocess.Popen(
                [*before, sys.executable, "-m", f"distributed.cli.dask_{kind}", *words],
                stdout=stream,
                stderr=stream,
                cwd=self.folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
            )
