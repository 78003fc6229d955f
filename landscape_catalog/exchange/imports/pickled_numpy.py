"""What numpy writes into pickles, read from plain bytes: scalars, arrays and their types.

None of the functions that a pickle names is called with what the pickle gives.
"""

from __future__ import annotations

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
    # With these Python 3 writes bytes into pickles of protocol 2 and below.
    ("_codecs", "encode"): "encode",
    **{(module, "bytes"): "bytes" for module in ("__builtin__", "builtins")},
}


class RefusedError(Exception):
    """What a pickle holds that is not read."""


class DamagedError(Exception):
    """What makes a pickle no whole one, in words."""


@dataclass(frozen=True)
class Name:
    """A name of numpy's, or of what makes bytes, that stands for itself."""

    name: str

    def __str__(self) -> str:
        return self.name if self.name in ("encode", "bytes") else f"numpy's {self.name}"


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
    """A value that has to be of one of these types; raises `DamagedError` otherwise."""
    if not isinstance(value, kinds):
        raise DamagedError(f"{_WORDS[kinds[0]]} is expected, and there is {kind_of(value)}")
    return value


def named(module: str, name: str) -> Name:
    """The name of numpy's that a pickle asks for; refuses all others."""
    if (module, name) not in _NUMPY:
        raise RefusedError(f"it asks for {shown(f'{module}.{name}')}; {ONLY}")
    return Name(_NUMPY[module, name])


def called(function: Any, arguments: tuple[Any, ...], encoded: dict[str, bytes]) -> Any:
    """What the named functions would return for these arguments.

    Args:
        function: its name.
        arguments: from the pickle.
        encoded: the bytes of every text so far. A pickle that asks for the same again and again
            gets the same, so that it cannot fill the memory.
    """
    name = expect(function, Name).name
    if name == "bytes" and not arguments:
        return b""
    if name == "encode" and len(arguments) == 2 and arguments[1] == "latin1":
        text = expect(arguments[0], str)
        if text not in encoded:
            encoded[text] = _latin(text)
        return encoded[text]
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
    raise RefusedError(f"it calls {function} with other arguments than an array has; {ONLY}")


def set_state(target: Any, state: Any) -> None:
    """Give a type its byte order, or an array its content."""
    if isinstance(target, Dtype):
        if len(expect(state, tuple)) < 5 or any(part is not None for part in state[2:5]):
            raise RefusedError("it has an array of records; only arrays of plain numbers are read")
        if state[1] not in ("<", ">", "|", "="):
            raise DamagedError(f"there is no byte order {shown(state[1])}")
        _plain(f"{state[1]}{target.code}")
        target.code = f"{state[1]}{target.code}"
    elif isinstance(target, Array):
        if len(expect(state, tuple)) != 5:
            raise DamagedError(f"the content of an array has {len(state)} parts instead of 5")
        _, shape, dtype, fortran, data = state
        if isinstance(data, list):
            raise RefusedError(f"it has an array of Python objects; {ONLY}")
        target.content = _array(
            expect(data, bytes), expect(dtype, Dtype).dtype, shape, "F" if fortran else "C"
        )
    else:
        what = str(target) if isinstance(target, Name) else kind_of(target)
        raise RefusedError(f"it sets the state of {what}; {ONLY}")


_WORDS: dict[type, str] = {
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    str: "text",
    bytes: "bytes",
    bytearray: "bytes",
    list: "a list",
    tuple: "a tuple",
    dict: "a dictionary",
    set: "a set",
    frozenset: "a set",
    type(None): "nothing",
    np.generic: "a number of numpy's",
    np.ndarray: "an array",
    Array: "an array",
    Dtype: "a type of numpy's",
    Name: "a function of numpy's",
}


def kind_of(value: Any) -> str:
    """What a value is, in words.

    >>> kind_of([1]), kind_of(np.float32(1))
    ('a list', "a number of numpy's")
    """
    kinds = (_WORDS[kind] for kind in type(value).__mro__ if kind in _WORDS)
    return next(kinds, "something else")


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise DamagedError("bytes are written as text that has other characters") from None


def _plain(code: str) -> np.dtype[Any]:
    """A type of plain numbers, from its code in the pickle."""
    if len(code) > LONGEST_CODE:
        raise RefusedError(f"it has an array of an unknown type, {shown(code)}")
    found = plain_dtype(code)
    if isinstance(found, str):
        raise RefusedError(found)
    return found


def _array(
    data: bytes | bytearray, dtype: np.dtype[Any], shape: Any, order: Any = "C"
) -> np.ndarray[Any, Any]:
    found = array_of(data, dtype, expect(shape, tuple), order)
    if isinstance(found, str):
        raise RefusedError(found)
    return found
