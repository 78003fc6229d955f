"""A user's own dataset function: what it returns, held against what it may return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape_catalog.datasets.arrays import file_checksum
from landscape_catalog.datasets.pool import ImagePool, PointPool, check_images
from landscape_catalog.errors import CodeError

REQUIRED, OPTIONAL = ("inputs", "targets"), ("test_inputs", "test_targets", "n_classes")


def declared_version(name: str, function: Callable[..., Any], root: Path) -> str:
    """What a dataset function's data are: the checksum of its `files`, or its `version`.

    The code of a function enters ids by itself; what it reads does not, so it must say.

    Args:
        name: of the function, for messages.
        function: has an attribute `files` (paths from the project's root) or `version` (text).
        root: the project's root.

    Raises:
        CodeError: if it declares neither, or a file is not there.
    """
    files, version = getattr(function, "files", None), getattr(function, "version", None)
    if files is None and version is None:
        raise CodeError(
            f"{name}: declare what it reads: `{function.__name__}.files = ('data/mine.npz',)`, or, "
            f"if it makes its data itself, `{function.__name__}.version = '1'`"
        )
    if files is None:
        return f"version {version}"
    paths = [root / path for path in ((files,) if isinstance(files, str) else files)]
    for path in paths:
        if not path.is_file():
            raise CodeError(f"{name}: it declares the file {path.relative_to(root)}, not there")
    return file_checksum(paths)


def own_pool(name: str, function: Callable[..., Any], args: Mapping[str, Any]) -> Any:
    """Call a dataset function and check what it returns.

    It returns a mapping with `inputs` and `targets` of the same length, and may return
    `test_inputs`, `test_targets` and `n_classes`. Inputs of uint8 with shape (n, channels, h, w)
    and whole-number targets are images; anything else is taken as float32 arrays.

    Raises:
        CodeError: if it fails or returns something else.
        DataError: if images or labels are not what they should be.
    """
    try:
        found = function(**args)
    except Exception as error:  # whatever a user's function does
        raise CodeError(f"{name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping) or not set(REQUIRED) <= set(found):
        given = f"keys {sorted(found)}" if isinstance(found, Mapping) else type(found).__name__
        raise CodeError(
            f"{name} returned {given}; it must return a mapping with `inputs` and `targets`"
        )
    unknown = sorted(set(found) - set(REQUIRED) - set(OPTIONAL))
    if unknown:
        known = ", ".join(REQUIRED + OPTIONAL)
        raise CodeError(f"{name} returned {', '.join(unknown)}; known are {known}")
    arrays = {key: np.asarray(value) for key, value in found.items() if key != "n_classes"}
    for side in ("", "test_"):
        _require_equal_lengths(name, arrays, side)
    return _pool(name, arrays, found.get("n_classes"))


def _require_equal_lengths(name: str, arrays: dict[str, np.ndarray], side: str) -> None:
    there = [key for key in (f"{side}inputs", f"{side}targets") if key in arrays]
    if len(there) == 1:
        raise CodeError(f"{name} returned `{there[0]}` without its partner")
    lengths = [len(arrays[key]) if arrays[key].ndim else 0 for key in there]
    if there and (lengths[0] != lengths[1] or lengths[0] == 0):
        raise CodeError(
            f"{name} returned {lengths[0]} {there[0]} and {lengths[1]} {there[1]}; "
            "there must be as many, and at least one"
        )


def _pool(name: str, arrays: dict[str, np.ndarray], n_classes: int | None) -> Any:
    inputs, targets = arrays["inputs"], arrays["targets"]
    test_inputs, test_targets = arrays.get("test_inputs"), arrays.get("test_targets")
    labelled = targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer)
    if labelled:
        targets = targets.astype(np.int64)
        test_targets = None if test_targets is None else test_targets.astype(np.int64)
        every = targets if test_targets is None else np.concatenate([targets, test_targets])
        n_classes = int(every.max()) + 1 if n_classes is None else int(n_classes)
        if every.min() < 0 or every.max() >= n_classes:
            raise CodeError(
                f"{name} returned targets from {every.min()} to {every.max()}; "
                f"allowed: classes 0 to {n_classes - 1}"
            )
    if inputs.dtype == np.uint8 and inputs.ndim == 4 and labelled and n_classes is not None:
        pool = ImagePool(inputs, targets, n_classes, test_inputs, test_targets)
        check_images(pool, name)
        return pool
    for key in ("inputs", "test_inputs"):
        if key in arrays and not np.isfinite(arrays[key].astype(np.float32)).all():
            raise CodeError(f"{name} returned {key} that are not finite")
    as_float = {
        key: value.astype(np.float32)
        for key, value in arrays.items()
        if not (labelled and key.endswith("targets"))
    }
    return PointPool(
        as_float["inputs"],
        as_float.get("targets", targets),
        n_classes if labelled else None,
        as_float.get("test_inputs"),
        as_float.get("test_targets", test_targets),
    )
