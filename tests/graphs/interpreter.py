"""Kernels in Triton on a CPU, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def in_tritons_interpreter(program: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program whose kernels Triton interprets; without Triton, skip the test."""
    pytest.importorskip("triton", reason="Triton comes with torch on Linux only")
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
