"""The form of the files in the archive of Yang et al. 2021; what deviates is said in words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from landscape_catalog.errors import PublishedError, shown
from landscape_catalog.exchange.imports.pickled_numpy import kind_of
from landscape_catalog.exchange.imports.safe_arrays import read_npz
from landscape_catalog.exchange.imports.safe_pickle import read_pickle

T = TypeVar("T")
Pair = tuple[int, int]
POINTS = ("ts", "tr_err", "tr_nll", "te_err", "te_nll")
FEWEST = 3  # points of a curve


class _FormError(Exception):
    """How a file deviates."""


def losses_of(content: bytes, where: str) -> dict[int, tuple[float, float]]:
    """Cross-entropy and accuracy by seed."""
    return _read(content, where, _losses)


def hessians_of(content: bytes, where: str) -> dict[int, tuple[float, float]]:
    """Largest eigenvalue and trace by seed."""
    return _read(content, where, _hessians)


def similarities_of(content: bytes, where: str) -> dict[Pair, tuple[float, float]]:
    """CKA of logits and of outputs for each ordered pair of seeds."""
    return _read(content, where, lambda found: _square(found, "representation_similarity", _two))


def distances_of(content: bytes, where: str) -> dict[Pair, float]:
    """The distance of each ordered pair of seeds."""
    return _read(content, where, lambda found: _square(found, "model_distance", _distance))


def points_of(content: bytes, where: str) -> dict[str, list[float]]:
    """The arrays `POINTS` of a curve.

    Raises:
        PublishedError: if one is missing, they differ in length, or `ts` does not increase.
    """
    arrays = read_npz(content, where)
    try:
        return _points(arrays)
    except _FormError as error:
        raise _other_form(where, error) from None


def _read(content: bytes, where: str, read: Callable[[dict[Any, Any]], T]) -> T:
    found = read_pickle(content, where)
    try:
        return read(_dictionary(found, "the file"))
    except _FormError as error:
        raise _other_form(where, error) from None


def _other_form(where: str, error: _FormError) -> PublishedError:
    return PublishedError(f"{where} is of another form than expected: {error}")


def _losses(rows: dict[Any, Any]) -> dict[int, tuple[float, float]]:
    return {
        _seed(seed): (_number(row, "nll", seed), _number(row, "accuracy", seed))
        for seed, row in rows.items()
    }


def _hessians(rows: dict[Any, Any]) -> dict[int, tuple[float, float]]:
    return {
        _seed(seed): (_first(row, "top_eigenvalue", seed), _number(row, "trace", seed))
        for seed, row in rows.items()
    }


def _square(rows: dict[Any, Any], key: str, read: Callable[[Any, str], T]) -> dict[Pair, T]:
    """The entries of a matrix over pairs of seeds, without its diagonal."""
    return {
        (_seed(first), _seed(second)): read(value, f"the pair of seeds {first}, {second}")
        for first, row in _dictionary(_entry(rows, key, "the file"), shown(key)).items()
        for second, value in _dictionary(row, f"{shown(key)} of seed {shown(first)}").items()
        if first != second
    }


def _points(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, list[float]]:
    missing = [name for name in POINTS if name not in arrays]
    if missing:
        has = ", ".join(map(shown, arrays)) or "none"
        raise _FormError(f"it has no array {', '.join(map(shown, missing))}; it has {has}")
    found = {name: arrays[name] for name in POINTS}
    if len({array.shape for array in found.values()}) > 1 or found["ts"].ndim != 1:
        sizes = ", ".join(f"{name} {_size(array)}" for name, array in found.items())
        raise _FormError(f"its arrays should be lists of the same length, and have: {sizes}")
    ts = found["ts"].tolist()
    if len(ts) < FEWEST:
        raise _FormError(f"a curve has at least {FEWEST} points, and this one has {len(ts)}")
    if not all(one < other for one, other in itertools.pairwise(ts)):
        raise _FormError(f"the positions ts of its points do not increase: {shown(ts)}")
    return {name: [float(value) for value in array.tolist()] for name, array in found.items()}


def _size(array: np.ndarray[Any, Any]) -> str:
    return " × ".join(map(str, array.shape)) or "a single number"


def _dictionary(value: Any, what: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise _FormError(f"{what} should be a dictionary, and is {kind_of(value)}")
    return value


def _entry(row: Any, key: str, what: str) -> Any:
    found = _dictionary(row, what)
    if key not in found:
        raise _FormError(f"{what} has no {shown(key)}")
    return found[key]


def _seed(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _FormError(f"a seed is expected, and there is {shown(value)}")
    return value


def _number(row: Any, key: str, seed: Any) -> float:
    what = f"the run with seed {shown(seed)}"
    return _as_number(_entry(row, key, what), f"{shown(key)} of {what}")


def _as_number(value: Any, what: str) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        raise _FormError(f"{what} should be a number, and is {kind_of(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _first(row: Any, key: str, seed: Any) -> float:
    """The first number of a list. PyHessian lists eigenvalues from the largest down."""
    what = f"the run with seed {shown(seed)}"
    values = _entry(row, key, what)
    if not isinstance(values, (list, tuple)) or not values:
        is_list = isinstance(values, (list, tuple))
        given = "has none" if is_list else f"is {kind_of(values)}"
        raise _FormError(f"{shown(key)} of {what} should be a list of numbers, and {given}")
    return _as_number(values[0], f"{shown(key)} of {what}")


def _two(value: Any, what: str) -> tuple[float, float]:
    is_list = isinstance(value, (list, tuple, np.ndarray))
    if not is_list or np.shape(value)[:1] != (2,):
        given = f"{len(value)}" if isinstance(value, (list, tuple)) else kind_of(value)
        raise _FormError(f"two numbers are expected for {what}, and there is {given}")
    return _as_number(value[0], what), _as_number(value[1], what)


def _distance(value: Any, what: str) -> float:
    return _as_number(_entry(value, "dist", what), f"the distance of {what}")
