"""`landscape diagnose run`: reads its options, diagnoses, and writes the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from landscape_catalog.commands.project_root import find_project
from landscape_catalog.diagnosis.diagnose import Options, diagnose
from landscape_catalog.errors import CheckpointError
from landscape_catalog.paths import Project
from landscape_catalog.store.files import write_file

PAGE = "diagnosis.html"  # outside of a project


def diagnose_files(
    checkpoints: Sequence[Path],
    network: str,
    data: str,
    *,
    args: Sequence[str] = (),
    classes: str | None = None,
    mean: str | None = None,
    std: str | None = None,
    model: Path | None = None,
    sizes: Sequence[str] = (),
    page: Path | None = None,
    as_json: bool = False,
    **others: Any,
) -> str:
    """Diagnose checkpoints and write the page; what is printed.

    Args:
        checkpoints: paths.
        network: `torchvision:NAME` or `module:function`.
        data: `module:function` or a folder.
        args: `NAME=VALUE`, with values in JSON, or text.
        classes: names, separated by commas.
        mean: numbers, separated by commas.
        std: the same.
        model: of a reference; None: data/diagnosis/model.json, if there is one.
        sizes: `PATH=NUMBER`, for a model that takes sizes.
        page: to write; None: in `reports` of the project, or here.
        as_json: whether the result is printed as JSON.
        others: further fields of `Options`.

    Raises:
        UserError: if something is wrong with the input, before anything is measured.
    """
    root = find_project()
    project = None if root is None else Project(root)
    default = (project or Project(Path.cwd())).diagnosis_model
    if model is None and default.is_file():
        model = default
    target = page or (Path(PAGE) if project is None else project.diagnosis_page)
    if target.is_dir() or not (target.parent.is_dir() or project is not None):
        kind = "is a folder" if target.is_dir() else f"lies in no folder: {target.parent}"
        raise CheckpointError(f"--page: {target} {kind}; allowed: a file in an existing folder")
    options = Options(
        args=dict(_argument(one) for one in args),
        classes=() if classes is None else tuple(part.strip() for part in classes.split(",")),
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        model=model,
        sizes=dict(_size(one) for one in sizes),
        **others,
    )
    found = diagnose(checkpoints, network, data, Path.cwd(), options)
    write_file(target, found.page().encode())
    return found.json_text() if as_json else f"{found}\n\nPage: {target}"


def _argument(given: str) -> tuple[str, Any]:
    name, equals, value = given.partition("=")
    if not equals or not name.isidentifier():
        raise CheckpointError(f"--arg: got {given!r}; allowed: NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _size(given: str) -> tuple[str, float]:
    path, _, value = given.partition("=")
    try:
        return path, float(value)
    except ValueError:
        raise CheckpointError(f"--at: got {given!r}; allowed: PATH=NUMBER") from None


def _numbers(option: str, given: str | None) -> tuple[float, ...]:
    try:
        return () if given is None else tuple(float(part) for part in given.split(","))
    except ValueError:
        raise CheckpointError(
            f"{option}: got {given!r}; allowed: numbers, separated by commas"
        ) from None
