"""One real grid on a GPU: ResNet18 on CIFAR-10, prepared, trained and measured.

    python benchmarks/gpu_grid.py FOLDER [--cifar FOLDER] [--device cpu --toy]

Makes a project in FOLDER with 20,000 training images (`batch_1.npz` and `batch_2.npz` of `--cifar`)
and the first 1,000 of `batch_5.npz` for testing, four widths, three batch sizes and two seeds, and
runs the stages `prepare`, `train` and `measure`, which need neither Git nor DVC. Runs and records
are then packed into `FOLDER/packed`, in files of at most some megabytes, from which `aggregate` and
`report` go on elsewhere.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("prepare", "train", "measure")
TRAINING, TEST = ("batch_1.npz", "batch_2.npz"), "batch_5.npz"
FEW, TESTED = 96, 1000
STOPPING_SECONDS = 20.0
PARTS = 4  # files that the runs are packed into


def params(*, device: str, toy: bool) -> dict[str, Any]:
    """The experiment as `params.yaml`."""
    samples = FEW if toy else 20_000
    return {
        "dataset": {"name": "arrays", "path": "mine/cifar.npz", "test_samples": "all"},
        "model": {"name": "resnet18"},
        "load": {"width": [1, 2] if toy else [2, 4, 8, 16], "samples": samples},
        "temperature": {"batch_size": [16] if toy else [128, 512, 2048], "lr": 0.05},
        "train": {"epochs": 1 if toy else 20, "seeds": 2, "stopping": "epochs"},
        "measure": {
            "hessian": {"samples": 32 if toy else 200},
            "connectivity": {"epochs": 1 if toy else 10, "batch_size": 16 if toy else 128},
            "similarity": {"samples": 32 if toy else 1000},
        },
        "classify": {"hessian": {"threshold": 100.0}, "cka": {"threshold": 0.5}},
        "report": {"title": "ResNet18 on 20,000 images of CIFAR-10, on one GPU"},
        "execution": {"device": device, "workers": 2 if toy else 4},
        "variants": {},
    }


def main() -> int:
    """Make the project, run the stages, and pack the records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cifar", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="after which a stage is stopped"
    )
    parser.add_argument("--toy", action="store_true", help="smallest sizes, to try the logic")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dvc.yaml", folder)
    (folder / "custom").mkdir(exist_ok=True)
    write_images(folder / "mine" / "cifar.npz", options.cifar, toy=options.toy)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params(device=options.device, toy=options.toy), file)
    end, code = time.perf_counter() + options.seconds, 0
    for stage in STAGES:
        began = time.perf_counter()
        code = run(stage, folder, seconds=end - began)
        print(f"{stage}: {time.perf_counter() - began:.1f} s, {code}", flush=True)
        pack(folder)
        if code:
            break
    return code


def run(stage: str, folder: Path, *, seconds: float) -> int:
    """Run a stage of the product; it is interrupted after this time, and keeps what is finished."""
    process = subprocess.Popen([sys.executable, "-m", "landscape_catalog", stage], cwd=folder)
    try:
        return process.wait(max(seconds, 1.0))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(STOPPING_SECONDS)
    except subprocess.TimeoutExpired:  # what is finished is packed all the same
        process.kill()
        return process.wait()


def write_images(path: Path, cifar: Path | None, *, toy: bool) -> None:
    """The images of the batches as one file of arrays; made-up ones for a toy."""
    path.parent.mkdir(exist_ok=True)
    if toy:
        draw = np.random.Generator(np.random.Philox(key=0))
        train, test = (
            (draw.integers(256, size=(n, 3, 32, 32), dtype=np.uint8), np.arange(n) % 10)
            for n in (FEW, FEW // 2)
        )
    else:
        assert cifar is not None, "--cifar"
        batches = [np.load(cifar / name) for name in TRAINING]
        train = (
            np.concatenate([batch["images"] for batch in batches]),
            np.concatenate([batch["labels"] for batch in batches]),
        )
        last = np.load(cifar / TEST)
        test = last["images"][:TESTED], last["labels"][:TESTED]
    np.savez(
        path, images=train[0], labels=train[1].astype(np.int64), test_images=test[0],
        test_labels=test[1].astype(np.int64),
    )  # fmt: skip


def pack(folder: Path) -> None:
    """Runs and records of `data/`, without the images."""
    packed, runs = folder / "packed", sorted((folder / "data" / "runs").glob("*"))
    packed.mkdir(exist_ok=True)
    kept = [p for p in (folder / "data").rglob("*.json") if p.parent.parent.name != "runs"]
    _write(packed / "records.tgz", folder, kept)
    for part in range(PARTS):
        files = [path for run in runs[part::PARTS] for path in run.rglob("*") if path.is_file()]
        _write(packed / f"runs{part}.tgz", folder, files)


def _write(path: Path, folder: Path, files: Iterable[Path]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(files):
            archive.add(file, file.relative_to(folder))


if __name__ == "__main__":
    sys.exit(main())
