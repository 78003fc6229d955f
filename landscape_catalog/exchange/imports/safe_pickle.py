"""Read pickles of others: numpy arrays, numpy scalars and plain containers, and nothing else.

The opcodes are interpreted here. Nothing is imported, and no function that a pickle names is
called: the few names that numpy writes stand for what is done here with plain bytes. So a pickle
cannot run code, and what it can allocate is bounded by its own size.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from typing import Any

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports.pickled_numpy import (
    ONLY,
    Array,
    DamagedError,
    Dtype,
    Name,
    RefusedError,
    called,
    expect,
    kind_of,
    named,
    set_state,
)

LARGEST = 16 * 2**20  # bytes of a pickle
MOST_OPCODES = 2_000_000
LONGEST_INTEGER = 1000  # decimal digits
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
            raise RefusedError(f"it has {len(content):,} bytes, and at most {LARGEST:,} are read")
        return _Machine().run(content)
    except RefusedError as error:
        raise PublishedError(f"{name} is not read: {error}") from None
    except DamagedError as error:
        raise PublishedError(f"{name} is damaged: it is no whole pickle ({error})") from None


class _Machine:
    """The stack, the memo and the opcodes."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._encoded: dict[str, bytes] = {}

    def run(self, content: bytes) -> Any:
        """The object that the pickle ends with."""
        stream = io.BytesIO(content)
        try:
            for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
                if count >= MOST_OPCODES:
                    raise RefusedError(f"it has more than {MOST_OPCODES:,} opcodes")
                if opcode.name == "STOP":
                    break
                self._do(opcode.name, argument)
        except (ValueError, LookupError, TypeError, OverflowError, AttributeError):
            raise DamagedError(f"what stands before byte {stream.tell() + 1} is wrong") from None
        if stream.tell() != len(content):
            raise RefusedError("there is more after its end")
        if len(self._stack) != 1:
            raise DamagedError(f"it ends with {len(self._stack)} values instead of one")
        result = _finished(self._stack[0])
        _require_data(result)
        return result

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in ("PROTO", "FRAME"):
            return
        if name in _REFUSED:
            raise RefusedError(f"{_REFUSED[name]} (opcode {name}); {ONLY}")
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
            expect(stack[-1], list).extend(map(_finished, items))
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop(2) if name == "SETITEM" else self._since_mark()
            _filled(expect(stack[-1], dict), [_finished(item) for item in items])
        elif name == "ADDITEMS":
            items = self._since_mark()
            expect(stack[-1], set).update(_key(item) for item in items)
        elif name == "GLOBAL":
            stack.append(named(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            module, qualified = self._pop(2)
            stack.append(named(expect(module, str), expect(qualified, str)))
        elif name == "REDUCE":
            function, arguments = self._pop(2)
            stack.append(called(function, expect(arguments, tuple), self._encoded))
        elif name == "BUILD":
            (state,) = self._pop(1)
            set_state(stack[-1], state)
        else:
            raise RefusedError(f"it uses the opcode {name}; {ONLY}")

    def _pop(self, count: int) -> list[Any]:
        items = self._stack[-count:]
        if len(items) < count or any(item is _MARK for item in items):
            raise DamagedError("a value is missing")
        del self._stack[-count:]
        return items

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]


def _value(argument: Any) -> Any:
    if isinstance(argument, int) and argument.bit_length() > 4 * LONGEST_INTEGER:
        raise RefusedError(f"it has an integer of more than {LONGEST_INTEGER} digits")
    return argument


def _finished(value: Any) -> Any:
    """A value as it stands in a container: an array itself instead of its place holder."""
    if not isinstance(value, Array):
        return value
    if value.content is None:
        raise RefusedError("it has an array without content")
    return value.content


def _require_data(value: Any) -> None:
    """Require that no name or type of numpy's is left among the data."""
    todo, seen = [value], set()
    while todo:
        part = todo.pop()
        if isinstance(part, (Name, Dtype)):
            what = kind_of(part)
            raise RefusedError(f"it has {what} among its data; {ONLY}")
        if isinstance(part, (list, tuple, dict)) and id(part) not in seen:
            seen.add(id(part))
            todo += part.values() if isinstance(part, dict) else part


def _key(value: Any) -> Any:
    if not isinstance(value, _KEYS):
        raise RefusedError(
            f"it has {kind_of(value)} as a key; only text and plain numbers are read as keys"
        )
    return value


def _filled(target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise DamagedError("a key has no value")
    target.update({_key(key): value for key, value in zip(items[::2], items[1::2])})
    return target
