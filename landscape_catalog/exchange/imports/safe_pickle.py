"""Read pickles of others: numpy arrays, numpy scalars and plain containers, and nothing else.

The opcodes are interpreted here. Nothing is imported, and no function that a pickle names is
called: the few names that numpy writes stand for what is done here with plain bytes. So a pickle
cannot run code, and what it can allocate is bounded by its own size.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_catalog.errors import PublishedError, shown
from landscape_catalog.exchange.imports.safe_arrays import array_of, plain_dtype

LARGEST = 16 * 2**20  # bytes of a pickle
MOST_OPCODES = 2_000_000
LONGEST_INTEGER = 1000  # decimal digits
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
_ONLY = "only numpy arrays, numpy scalars and plain containers are read"
_REFUSED = {
    **dict.fromkeys(("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"), "it builds an object of a class"),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), "it uses the registry of extensions"),
    **dict.fromkeys(("PERSID", "BINPERSID"), "it refers to an object by a persistent id"),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), "it refers to a buffer outside of it"),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), "it has byte strings of Python 2"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set, "EMPTY_TUPLE": tuple,
}  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_FROM_MARK: dict[str, Callable[[list[Any]], Any]] = {
    "TUPLE": tuple,
    "LIST": list,
    "DICT": lambda items: _filled({}, items),
    "FROZENSET": lambda items: frozenset(map(_key, items)),
}
_PUT, _GET = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_KEYS = (str, bytes, int, float, bool, type(None))


class _RefusedError(Exception):
    """What a pickle holds that is not read."""


@dataclass(frozen=True)
class _Name:
    """A name of numpy's that stands for itself."""

    name: str


@dataclass
class _Dtype:
    """A numpy type under construction."""

    code: str

    @property
    def dtype(self) -> np.dtype[Any]:
        return _plain(self.code)


@dataclass
class _Array:
    """An array whose content comes after it: other parts of the pickle may refer to it before."""

    content: np.ndarray[Any, Any] | None = None


_MARK = object()


def read_pickle(content: bytes, name: str) -> Any:
    """The numbers, text, containers and numpy arrays of a pickle.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        PublishedError: if it holds anything else, is larger than what is read, or is damaged.
    """
    try:
        if len(content) > LARGEST:
            raise _RefusedError(f"it has {len(content):,} bytes, and at most {LARGEST:,} are read")
        return _Machine().run(content)
    except _RefusedError as error:
        raise PublishedError(f"{name} is not read: {error}") from None
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, AttributeError) as error:
        raise PublishedError(f"{name} is damaged: it is no whole pickle ({error})") from None


class _Machine:
    """The stack, the memo and the opcodes."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        """The object that the pickle ends with."""
        stream = io.BytesIO(content)
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= MOST_OPCODES:
                raise _RefusedError(f"it has more than {MOST_OPCODES:,} opcodes")
            if opcode.name == "STOP":
                break
            self._do(opcode.name, argument)
        if stream.tell() != len(content):
            raise _RefusedError("there is more after its end")
        (result,) = self._stack
        result = _finished(result)
        _require_data(result)
        return result

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in ("PROTO", "FRAME"):
            return
        if name in _REFUSED:
            raise _RefusedError(f"{_REFUSED[name]} (opcode {name}); {_ONLY}")
        if name in _VALUES:
            stack.append(_value(argument))
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _TUPLES:
            stack.append(tuple(map(_finished, self._pop(_TUPLES[name]))))
        elif name in _FROM_MARK:
            stack.append(_FROM_MARK[name]([_finished(item) for item in self._since_mark()]))
        elif name in _PUT:
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in _GET:
            stack.append(self._memo[argument])
        else:
            self._build(name, argument)

    def _build(self, name: str, argument: Any) -> None:
        """Opcodes that fill a container, or that take a name of numpy's."""
        stack = self._stack
        if name in ("APPEND", "APPENDS"):
            items = self._pop(1) if name == "APPEND" else self._since_mark()
            _expect(stack[-1], list).extend(map(_finished, items))
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop(2) if name == "SETITEM" else self._since_mark()
            _filled(_expect(stack[-1], dict), [_finished(item) for item in items])
        elif name == "ADDITEMS":
            items = self._since_mark()
            _expect(stack[-1], set).update(_key(item) for item in items)
        elif name == "GLOBAL":
            stack.append(_named(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            module, qualified = self._pop(2)
            stack.append(_named(_expect(module, str), _expect(qualified, str)))
        elif name == "REDUCE":
            function, arguments = self._pop(2)
            stack.append(_called(function, _expect(arguments, tuple)))
        elif name == "BUILD":
            state = _expect(self._pop(1)[0], tuple)
            _set_state(stack[-1], state)
        else:
            raise _RefusedError(f"it uses the opcode {name}; {_ONLY}")

    def _pop(self, count: int) -> list[Any]:
        items = self._stack[-count:]
        if len(items) < count or any(item is _MARK for item in items):
            raise ValueError("too little on the stack")
        del self._stack[-count:]
        return items

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]


def _value(argument: Any) -> Any:
    if isinstance(argument, int) and argument.bit_length() > 4 * LONGEST_INTEGER:
        raise _RefusedError(f"it has an integer of more than {LONGEST_INTEGER} digits")
    return argument


def _expect(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise ValueError(f"{kinds[0].__name__} expected, found {type(value).__name__}")
    return value


def _finished(value: Any) -> Any:
    """A value as it stands in a container: an array itself instead of its place holder."""
    if not isinstance(value, _Array):
        return value
    if value.content is None:
        raise _RefusedError("it has an array without content")
    return value.content


def _require_data(value: Any) -> None:
    """Require that no name or type of numpy's is left among the data."""
    todo, seen = [value], set()
    while todo:
        part = todo.pop()
        if isinstance(part, (_Name, _Dtype)):
            raise _RefusedError(f"it has a function or type of numpy's among its data; {_ONLY}")
        if isinstance(part, (list, tuple, dict)) and id(part) not in seen:
            seen.add(id(part))
            todo += part.values() if isinstance(part, dict) else part


def _key(value: Any) -> Any:
    if not isinstance(value, _KEYS):
        raise _RefusedError(
            f"it has a key of type {type(value).__name__}; only text and numbers are"
        )
    return value


def _filled(target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    target.update({_key(key): value for key, value in zip(items[::2], items[1::2])})
    return target


def _named(module: str, name: str) -> _Name:
    if (module, name) not in _NUMPY:
        raise _RefusedError(f"it asks for {shown(f'{module}.{name}')}; {_ONLY}")
    return _Name(_NUMPY[module, name])


def _called(function: Any, arguments: tuple[Any, ...]) -> Any:
    """What numpy's functions would return for these arguments."""
    name = _expect(function, _Name).name
    if name == "dtype" and arguments and isinstance(arguments[0], str):
        _plain(arguments[0])
        return _Dtype(arguments[0])
    if name == "scalar" and len(arguments) == 2 and isinstance(arguments[0], _Dtype):
        dtype, data = arguments[0].dtype, arguments[1]
        return _array(_expect(data, bytes), dtype, ())[()]
    if name == "_reconstruct" and arguments and arguments[0] == _Name("ndarray"):
        return _Array()
    if name == "_frombuffer" and len(arguments) == 4 and isinstance(arguments[1], _Dtype):
        data, dtype, shape, order = arguments
        return _array(bytes(_expect(data, bytes, bytearray)), dtype.dtype, shape, order)
    raise _RefusedError(f"it calls numpy's {name} with other arguments than an array has; {_ONLY}")


def _set_state(target: Any, state: tuple[Any, ...]) -> None:
    """Give a type its byte order, or an array its content."""
    if isinstance(target, _Dtype):
        if len(state) < 5 or any(part is not None for part in state[2:5]):
            raise _RefusedError("it has an array of records; only arrays of plain numbers are read")
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"byte order {shown(state[1])}")
        _plain(f"{state[1]}{target.code}")
        target.code = f"{state[1]}{target.code}"
    elif isinstance(target, _Array):
        _, shape, dtype, fortran, data = state
        if isinstance(data, list):
            raise _RefusedError(f"it has an array of Python objects; {_ONLY}")
        target.content = _array(
            _expect(data, bytes), _expect(dtype, _Dtype).dtype, shape, "F" if fortran else "C"
        )
    else:
        raise _RefusedError(f"it sets the state of {_kind(target)}; {_ONLY}")


def _kind(value: Any) -> str:
    return f"numpy's {value.name}" if isinstance(value, _Name) else type(value).__name__


def _plain(code: str) -> np.dtype[Any]:
    """A type of plain numbers, from its code in the pickle."""
    problem = plain_dtype(code)
    if isinstance(problem, str):
        raise _RefusedError(problem)
    return problem


def _array(
    data: bytes, dtype: np.dtype[Any], shape: Iterable[Any], order: Any = "C"
) -> np.ndarray[Any, Any]:
    found = array_of(data, dtype, tuple(shape), order)
    if isinstance(found, str):
        raise _RefusedError(found)
    return found
