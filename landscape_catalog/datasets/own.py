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
NUMBERS, WHOLE = "biuf", "iu"  # kinds of NumPy types


def declared_version(name: str, function: Callable[..., Any], root: Path) -> str:
    """What a dataset function's data are: the checksum of its `files`, its `version`, or both.

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
        called = name.rpartition(":")[2]
        raise CodeError(
            f"{name}: declare what it reads: `{called}.files = ('data/mine.npz',)`, or, "
            f"if it makes its data itself, `{called}.version = '1'`"
        )
    if files is None:
        return f"version {version}"
    paths = [root / path for path in ((files,) if isinstance(files, (str, Path)) else files)]
    for path in paths:
        if not path.is_file():
            shown = path.relative_to(root) if path.is_relative_to(root) else path
            raise CodeError(f"{name}: it declares the file {shown}, not there")
    content = file_checksum(paths)
    return content if version is None else f"version {version}, files {content}"


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
    except (Exception, SystemExit) as error:  # whatever a user's function does
        raise CodeError(f"{name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping) or not set(REQUIRED) <= set(found):
        keys = sorted(map(str, found)) if isinstance(found, Mapping) else None
        given = type(found).__name__ if keys is None else f"keys {keys}"
        raise CodeError(
            f"{name} returned {given}; it must return a mapping with `inputs` and `targets`"
        )
    unknown = sorted(map(str, set(found) - set(REQUIRED) - set(OPTIONAL)))
    if unknown:
        known = ", ".join(REQUIRED + OPTIONAL)
        raise CodeError(f"{name} returned {', '.join(unknown)}; known are {known}")
    arrays = {key: _array(name, key, found[key]) for key in found if key != "n_classes"}
    for side in ("", "test_"):
        _require_equal_lengths(name, arrays, side)
    for key in ("inputs", "targets"):
        _require_equal_shapes(name, arrays, key)
    n_classes = found.get("n_classes")
    whole = isinstance(n_classes, (int, np.integer)) and not isinstance(n_classes, bool)
    if not (n_classes is None or whole):
        raise CodeError(f"{name} returned `n_classes` {n_classes!r}; it must be a whole number")
    return _pool(name, arrays, n_classes)


def _array(name: str, key: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise CodeError(f"{name} returned {key} that are no array: {error}") from error
    if array.dtype.kind not in NUMBERS:
        raise CodeError(f"{name} returned {key} of type {array.dtype}; give real numbers")
    return array


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


def _require_equal_shapes(name: str, arrays: dict[str, np.ndarray], key: str) -> None:
    test = arrays.get(f"test_{key}")
    if test is not None and test.shape[1:] != arrays[key].shape[1:]:
        raise CodeError(
            f"{name} returned {key} of shape {arrays[key].shape} and test_{key} of shape "
            f"{test.shape}; one sample must have the same shape in both"
        )


def _pool(name: str, arrays: dict[str, np.ndarray], n_classes: int | None) -> Any:
    inputs, test_inputs = arrays["inputs"], arrays.get("test_inputs")
    if arrays["targets"].ndim != 1 or arrays["targets"].dtype.kind not in WHOLE:
        if n_classes is not None:
            kind, shape = arrays["targets"].dtype, arrays["targets"].shape
            raise CodeError(
                f"{name} returned `n_classes` and targets of type {kind} and shape {shape}; "
                "classes are one whole number a sample"
            )
        floats = {key: _floats(name, key, value) for key, value in arrays.items()}
        test = (floats.get("test_inputs"), floats.get("test_targets"))
        return PointPool(floats["inputs"], floats["targets"], None, *test)
    targets, test_targets, n_classes = _classes(name, arrays, n_classes)
    if inputs.dtype == np.uint8 and inputs.ndim == 4:
        pool = ImagePool(inputs, targets, n_classes, test_inputs, test_targets)
        check_images(pool, name)
        return pool
    if test_inputs is not None:
        test_inputs = _floats(name, "test_inputs", test_inputs)
    inputs = _floats(name, "inputs", inputs)
    return PointPool(inputs, targets, n_classes, test_inputs, test_targets)


def _classes(
    name: str, arrays: dict[str, np.ndarray], n_classes: int | None
) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Targets and test targets as int64, and how many classes they are of."""
    targets, test_targets = arrays["targets"].astype(np.int64), arrays.get("test_targets")
    if test_targets is not None:
        if test_targets.dtype.kind not in WHOLE:
            raise CodeError(
                f"{name} returned test_targets of type {test_targets.dtype}; "
                "give whole numbers, as the targets are"
            )
        test_targets = test_targets.astype(np.int64)
    every = targets if test_targets is None else np.concatenate([targets, test_targets])
    n_classes = int(every.max()) + 1 if n_classes is None else int(n_classes)
    if every.min() < 0 or every.max() >= n_classes:
        raise CodeError(
            f"{name} returned targets from {every.min()} to {every.max()}; "
            f"allowed: classes 0 to {n_classes - 1}"
        )
    return targets, test_targets, n_classes


def _floats(name: str, key: str, values: np.ndarray) -> np.ndarray:
    """As float32; what is too large for it is not finite."""
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    if not np.isfinite(floats).all():
        raise CodeError(f"{name} returned {key} that are not finite as float32")
    return floats
