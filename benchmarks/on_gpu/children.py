"""Processes that a part of the GPU benchmark starts, which answer in lines of JSON."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def _environment() -> dict[str, str]:
    """This process's, with its packages."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


class Child:
    """`python -m module argument` with this process's packages, which runs besides this process.

    Args:
        module: prints a line of JSON at its end.
        argument: passed to it as JSON.
        hides_gpus: whether it computes on the CPU alone.
    """

    def __init__(self, module: str, argument: Any, *, hides_gpus: bool) -> None:
        environment = _environment()
        if hides_gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(argument)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, seconds: float) -> Any:
        """What it printed.

        Raises:
            RuntimeError: if it failed.
            subprocess.TimeoutExpired: if it has not ended in time; it is stopped.
        """
        try:
            out, problems = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise
        if self._process.returncode:
            last = problems.strip().splitlines()[-3:]
            raise RuntimeError(f"a process ended with {self._process.returncode}: {last}")
        return json.loads(out.strip().splitlines()[-1])

    def stop(self) -> None:
        """End the process, if it has not ended."""
        self._process.kill()
        self._process.communicate()


class Servant:
    """`python -m module`, which reads commands as lines of JSON and answers each with one.

    Args:
        module: reads commands from its standard input until it ends.
    """

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], env=_environment(), cwd=ROOT, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._read, self._told = b"", 0

    def tell(self, **command: Any) -> None:
        """Send a command, without waiting for its answer."""
        assert self._process.stdin is not None
        self._told += 1
        line = json.dumps({**command, "number": self._told})
        self._process.stdin.write(line.encode() + b"\n")

    def answer(self, seconds: float) -> dict[str, Any]:
        """The answer to the last command; those to former ones are left out.

        Raises:
            TimeoutError: if there is none in time.
            RuntimeError: if the process has ended, or says that the command failed.
        """
        end, number = time.monotonic() + seconds, 0
        while number < self._told:
            answer: dict[str, Any] = json.loads(self._line(end))
            number = answer.pop("number")
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def _line(self, end: float) -> bytes:
        """The next line, until a time of the monotonic clock."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._read:
                if not selector.select(max(end - time.monotonic(), 0)):
                    raise TimeoutError("a process has not answered in time")
                found = self._process.stdout.read(65536)
                if not found:
                    raise RuntimeError(f"a process ended with {self._process.wait()}")
                self._read += found
        line, _, self._read = self._read.partition(b"\n")
        return line

    def ask(self, seconds: float, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.tell(**command)
        return self.answer(seconds)

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
