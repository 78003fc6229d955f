"""Processor seconds that `landscape prepare` takes to try a custom network, on one thread.

    python benchmarks/trial.py

A small network, and ResNet18 k = 64 as if it were a user's own, on digits (8 x 8, resized to
32 x 32), without the preparation of the data. docs/performance.md quotes the table.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe, table
from landscape_catalog.paths import STORE_VARIABLE
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.prepare.validate import validate_networks
from landscape_catalog.pipeline.shared.workspace import open_workspace

MODULE = """\
from torch import nn
from landscape_catalog.models.resnet import resnet18


def small(width, input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Tanh(), nn.Linear(width, n_outputs))


def large(width, input_shape, n_outputs):
    return resnet18(width=width, in_channels=input_shape[0], num_classes=n_outputs)
"""
PARAMS = """\
dataset: {{name: digits, test_samples: 100, resize: {resize}}}
model: {{name: "timed:{function}"}}
load: {{width: [{width}], samples: 200}}
temperature: {{batch_size: 50}}
train: {{seeds: 2}}
measure: {{hessian: {{}}, connectivity: {{batch_size: 50}}, similarity: {{}}}}
classify: {{}}
report: {{}}
variants: {{}}
execution: {{device: cpu, engine: serial}}
"""
CASES = {
    "two linear layers, width 16": ("small", 16, "null"),
    "ResNet18 k = 64, 8 x 8": ("large", 64, "null"),
    "ResNet18 k = 64, 32 x 32": ("large", 64, "32"),
}


def seconds_of(folder: Path, function: str, width: int, resize: str) -> float:
    """Processor seconds of the trial alone, the second time, when torch is loaded."""
    (folder / "custom").mkdir(parents=True)
    (folder / "custom" / "timed.py").write_text(MODULE)
    params = PARAMS.format(function=function, width=width, resize=resize)
    (folder / "params.yaml").write_text(params)
    os.environ[STORE_VARIABLE] = str(folder / "store")
    run_prepare(folder)
    workspace = open_workspace(folder)
    start = time.process_time()
    validate_networks(workspace)
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            [name, f"{seconds_of(Path(folder) / str(number), *case):.1f}"]
            for number, (name, case) in enumerate(CASES.items())
        ]
    print(table(["network", "seconds"], rows))


if __name__ == "__main__":
    main()
