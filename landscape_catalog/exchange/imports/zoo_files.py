"""The files of a model zoo: one folder per model, with its parameters and its history.

A history is JSON lines, line k the state after k epochs. Neither is strict JSON: numbers may be a
bare `NaN`. Runs that were interrupted have a last line that is cut off.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports.zoo_metrics import CELL_METRICS, FACTS
from landscape_catalog.regular import read_regular

HISTORY, PARAMETERS = "result.json", ("params.json", "config.json")
LARGEST = 256 * 2**20  # bytes of a file
MOST_FOLDERS = 100_000
DEEPEST = 4  # folders between the directory and a model
# What the name of a folder says, and the key of the same in its parameters. The history repeats the
# parameters, but with the micro-batch as the batch size where gradients are accumulated.
KEYS = {"width": "model::width", "batchsize": "training::batchsize", "seed": "seed"}
_KEPT = {"train_loss", "train_acc", "test_loss", "test_acc", *CELL_METRICS, *FACTS}
_IN_NAME = re.compile(r"(?:^|[^a-zA-Z])(?:\w+::)?(width|batchsize|seed)=(\d{1,9})(?!\d)")


@dataclass(frozen=True)
class Model:
    """A model of a zoo.

    Attributes:
        folder: its place in the directory.
        width, batch_size, seed: by which it is identified.
        parameters: from `params.json`.
        lines: its history, by epoch.
        n_damaged: lines that cannot be read.
    """

    folder: str
    width: int
    batch_size: int
    seed: int
    parameters: Mapping[str, Any]
    lines: Mapping[int, Mapping[str, Any]]
    n_damaged: int = 0

    @property
    def key(self) -> tuple[int, int, int]:
        """Width, batch size and seed."""
        return self.width, self.batch_size, self.seed


@dataclass
class Zoo:
    """All models of a directory.

    Attributes:
        models: by width, batch size and seed.
        sha256: over the names and contents of all files that were read.
        n_repeated: models that were left out for a longer run of the same.
        n_empty: folders without a readable history.
        without_parameters: folders whose name and parameters do not say which model it is.
    """

    models: dict[tuple[int, int, int], Model] = field(default_factory=dict)
    sha256: str = ""
    n_repeated: int = 0
    n_empty: int = 0
    without_parameters: list[str] = field(default_factory=list)


def read_zoo_files(directory: Path) -> Zoo:
    """Read every model; of runs of the same model, the longest counts.

    Links are not followed.

    Raises:
        PublishedError: if it is no directory, a file is no JSON or too large, or there is no model.
    """
    if not directory.is_dir():
        raise PublishedError(f"there is no folder {directory}")
    zoo, digest = Zoo(), hashlib.sha256()
    for folder in _folders(directory):
        place = folder.relative_to(directory).as_posix()
        contents = _contents(folder)
        for name, content in sorted(contents.items()):
            digest.update(f"{place}/{name}\0".encode("utf-8", "surrogateescape"))
            digest.update(hashlib.sha256(content).digest())
        _add(zoo, place, contents)
    if not zoo.models:
        raise PublishedError(
            f"{directory} has no model: no folder with {HISTORY} and {PARAMETERS[0]}, or with "
            "width=, batchsize= and seed= in its name"
        )
    zoo.sha256 = digest.hexdigest()
    return zoo


def _folders(directory: Path) -> Iterator[Path]:
    """The folders with a history, in the order of their names."""
    for count, (parent, below, files) in enumerate(os.walk(directory)):
        if count >= MOST_FOLDERS:
            raise PublishedError(f"{directory} has more than {MOST_FOLDERS:,} folders")
        depth = len(Path(parent).relative_to(directory).parts)
        is_model = HISTORY in files
        below[:] = [] if is_model or depth >= DEEPEST else sorted(below)
        if is_model:
            yield Path(parent)


def _contents(folder: Path) -> dict[str, bytes]:
    """The history and the parameters of a folder."""
    found = {}
    for name in (HISTORY, *PARAMETERS):
        path = folder / name
        try:
            if path.is_symlink():
                raise PublishedError(f"{path} is a symbolic link, which is not followed")
            if path.stat().st_size > LARGEST:
                raise PublishedError(f"{path} has more than {LARGEST:,} bytes")
            found[name] = read_regular(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise PublishedError(f"{path} cannot be read: {error.strerror}") from None
        if name in PARAMETERS:
            break
    return found


def _add(zoo: Zoo, place: str, contents: Mapping[str, bytes]) -> None:
    """Add a model, unless there is a longer run of it."""
    parameters = _parameters(place, contents)
    lines, damaged = _lines(contents[HISTORY])
    if not lines:
        zoo.n_empty += 1
        return
    known = _identity(place, parameters)
    if known is None:
        zoo.without_parameters.append(place)
        return
    model = Model(place, *known, parameters, lines, damaged)
    before = zoo.models.get(model.key)
    zoo.n_repeated += before is not None
    if before is None or len(lines) > len(before.lines):
        zoo.models[model.key] = model


def _identity(place: str, parameters: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Width, batch size and seed: from the parameters, or else from the folder's name."""
    named = {name: int(number) for name, number in _IN_NAME.findall(place.rsplit("/", 1)[-1])}
    found = []
    for name, key in KEYS.items():
        value = parameters.get(key, named.get(name))
        if type(value) is not int or value < (0 if name == "seed" else 1):
            return None
        found.append(value)
    width, batch_size, seed = found
    return width, batch_size, seed


def _parameters(place: str, contents: Mapping[str, bytes]) -> dict[str, Any]:
    """The parameters of a model; empty if there is no such file."""
    for name in PARAMETERS:
        if name in contents:
            try:
                found = json.loads(contents[name].decode())
            except (ValueError, RecursionError) as error:
                raise PublishedError(f"{place}/{name} is no JSON: {error}") from None
            if not isinstance(found, dict):
                raise PublishedError(f"{place}/{name} is no object with parameters")
            return found
    return {}


def _lines(content: bytes) -> tuple[dict[int, dict[str, Any]], int]:
    """The lines of a history by epoch, and how many cannot be read.

    Line k is the state after k epochs; `training_iteration`, which may count from 0 or 1, tells
    where lines are missing. Of several lines about one epoch, later ones add to the first.
    """
    found: dict[int, dict[str, Any]] = {}
    damaged, first = 0, None
    for place, text in enumerate(content.splitlines()):
        if not text.strip():
            continue
        try:
            line = json.loads(text.decode())
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict):
            damaged += 1
            continue
        iteration = line.get("training_iteration")
        if type(iteration) is not int or iteration < 0:
            iteration = place
        if first is None:
            first = iteration if iteration == 1 and place == 0 else 0
        kept = {key: value for key, value in line.items() if key in _KEPT}
        found.setdefault(iteration - first, {}).update(kept)
    return found, damaged
