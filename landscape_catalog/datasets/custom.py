"""Custom dataset functions: call one and check what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape_catalog.datasets.checksums import file_checksum, joined_checksum
from landscape_catalog.datasets.classes import classes_of_test, training_classes
from landscape_catalog.datasets.pool import ImagePool, PointPool, check_images
from landscape_catalog.datasets.user_files import require_data
from landscape_catalog.errors import CodeError, DataError, described, own_code, shown

REQUIRED, OPTIONAL = ("inputs", "targets"), ("test_inputs", "test_targets", "n_classes")
NUMBERS, INTEGERS = "biuf", "iu"  # kinds of NumPy dtypes


def declared_version(name: str, function: Callable[..., Any], root: Path) -> str:
    """The version of a function's data: the checksum of its `files`, its `version`, or both.

    Ids include the code of the function, but not what it reads, which it must therefore declare.

    Args:
        name: of the function, for messages.
        function: has an attribute `files` (paths relative to the root) or `version` (text).
        root: the project's root.

    Raises:
        CodeError: if it declares neither, or a file cannot be read.
    """
    files = declared_files(name, function)
    with own_code(name, ": reading its `version`"):
        version = getattr(function, "version", None)
    if files is None and version is None:
        called = name.rpartition(":")[2]
        raise CodeError(
            f"{name}: declare the files that it reads, `{called}.files = ('mine/data.npz',)`, or, "
            f"if it generates its data, `{called}.version = '1'`"
        )
    if files is None:
        return f"version {version}"
    content = joined_checksum([_declared_file(name, root, path) for path in files])
    return content if version is None else f"version {version}, files {content}"


def declared_files(name: str, function: Callable[..., Any]) -> list[Path] | None:
    """The files that a function declares, relative to the project's root; None if it has none.

    Raises:
        CodeError: if its `files` are not paths.
    """
    with own_code(name, ": reading its `files`"):
        files = getattr(function, "files", None)
        if files is None:
            return None
        declared = [files] if isinstance(files, (str, Path)) else files
        if not isinstance(declared, Iterable) or isinstance(declared, bytes):
            raise CodeError(
                f"{name}: its `files` are {shown(files)}; expected a path or a tuple of paths"
            )
        paths = list(declared)
    for path in paths:
        if not isinstance(path, (str, Path)):
            raise CodeError(f"{name}: its `files` contain {shown(path)}; expected paths")
    return list(map(Path, paths))


def _declared_file(name: str, root: Path, path: Path) -> str:
    file = root / path
    try:
        if file.suffix != ".dvc":  # naming one on purpose says which data DVC has to fetch
            require_data(file)
        return file_checksum([file])
    except DataError as error:
        raise CodeError(f"{name}: it declares the file {path}, but {error}") from error


def custom_pool(name: str, function: Callable[..., Any], args: Mapping[str, Any]) -> Any:
    """Call a dataset function and check what it returns.

    It must return a mapping with `inputs` and `targets` of equal length; `test_inputs`,
    `test_targets` and `n_classes` are optional. uint8 inputs of shape (n, channels, h, w) with
    integer targets are images; anything else is converted to float32 arrays.

    Raises:
        CodeError: if it fails or returns something else.
        DataError: if images are invalid.
    """
    with own_code(name):
        return _checked_pool(name, function(**args))


def _checked_pool(name: str, found: Any) -> Any:
    if not isinstance(found, Mapping) or not set(REQUIRED) <= set(found):
        keys = sorted(map(str, found)) if isinstance(found, Mapping) else None
        given = type(found).__name__ if keys is None else f"keys {keys}"
        raise CodeError(
            f"{name} returned {given}; it must return a mapping with `inputs` and `targets`"
        )
    unknown = sorted(map(str, set(found) - set(REQUIRED) - set(OPTIONAL)))
    if unknown:
        known = ", ".join(REQUIRED + OPTIONAL)
        raise CodeError(f"{name} returned unknown keys {', '.join(unknown)}; allowed: {known}")
    arrays = {key: _array(name, key, found[key]) for key in found if key != "n_classes"}
    for side in ("", "test_"):
        _require_equal_lengths(name, arrays, side)
    for key in ("inputs", "targets"):
        _require_equal_shapes(name, arrays, key)
    n_classes = found.get("n_classes")
    whole = isinstance(n_classes, (int, np.integer)) and not isinstance(n_classes, bool)
    if not (n_classes is None or (whole and n_classes >= 2)):
        raise CodeError(
            f"{name} returned `n_classes` {shown(n_classes)}; it must be an integer of at least 2"
        )
    return _pool(name, arrays, n_classes)


def _array(name: str, key: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except Exception as error:  # an object may raise anything, e.g. a tensor with a gradient
        raise CodeError(
            f"{name} returned {key} that are not an array: {described(error)}"
        ) from error
    if array.dtype.kind not in NUMBERS:
        raise CodeError(f"{name} returned {key} of type {array.dtype}; expected real numbers")
    return array


def _require_equal_lengths(name: str, arrays: dict[str, np.ndarray], side: str) -> None:
    inputs, targets = f"{side}inputs", f"{side}targets"
    present = [key for key in (inputs, targets) if key in arrays]
    if len(present) == 1:
        raise CodeError(f"{name} returned `{present[0]}`; `{inputs}` and `{targets}` go together")
    lengths = [len(arrays[key]) if arrays[key].ndim else 0 for key in present]
    if present and (lengths[0] != lengths[1] or lengths[0] == 0):
        raise CodeError(
            f"{name} returned {lengths[0]} {inputs} and {lengths[1]} {targets}; "
            "their numbers must be equal and not zero"
        )
    for key in present:
        if arrays[key].size == 0:
            raise CodeError(
                f"{name} returned {key} of shape {arrays[key].shape}; no dimension may be 0"
            )


def _require_equal_shapes(name: str, arrays: dict[str, np.ndarray], key: str) -> None:
    test = arrays.get(f"test_{key}")
    if test is not None and test.shape[1:] != arrays[key].shape[1:]:
        raise CodeError(
            f"{name} returned {key} of shape {arrays[key].shape} and test_{key} of shape "
            f"{test.shape}; samples must have the same shape in both"
        )


def _pool(name: str, arrays: dict[str, np.ndarray], n_classes: int | None) -> Any:
    inputs, test_inputs = arrays["inputs"], arrays.get("test_inputs")
    if arrays["targets"].ndim != 1 or arrays["targets"].dtype.kind not in INTEGERS:
        if n_classes is not None:
            kind, shape = arrays["targets"].dtype, arrays["targets"].shape
            raise CodeError(
                f"{name} returned `n_classes` and targets of type {kind} and shape {shape}; "
                "classes must be one integer per sample"
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
    """Targets and test targets as int64, and the number of classes."""
    test_targets = arrays.get("test_targets")
    if test_targets is not None and test_targets.dtype.kind not in INTEGERS:
        raise CodeError(
            f"{name} returned test_targets of type {test_targets.dtype}; "
            "expected integers, like the targets"
        )
    try:
        targets, n_classes = training_classes(arrays["targets"], f"{name}: targets", n_classes)
        if test_targets is not None:
            test_targets = classes_of_test(test_targets, targets, f"{name}: test_targets")
    except DataError as error:
        raise CodeError(f"{error}. Targets that are not classes must be floats") from error
    return targets, test_targets, n_classes


def _floats(name: str, key: str, values: np.ndarray) -> np.ndarray:
    """The values as float32, which must be finite; values too large for float32 overflow."""
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    if not np.isfinite(floats).all():
        raise CodeError(f"{name} returned {key} that are not finite as float32")
    return floats
