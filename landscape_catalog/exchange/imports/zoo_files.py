"""The files of a model zoo: one folder per model, with its parameters and its history.

A history is JSON lines, line k the state after k epochs. Neither is strict JSON: numbers may be a
bare `NaN`. Runs that were interrupted have a last line that is cut off.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports.named import first_few
from landscape_catalog.exchange.imports.zoo_metrics import CELL_METRICS, FACTS
from landscape_catalog.exchange.imports.zoo_parameters import (
    PARAMETERS,
    identity_of,
    parameters_of,
)
from landscape_catalog.regular import read_regular

HISTORY = "result.json"
LARGEST = 256 * 2**20  # bytes of a file
MOST_FOLDERS = 100_000
DEEPEST = 4  # folders between the directory and a model
_KEPT = {"train_loss", "train_acc", "test_loss", "test_acc", *CELL_METRICS, *FACTS}


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
        repeated: folders that were left out for a longer run of the same model.
        empty: folders without a readable history.
        unknown: folders whose name and parameters do not say which model it is.
        without_parameters: folders without a file of parameters.
        damaged_parameters: folders whose parameters cannot be read.
    """

    models: dict[tuple[int, int, int], Model] = field(default_factory=dict)
    sha256: str = ""
    repeated: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    without_parameters: list[str] = field(default_factory=list)
    damaged_parameters: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> dict[str, list[str]]:
        """Folders that give no model, by the reason."""
        reasons = {
            "folders of a model that another one ran longer": self.repeated,
            "folders without a readable history": self.empty,
            "folders that do not say width, batch size and seed": self.unknown,
        }
        return {reason: folders for reason, folders in reasons.items() if folders}


def read_zoo_files(directory: Path) -> Zoo:
    """Read every model; of runs of the same model, the longest counts.

    Links are not followed.

    Raises:
        PublishedError: if it is no directory, a file is too large or a link, or there is no model.
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
        left_out = "; ".join(
            f"{reason}: {first_few(names)}" for reason, names in zoo.left_out.items()
        )
        raise PublishedError(
            f"{directory} has no model: no folder with {HISTORY} and {PARAMETERS[0]}, or with "
            f"width=, batchsize= and seed= in its name{left_out and f' ({left_out})'}"
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
    lines, damaged = _lines(contents[HISTORY])
    if not lines:
        zoo.empty.append(place)
        return
    parameters = parameters_of(contents)
    if parameters is None:
        zoo.damaged_parameters.append(place)
    elif not parameters:
        zoo.without_parameters.append(place)
    known = identity_of(place, parameters or {})
    if known is None:
        zoo.unknown.append(place)
        return
    model = Model(place, *known, parameters or {}, lines, damaged)
    before = zoo.models.get(model.key)
    if before is None or len(lines) > len(before.lines):
        zoo.models[model.key] = model
        model = before or model
    if before is not None:
        zoo.repeated.append(model.folder)


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
