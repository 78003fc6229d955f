"""What a bare GPU machine without internet needs to run `gpu.py` and `gpu_grid.py`, in one folder.

    python benchmarks/gpu_bundle.py [--cifar FOLDER] [--golden FOLDER] [--out FOLDER]

Writes into `--out` (`build/gpu-bundle`, which Git ignores):

- `wheels/`: this project's wheel, and those of packages that the machine lacks (`--missing`), in
  the versions of `constraints.txt`, for Linux on x86-64 and the Python of `--python`;
- `few.npz`: 5,000 training and 1,000 test images of CIFAR-10, for `gpu.py --cifar`;
- `images.npz`: 20,000 and 1,000, for `gpu_grid.py --cifar`;
- `golden/`: the authors' networks, for `gpu.py --golden`.

Then prints the size of what each of the two calls carries, together with the files that Git tracks,
and fails if one is above `--most`. docs/gpu.md says how the machine uses it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.on_gpu import image_file  # noqa: E402

MIB = 2**20
# What images of containers with torch usually lack or have in older versions. There must be torch,
# torchvision, Triton, NumPy, SciPy and Pillow; `tests/benchmarks/test_gpu_bundle.py` proves that
# nothing else is imported.
ASSUMED = ("torch", "torchvision", "triton", "numpy", "scipy", "pillow")
MISSING = (
    "pydantic", "pydantic_core", "annotated-types", "typing-inspection", "typing_extensions",
    "pebble", "platformdirs", "ruamel.yaml", "filelock", "pathspec", "pyhessian", "psutil",
    "safetensors", "typer", "click", "rich", "shellingham", "annotated-doc", "markdown-it-py",
    "mdurl", "pygments",
)  # fmt: skip
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014", "manylinux1")
BUILT = ("landscape_catalog", "pyproject.toml", "README.md", "LICENSE")  # into the wheel
FEW = 5_000  # images that the authors' networks were trained on
CALLS = {"gpu.py": ("wheels", "golden", "few.npz"), "gpu_grid.py": ("wheels", "images.npz")}


def main() -> int:
    """Make the bundle, and say how large each call's share of it is."""
    options = _options()
    out = options.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    (out / "wheels").mkdir(parents=True)
    build_wheel(out / "wheels")
    download(options.missing.split(","), options.python, out / "wheels")
    if options.golden is not None:
        (out / "golden").mkdir()
        for name in ("authors_code.json", "authors_code.safetensors"):
            shutil.copyfile(options.golden / name, out / "golden" / name)
    if options.cifar is not None:
        for name, trained in (("few.npz", FEW), ("images.npz", image_file.TRAINED)):
            train, test = image_file.read(options.cifar, trained=trained)
            image_file.write(out / name, train, test)
    return _within(options.most, out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu-bundle")
    parser.add_argument("--cifar", type=Path, help="folder of batch_1.npz, 2 and 5")
    parser.add_argument("--golden", type=Path, help="folder of the authors' networks")
    parser.add_argument("--missing", default=",".join(MISSING), help="packages, by commas")
    parser.add_argument("--python", default="3.12", help="that the machine has")
    parser.add_argument("--most", type=float, default=64.0, help="MiB that a call may carry")
    return parser.parse_args()


def build_wheel(folder: Path) -> None:
    """This project's wheel, from a copy: a former build's files must not get into it."""
    with tempfile.TemporaryDirectory() as copy:
        for name in BUILT:
            source, target = ROOT / name, Path(copy) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, target)
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), copy)


def download(packages: Sequence[str], python: str, folder: Path) -> None:
    """Wheels in the versions of `constraints.txt`."""
    pins = pinned()
    platforms = [f"--platform={name}_x86_64" for name in PLATFORMS]
    names = [f"{name}=={pins[_normal(name)]}" for name in packages]
    _pip(
        "download", "--no-deps", "--only-binary=:all:", f"--python-version={python}",
        "--implementation=cp", *platforms, "--dest", str(folder), *names,
    )  # fmt: skip


def pinned() -> dict[str, str]:
    """The version of each package, by its normal name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {_normal(name): number for name, number in pairs}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pip(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *words], check=True)


def _within(most: float, out: Path) -> int:
    """Print the sizes; 1 if a call carries too much."""
    for path in sorted(out.iterdir()):
        print(f"{path.name}: {size([path]) / MIB:.1f} MiB")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    tracked = [ROOT / name for name in listed.split("\0") if name]
    code = 0
    for call, names in CALLS.items():
        total = size([*tracked, *(out / name for name in names)]) / MIB
        print(f"{call} carries {' '.join(names)}: {total:.1f} MiB with the tracked files")
        code |= total > most
    return code


def size(paths: Iterable[Path]) -> int:
    """Bytes of files, and of the files in folders; what is missing has none."""
    found = 0
    for path in paths:
        inner = path.rglob("*") if path.is_dir() else [path]
        found += sum(file.stat().st_size for file in inner if file.is_file())
    return found


if __name__ == "__main__":
    sys.exit(main())
