"""What numpy writes into pickles, read from plain bytes: scalars, arrays and their types.

None of numpy's functions that a pickle names is called with what the pickle gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_catalog.errors import shown
from landscape_catalog.exchange.imports.safe_arrays import array_of, plain_dtype

ONLY = "only numpy arrays, numpy scalars and plain containers are read"
LONGEST_CODE = 20  # characters of a type such as <f8
_NUMPY = {
    **{
        (f"numpy.{core}.multiarray", name): name
        for core in ("core", "_core")
        for name in ("scalar", "_reconstruct")
    },
    ("numpy", "dtype"): "dtype",
    ("numpy", "ndarray"): "ndarray",
    ("numpy.core.numeric", "_frombuffer"): "_frombuffer",
    ("numpy._core.numeric", "_frombuffer"): "_frombuffer",
}


class RefusedError(Exception):
    """What a pickle holds that is not read."""


@dataclass(frozen=True)
class Name:
    """A name of numpy's that stands for itself."""

    name: str


@dataclass
class Dtype:
    """A numpy type under construction."""

    code: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type as it is by now."""
        return _plain(self.code)


@dataclass
class Array:
    """An array whose content comes after it: other parts of the pickle may refer to it before."""

    content: np.ndarray[Any, Any] | None = None


def expect(value: Any, *kinds: type) -> Any:
    """A value that has to be of one of these types; raises `ValueError` otherwise."""
    if not isinstance(value, kinds):
        raise ValueError(f"{kinds[0].__name__} expected, found {type(value).__name__}")
    return value


def named(module: str, name: str) -> Name:
    """The name of numpy's that a pickle asks for; refuses all others."""
    if (module, name) not in _NUMPY:
        raise RefusedError(f"it asks for {shown(f'{module}.{name}')}; {ONLY}")
    return Name(_NUMPY[module, name])


def called(function: Any, arguments: tuple[Any, ...]) -> Any:
    """What numpy's functions would return for these arguments."""
    name = expect(function, Name).name
    if name == "dtype" and arguments and isinstance(arguments[0], str):
        _plain(arguments[0])
        return Dtype(arguments[0])
    if name == "scalar" and len(arguments) == 2 and isinstance(arguments[0], Dtype):
        dtype, data = arguments[0].dtype, arguments[1]
        return _array(expect(data, bytes), dtype, ())[()]
    if name == "_reconstruct" and arguments and arguments[0] == Name("ndarray"):
        return Array()
    if name == "_frombuffer" and len(arguments) == 4 and isinstance(arguments[1], Dtype):
        data, dtype, shape, order = arguments
        return _array(expect(data, bytes, bytearray), dtype.dtype, shape, order)
    raise RefusedError(f"it calls numpy's {name} with other arguments than an array has; {ONLY}")


def set_state(target: Any, state: Any) -> None:
    """Give a type its byte order, or an array its content."""
    if isinstance(target, Dtype):
        if len(expect(state, tuple)) < 5 or any(part is not None for part in state[2:5]):
            raise RefusedError("it has an array of records; only arrays of plain numbers are read")
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"byte order {shown(state[1])}")
        _plain(f"{state[1]}{target.code}")
        target.code = f"{state[1]}{target.code}"
    elif isinstance(target, Array):
        _, shape, dtype, fortran, data = expect(state, tuple)
        if isinstance(data, list):
            raise RefusedError(f"it has an array of Python objects; {ONLY}")
        target.content = _array(
            expect(data, bytes), expect(dtype, Dtype).dtype, shape, "F" if fortran else "C"
        )
    else:
        raise RefusedError(f"it sets the state of {_kind(target)}; {ONLY}")


def _kind(value: Any) -> str:
    return f"numpy's {value.name}" if isinstance(value, Name) else type(value).__name__


def _plain(code: str) -> np.dtype[Any]:
    """A type of plain numbers, from its code in the pickle."""
    if len(code) > LONGEST_CODE:
        raise RefusedError(f"it has an array of an unknown type, {shown(code)}")
    found = plain_dtype(code)
    if isinstance(found, str):
        raise RefusedError(found)
    return found


def _array(
    data: bytes | bytearray, dtype: np.dtype[Any], shape: Iterable[Any], order: Any = "C"
) -> np.ndarray[Any, Any]:
    found = array_of(data, dtype, tuple(shape), order)
    if isinstance(found, str):
        raise RefusedError(found)
    return found
