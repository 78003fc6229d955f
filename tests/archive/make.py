"""Pack a finished project folder as `tests/archive/NAME.tar.xz`; see README.md for the archives.

    python tests/archive/make.py FOLDER NAME [--without-weights]

The output is reproducible. `--without-weights` keeps only the history in each run's weights file,
and updates the SHA-256 and the checksum in the run's record accordingly.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import lzma
import tarfile
from pathlib import Path

import safetensors.numpy

from landscape_catalog.schema.identity import checksum

HERE = Path(__file__).resolve().parent
PARTS = (
    "params.yaml",
    "data/prepared",
    "data/runs",
    "data/measurements",
    "data/catalog",
    "reports/metrics.json",
    "reports/plots",
)
WEIGHTS_FILE, RECORD_FILE, HISTORY = "weights.safetensors", "record.json", "history/"


def read_parts(root: Path) -> dict[str, bytes]:
    """The files of a project to archive, by their relative paths."""
    chosen = [root / part for part in PARTS]
    files = [path for part in chosen for path in ([part] if part.is_file() else part.rglob("*"))]
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in files if p.is_file()}


def without_weights(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same files, with only the history in each run's weights file."""
    stripped = dict(files)
    for name in [name for name in files if name.endswith(f"/{WEIGHTS_FILE}")]:
        arrays = safetensors.numpy.load(files[name])
        kept = {key: arrays[key] for key in sorted(arrays) if key.startswith(HISTORY)}
        stripped[name] = safetensors.numpy.save(kept)
        record_name = name.replace(WEIGHTS_FILE, RECORD_FILE)
        record = json.loads(files[record_name])
        del record["checksum"]
        record["weights_sha256"] = hashlib.sha256(stripped[name]).hexdigest()
        sealed = {**record, "checksum": checksum(record)}
        stripped[record_name] = (json.dumps(sealed, indent=1) + "\n").encode()
    return stripped


def packed(files: dict[str, bytes]) -> bytes:
    """A compressed tar archive, sorted by name, with default times, owners and modes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))
    return lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def main() -> None:
    """Pack one folder; an existing archive is never overwritten."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--without-weights", action="store_true")
    arguments = parser.parse_args()
    files = read_parts(arguments.folder)
    content = packed(without_weights(files) if arguments.without_weights else files)
    with (HERE / f"{arguments.name}.tar.xz").open("xb") as stream:
        stream.write(content)
    print(f"{hashlib.sha256(content).hexdigest()}  {arguments.name}.tar.xz")


if __name__ == "__main__":
    main()
