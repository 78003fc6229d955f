"""Parts of the GPU benchmark as processes with time limits, which end with all their children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

GRACE = 8.0  # seconds after its limit at which a part that has not ended by itself is killed
REAPING_SECONDS = 5.0
POLLING_SECONDS = 0.05


@dataclass(frozen=True)
class Ended:
    """How a part ended.

    Attributes:
        how: `ended`, `stopped` (killed at its limit) or `crashed`.
        code: exit code of its process; negative: the signal that ended it.
        seconds: that it ran.
        limit: seconds after which it begins nothing new.
    """

    how: str
    code: int
    seconds: float
    limit: float


class Running:
    """A process of a part, the leader of a process group.

    It gets a process group and not a session of its own: whoever ends this command's session, as a
    machine does that is given back, ends the parts as well.

    Args:
        command: what is run.
        seconds: its time limit.
        log: file that its output is appended to.
        folder: where it runs.
        environment: its variables.
    """

    def __init__(
        self, command: Sequence[str], seconds: float, *,
        log: Path, folder: Path, environment: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.limit, self.began = seconds, time.monotonic()
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, process_group=0, env=dict(environment),
            )  # fmt: skip

    def wait(self) -> Ended:
        """Wait until it ends, or kill it and its children `GRACE` seconds after its limit."""
        while (found := self.poll()) is None:
            time.sleep(POLLING_SECONDS)
        return found

    def poll(self) -> Ended | None:
        """How it ended; None if it has not, and has time left."""
        spent, code = time.monotonic() - self.began, self.process.poll()
        if code is None and spent < self.limit + GRACE:
            return None
        how = "stopped" if code is None else "crashed" if code else "ended"
        self.kill()
        return Ended(how, self.process.wait(), round(spent, 1), self.limit)

    def kill(self) -> None:
        """Kill it and every process that it or its children have started.

        The group has those that outlived their parent; a child with a group of its own, as the
        processes of torch.compile may have, is found while its parents are there.
        """
        kill_tree(self.process, of_group=True)


def kill_tree(process: subprocess.Popen[bytes], *, of_group: bool = False) -> None:
    """Kill a process and its descendants.

    Args:
        process: the process.
        of_group: whether it leads a process group, of which nothing is to be left.
    """
    found = _children(process.pid)
    if of_group:
        with suppress(ProcessLookupError, PermissionError):  # none is left, or none but zombies
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    for child in found:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(found, timeout=REAPING_SECONDS)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []
