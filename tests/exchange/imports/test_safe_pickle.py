"""Pickles of others: plain data come through, everything else is refused for what it is."""

from __future__ import annotations

import io
import os
import pickle
import resource
import sys
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports import safe_pickle
from landscape_catalog.exchange.imports.safe_pickle import read_pickle
from tests.exchange.imports.sources import assert_in_words

NUMBERS = st.sampled_from(["?", "i1", "<i4", "<i8", ">u2", "f2", "<f4", "<f8", ">f8"])
SCALARS = NUMBERS.flatmap(lambda code: arrays.from_dtype(np.dtype(code)))
ARRAYS = NUMBERS.flatmap(
    lambda code: arrays.arrays(code, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
KEYS = st.one_of(st.integers(), st.text(), st.booleans(), st.none(), st.binary(), st.floats())
PLAIN = st.one_of(KEYS, SCALARS, ARRAYS)
DATA = st.recursive(
    PLAIN,
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(KEYS, part, max_size=4),
        st.tuples(part, part),
        st.tuples(part, part, part, part),
    ),
    max_leaves=8,
)


def equal(one: Any, other: Any) -> bool:
    """Whether two values are of the same types and hold the same, NaN included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()  # fmt: skip
    if isinstance(one, np.generic):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            equal(a, b) and equal(one[a], other[b]) for a, b in zip(one, other)
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return repr(one) == repr(other)


@given(DATA, st.sampled_from([0, 1, 2, 3, 4, 5]))
@settings(max_examples=300, deadline=None)
def test_data_come_through(value: Any, protocol: int) -> None:
    assert equal(read_pickle(pickle.dumps(value, protocol), "x.pkl"), value)


def test_the_same_part_twice_and_fortran_order() -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    read = read_pickle(pickle.dumps({"a": array, "b": [array, array.T]}, 4), "x.pkl")
    assert np.array_equal(read["a"], array)
    assert np.array_equal(read["b"][1], array.T)


def test_sets_and_old_protocols_of_plain_data() -> None:
    assert read_pickle(pickle.dumps({1, 2}, 4), "x") == {1, 2}
    assert read_pickle(pickle.dumps(frozenset("ab"), 4), "x") == frozenset("ab")
    for protocol in (0, 1, 2):
        value = {"a": [1, 2.5, None, True, (), (1,), "ü\n"], 3: {}}
        assert read_pickle(pickle.dumps(value, protocol), "x") == value


class _Called:
    def __reduce__(self) -> tuple:
        return os.system, ("touch /tmp/should-not-exist",)


class _WithState:
    def __init__(self) -> None:
        self.x = 1


RECORDS = np.zeros(2, dtype=[("a", "i4"), ("b", "f8")])
SCALAR = b"cnumpy.core.multiarray\nscalar\n"
DTYPE = b"cnumpy\ndtype\n(X\x02\x00\x00\x00f8\x89\x88tR"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
HOSTILE: dict[str, tuple[bytes, str]] = {
    # functions and classes
    "REDUCE of os.system": (pickle.dumps(_Called()), f"'{os.system.__module__}.system'"),
    "GLOBAL": (b"cbuiltins\neval\n.", "'builtins.eval'"),
    "STACK_GLOBAL": (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.", "'builtins.eval'"),
    "STACK_GLOBAL with dots": (
        b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__base__\x93.",
        "'numpy.dtype.__base__'",
    ),
    "another function of numpy": (b"cnumpy\nfromfile\n.", "'numpy.fromfile'"),
    "a function like numpy's": (b"cnumpy.core.multiarray\nscalar.x\n.", "'numpy.core.multiarray.scalar.x'"),
    "another codec": (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.", "calls encode with other arguments"),
    "a codec by its usual name alone": (b"c_codecs\nencode\n(X\x01\x00\x00\x00atR.", "calls encode with other arguments"),
    "a decoder": (b"c_codecs\ndecode\n.", "'_codecs.decode'"),
    "a codec that is looked up": (b"c_codecs\nlookup\n.", "'_codecs.lookup'"),
    "bytes of a size": (b"c__builtin__\nbytes\n(J\xff\xff\xff\x7ftR.", "calls bytes with other arguments"),
    "a function among the data": (b"(c_codecs\nencode\nl.", "among its data"),
    "bytes of other characters": (b"c_codecs\nencode\n(V\\u0100\nX\x06\x00\x00\x00latin1tR.", "no whole pickle"),
    "bytes of a number": (b"c_codecs\nencode\n(K\x01X\x06\x00\x00\x00latin1tR.", "no whole pickle"),
    "an ordered dictionary": (pickle.dumps(OrderedDict(a=1)), "'collections.OrderedDict'"),
    "a complex number": (pickle.dumps(1j), "'builtins.complex'"),
    "an object with state": (pickle.dumps(_WithState()), "_WithState'"),
    "NEWOBJ": (b"\x80\x02N)\x81.", "opcode NEWOBJ"),
    "NEWOBJ_EX": (b"\x80\x04N)}\x92.", "opcode NEWOBJ_EX"),
    "INST": (b"(ios\nsystem\n.", "opcode INST"),
    "OBJ": (b"(No.", "opcode OBJ"),
    "EXT1": (b"\x80\x02\x82\x01.", "opcode EXT1"),
    "EXT2": (b"\x80\x02\x83\x01\x01.", "opcode EXT2"),
    "EXT4": (b"\x80\x02\x84\x01\x00\x00\x00.", "opcode EXT4"),
    "PERSID": (b"Pabc\n.", "opcode PERSID"),
    "BINPERSID": (b"NQ.", "opcode BINPERSID"),
    "NEXT_BUFFER": (b"\x80\x05\x97.", "opcode NEXT_BUFFER"),
    "READONLY_BUFFER": (b"\x80\x05N\x98.", "opcode READONLY_BUFFER"),
    "BUILD of a dictionary": (b"}}b.", "sets the state of a dictionary"),
    "BUILD of a function": (b"cnumpy\ndtype\n}b.", "sets the state of numpy's dtype"),
    "BINSTRING": (b"U\x01a.", "byte strings of Python 2"),
    "DUP": (b"N2\x86.", "opcode DUP"),
    "POP": (b"NN0.", "opcode POP"),
    # numpy, but no plain numbers
    "an array of objects": (pickle.dumps(np.array([{}, None], dtype=object), 3), "Python objects"),
    "an array of objects, protocol 5": (
        pickle.dumps(np.array([_Called()], dtype=object), 5),
        "Python objects",
    ),
    "an array of records": (pickle.dumps(RECORDS), "arrays of plain numbers"),
    "an array of dates": (pickle.dumps(np.zeros(2, "M8[s]")), "arrays of plain numbers"),
    "an array of text": (pickle.dumps(np.array(["a"])), "arrays of plain numbers"),
    "a complex array": (pickle.dumps(np.zeros(2, complex)), "arrays of plain numbers"),
    "records by the state of a type": (
        DTYPE + b"(K\x03X\x01\0\0\0<N(X\x01\0\0\0at}J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
        "array of records",
    ),
    "a byte order that there is not": (
        DTYPE + b"(K\x03X\x01\0\0\0?NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
        "byte order",
    ),
    "a type as data": (pickle.dumps([np.dtype("f8")]), "among its data"),
    "a function as data": (b"cnumpy\ndtype\n.", "among its data"),
    "a scalar of objects": (SCALAR + b"(cnumpy\ndtype\n(X\x01\x00\x00\x00OtRNtR.", "Python objects"),
    "a type that there is not": (b"cnumpy\ndtype\n(X\x03\x00\x00\x00f99tR.", "unknown type"),
    "a call of a class": (b"cnumpy\nndarray\n(tR.", "calls numpy's ndarray"),
    "a type with a class": (b"cnumpy\ndtype\n(cnumpy\nndarray\ntR.", "calls numpy's dtype"),
    "an array without content": (b"(" + ARRAY + b"l.", "array without content"),
    # sizes
    "a scalar of other bytes": (SCALAR + b"(" + DTYPE + b"C\x01xtR.", "needs 8 bytes, and it has 1"),
    "a large shape without bytes": (
        ARRAY + b"(K\x01(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft" + DTYPE + b"\x89C\x00tb.",
        "needs",
    ),
    "a negative shape": (ARRAY + b"(K\x01(J\xff\xff\xff\xfft" + DTYPE + b"\x89C\x00tb.", "shape"),
    "a shape of text": (ARRAY + b"(K\x01(X\x01\x00\x00\x00at" + DTYPE + b"\x89C\x00tb.", "shape"),
    "a long integer": (pickle.dumps(10**5000), "more than 1000 digits"),
    "a key that is no text or number": (pickle.dumps({(1, 2): 3}), "a tuple as a key"),
    "an array as a key": (b"}" + b"(" + SCALAR + b"(" + DTYPE.replace(b"f8", b"i8") + b"C\x08\0\0\0\0\0\0\0\0tRNu.", "a number of numpy's as a key"),
    # damage
    "an empty file": (b"", "no whole pickle"),
    "no pickle": (b"hello", "no whole pickle"),
    "cut off": (pickle.dumps({"a": [1, 2, 3]})[:-3], "no whole pickle"),
    "more after its end": (pickle.dumps(1) + b"x", "more after its end"),
    "two values left": (b"NN.", "no whole pickle"),
    "nothing on the stack": (b".", "no whole pickle"),
    "no mark": (b"Nt.", "no whole pickle"),
    "an unknown memo": (b"h\x05.", "no whole pickle"),
    "an odd number of items": (b"}(Nu.", "no whole pickle"),
    "items of a number": (b"K\x01Na.", "no whole pickle"),
    "a call of a number": (b"K\x01)R.", "no whole pickle"),
    "bytes that are not there": (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.", "no whole pickle"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_anything_else_is_refused(case: str) -> None:
    content, words = HOSTILE[case]
    with pytest.raises(PublishedError) as error:
        read_pickle(content, "cell/x.pkl")
    assert words in str(error.value)
    assert str(error.value).startswith("cell/x.pkl is ")
    assert_in_words(str(error.value))
    assert not os.path.exists("/tmp/should-not-exist")  # noqa: PTH110


def test_sizes_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_pickle, "LARGEST", 100)
    monkeypatch.setattr(safe_pickle, "MOST_OPCODES", 10)
    with pytest.raises(PublishedError, match="101 bytes, and at most 100"):
        read_pickle(bytes(101), "x")
    with pytest.raises(PublishedError, match="more than 10 opcodes"):
        read_pickle(b"(" + 20 * b"N" + b"l.", "x")


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is in KiB on Linux")
def test_memory_is_bounded_by_the_size_of_the_pickle() -> None:
    """Doubling lists, places of the memo far apart: a few bytes that could stand for gigabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    doubling = b"]q\x00" + b"".join(
        b"](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(200)
    )
    value, depth = read_pickle(b"(" + doubling + b"l.", "x")[-1], 0
    while value:
        value, depth = value[0], depth + 1
    assert depth == 200
    assert read_pickle(b"Nr\xff\xff\xff\x7f.", "x") is None
    shared = bytearray(2**22)
    views = b"\x96" + len(shared).to_bytes(8, "little") + bytes(shared) + b"q\x00"
    view = (
        b"cnumpy.core.numeric\n_frombuffer\n(h\x00" + DTYPE + b"(J\x00\x00\x08\x00tX\x01\0\0\0CtR"
    )
    text = b"X" + (2**22).to_bytes(4, "little") + bytes(2**22) + b"q\x01"
    encoded = b"c_codecs\nencode\n(h\x01X\x06\0\0\0latin1tR"
    assert len(read_pickle(b"(" + text + 300 * encoded + b"l.", "x")) == 301
    arrays = read_pickle(b"(" + views + 300 * view + b"l.", "x")
    assert len(arrays) == 301
    assert arrays[-1].shape == (2**19,)
    deep = read_pickle(100_000 * b"]" + 99_999 * b"a" + b".", "x")
    assert isinstance(deep, list)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 200 * 1024


def test_standard_unpickler_agrees_on_numpy_scalars() -> None:
    value = {0: {"top_eigenvalue": [1.5], "trace": np.float64(2.5)}, 1: [np.float32(0.1)]}
    for protocol in (3, 4, 5):
        content = pickle.dumps(value, protocol)
        assert equal(read_pickle(content, "x"), pickle.load(io.BytesIO(content)))
