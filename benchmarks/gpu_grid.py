"""One real grid on a GPU: ResNet18 on CIFAR-10, prepared, trained and measured.

    python benchmarks/gpu_grid.py FOLDER --cifar IMAGES [--out FOLDER]       # on the GPU
    python benchmarks/gpu_grid.py FOLDER --cifar IMAGES --packed FOLDER      # elsewhere

The first makes a project in FOLDER with 20,000 training and 1,000 test images, four widths, three
batch sizes and two seeds, and runs the stages `prepare`, `train` and `measure`, which need neither
Git nor DVC. Runs and records are packed into `--out`, in few files of some megabytes. IMAGES is a
file made by `gpu_bundle.py` or a folder with `batch_1.npz`, `batch_2.npz` and `batch_5.npz`.

The second makes the same project from what was packed, and runs `prepare`, `aggregate` and
`report`. If the grid was cut off, `--widths` and `--batch-sizes` name what is complete.
`--device cpu --toy` tries both without a GPU and without images.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
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
from safetensors.numpy import save_file

# Python before 3.11.4 has no filters, and Python 3.14 has no other default.
SAFELY: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.on_gpu import image_file  # noqa: E402
from benchmarks.on_gpu.running import kill_tree  # noqa: E402

ON_THE_GPU, ELSEWHERE = ("prepare", "train", "measure"), ("prepare", "aggregate", "report")
WIDTHS, BATCH_SIZES = (2, 4, 8, 16), (128, 512, 2048)
TOY_WIDTHS, TOY_BATCH_SIZES = (1, 2), (16,)
FEW = 96
IMAGES = Path("mine") / "cifar.safetensors"  # whose bytes depend on the images alone
STOPPING_SECONDS = 20.0
PARTS = 4  # files that the runs are packed into


def params(options: argparse.Namespace) -> dict[str, Any]:
    """The experiment as `params.yaml`; without a number of workers, it is the product's choice."""
    toy = options.toy
    execution = {"device": options.device}
    if options.workers is not None:
        execution["workers"] = options.workers
    return {
        "dataset": {"name": "arrays", "path": IMAGES.as_posix(), "test_samples": "all"},
        "model": {"name": "resnet18"},
        "load": {
            "width": options.widths or list(TOY_WIDTHS if toy else WIDTHS),
            "samples": FEW if toy else image_file.TRAINED,
        },
        "temperature": {
            "batch_size": options.batch_sizes or list(TOY_BATCH_SIZES if toy else BATCH_SIZES),
            "lr": 0.05,
        },
        "train": {"epochs": 1 if toy else 20, "seeds": 2, "stopping": "epochs"},
        "measure": {
            "hessian": {"samples": 32 if toy else 200},
            "connectivity": {"epochs": 1 if toy else 10, "batch_size": 16 if toy else 128},
            "similarity": {"samples": 32 if toy else 1000},
        },
        "classify": {"hessian": {"threshold": 100.0}, "cka": {"threshold": 0.5}},
        "report": {"title": "ResNet18 on 20,000 images of CIFAR-10, on one GPU"},
        "execution": execution,
        "variants": {},
    }  # fmt: skip


def main() -> int:
    """Make the project, run the stages, and pack or unpack the records."""
    options = _options()
    folder = options.folder.resolve()
    if options.packed is None:
        return _on_the_gpu(folder, options)
    return _elsewhere(folder, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cifar", type=Path, help="images: a file, or the folder of batches")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--workers", type=int, help="instead of the product's default")
    parser.add_argument("--out", type=Path, help="of what is packed; FOLDER/packed by default")
    parser.add_argument("--packed", type=Path, help="what was packed, to go on from elsewhere")
    parser.add_argument("--widths", type=_numbers, help="instead of all, separated by commas")
    parser.add_argument("--batch-sizes", type=_numbers, help="instead of all, the same")
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="after which a stage is stopped"
    )
    parser.add_argument("--toy", action="store_true", help="smallest sizes, to try the logic")
    options = parser.parse_args()
    if options.cifar is None and not options.toy:
        parser.error("--cifar is needed")
    return options


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _on_the_gpu(folder: Path, options: argparse.Namespace) -> int:
    """Prepare, train and measure; what is finished is packed after each stage."""
    packed = (options.out or folder / "packed").resolve()
    packed.mkdir(parents=True, exist_ok=True)
    make_project(folder, options)
    end, code, stages = time.monotonic() + options.seconds, 0, {}
    for stage in ON_THE_GPU:
        began = time.monotonic()
        code = run(stage, folder, seconds=end - began)
        stages[stage] = {"seconds": round(time.monotonic() - began, 1), "code": code}
        print(f"{stage}: {stages[stage]['seconds']} s, {code}", flush=True)
        pack(folder, packed, {"stages": stages})
        if code:
            break
    return code


def _elsewhere(folder: Path, options: argparse.Namespace) -> int:
    """Unpack, and make the catalog and the report."""
    make_project(folder, options)
    known = json.loads((options.packed / "grid.json").read_text())["images_sha256"]
    if known != _checksum(folder / IMAGES):
        print(f"--cifar: the images are not those of the grid (SHA-256 {known})")
        return 2
    for path in sorted(options.packed.glob("*.tgz")):
        with tarfile.open(path) as archive:
            archive.extractall(folder, **SAFELY)
    for stage in ELSEWHERE:
        if code := run(stage, folder, seconds=options.seconds):
            return code
    print(f"The report: {folder / 'reports' / 'phases.html'}")
    return 0


def make_project(folder: Path, options: argparse.Namespace) -> None:
    """Write the images and `params.yaml`."""
    for name in ("custom", "mine"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dvc.yaml", folder)
    write_images(folder / IMAGES, options.cifar, toy=options.toy)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params(options), file)


def run(stage: str, folder: Path, *, seconds: float) -> int:
    """Run a stage of the product; it is interrupted after this time, and keeps what is finished."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", "landscape_catalog", stage], cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    try:
        return process.wait(max(seconds, 1.0))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(STOPPING_SECONDS)
    except subprocess.TimeoutExpired:  # what is finished is packed all the same
        kill_tree(process)
        return process.wait()


def write_images(path: Path, cifar: Path | None, *, toy: bool) -> None:
    """The images as one file of arrays; made-up ones for a toy."""
    if toy:
        draw = np.random.Generator(np.random.Philox(key=0))
        train, test = (
            (draw.integers(256, size=(n, 3, 8, 8), dtype=np.uint8), np.arange(n) % 10)
            for n in (FEW, FEW // 2)
        )
    else:
        assert cifar is not None
        train, test = image_file.read(cifar)
    save_file(
        {
            "images": train[0], "labels": train[1].astype(np.int64), "test_images": test[0],
            "test_labels": test[1].astype(np.int64),
        },
        path,
    )  # fmt: skip


def pack(folder: Path, packed: Path, facts: dict[str, Any]) -> None:
    """Runs and records of `data/`, without the images."""
    runs = sorted((folder / "data" / "runs").glob("*"))
    kept = (folder / "data" / "measurements").glob("*.json")
    _write(packed / "records.tgz", folder, [*kept, *(folder / ".landscape").glob("timings.jsonl")])
    for part in range(PARTS):
        files = [path for run in runs[part::PARTS] for path in run.rglob("*") if path.is_file()]
        _write(packed / f"runs{part}.tgz", folder, files)
    facts = {**facts, "images_sha256": _checksum(folder / IMAGES)}
    (packed / "grid.json").write_text(json.dumps(facts, indent=1) + "\n")


def _write(path: Path, folder: Path, files: Iterable[Path]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(files):
            archive.add(file, file.relative_to(folder))


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
