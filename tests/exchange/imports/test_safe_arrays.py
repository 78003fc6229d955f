"""`.npy` and `.npz` files of others: arrays of numbers come through, everything else does not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports import safe_arrays
from landscape_catalog.exchange.imports.safe_arrays import read_npy, read_npz

ARRAYS = st.sampled_from(["?", "i1", "<i8", ">u2", "f2", "<f4", ">f8"]).flatmap(
    lambda code: arrays.arrays(code, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0))
)


def npy(array: np.ndarray, **options: bool) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npz(write: Callable[..., None] = np.savez, **named: np.ndarray) -> bytes:
    stream = io.BytesIO()
    write(stream, **named)
    return stream.getvalue()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


@given(st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), ARRAYS, max_size=3), st.booleans())  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_arrays_come_through(named: dict[str, np.ndarray], compressed: bool) -> None:
    content = npz(np.savez_compressed if compressed else np.savez, **named)
    found = read_npz(content, "x.npz")
    assert found.keys() == named.keys()
    for name, array in named.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()
        assert np.array_equal(
            read_npy(npy(array), "x.npy"), array, equal_nan=array.dtype.kind == "f"
        )


def test_fortran_order() -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert np.array_equal(read_npz(npz(a=array), "x")["a"], array)


def header(shape: str, code: str = "'<f8'") -> bytes:
    text = f"{{'descr': {code}, 'fortran_order': False, 'shape': {shape}, }}"
    padded = text + " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


def encrypted() -> bytes:
    content = bytearray(zipped(("a.npy", npy(np.zeros(2)))))
    content[6] |= 1  # local header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and its entry in the directory
    return bytes(content)


GOOD = npy(np.arange(3.0))
OBJECTS = npy(np.array([{}], dtype=object), allow_pickle=True)
REFUSED: dict[str, tuple[bytes, str]] = {
    "no zip": (b"hello", "no whole .npz file"),
    "empty": (b"", "no whole .npz file"),
    "cut off": (npz(a=np.zeros(50))[:-40], "no whole .npz file"),
    "a changed byte": (bytearray(npz(a=np.zeros(50))).replace(bytes(64), bytes(63) + b"x", 1), "no whole .npz file"),
    "an array of objects": (zipped(("a.npy", OBJECTS)), "Python objects"),
    "an array of text": (npz(a=np.array(["x"])), "arrays of plain numbers"),
    "an array of records": (npz(a=np.zeros(1, "i4,f8")), "arrays of plain numbers"),
    "dates": (npz(a=np.zeros(1, "M8[s]")), "arrays of plain numbers"),
    "a large shape without data": (zipped(("a.npy", header("(4000000000, 4000000000)") + bytes(8))), "needs"),
    "a negative shape": (zipped(("a.npy", header("(-1,)"))), "of shape (-1,)"),
    "a shape of text": (zipped(("a.npy", header("('a',)"))), "no header of an array"),
    "a header that is code": (zipped(("a.npy", header("__import__('os')"))), "no header of an array"),
    "a deep header": (zipped(("a.npy", header("(" * 300 + ")" * 300))), "no header of an array"),
    "more data than the shape": (zipped(("a.npy", GOOD + b"x")), "needs 24 bytes, and it has 25"),
    "another version": (zipped(("a.npy", GOOD[:6] + b"\x09" + GOOD[7:])), "no header of an array"),
    "no array": (zipped(("a.npy", b"hello")), "no header of an array"),
    "another kind of file": (zipped(("a.pkl", b"")), "'a.pkl' is no .npy file"),
    "an unusual compression": (zipped(("a.npy", GOOD), method=zipfile.ZIP_LZMA), "unusual way"),
    "encrypted": (encrypted(), "no whole .npz file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_anything_else_is_refused(case: str) -> None:
    content, words = REFUSED[case]
    with pytest.raises(PublishedError) as error:
        read_npz(bytes(content), "cell/x.npz")
    assert words in str(error.value)
    assert str(error.value).startswith("cell/x.npz is ")


def test_two_members_of_one_name() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped(("a.npy", GOOD), ("a.npy", GOOD))
    with pytest.raises(PublishedError, match="two members of the same name"):
        read_npz(content, "x")


def test_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_arrays, "LARGEST", 10_000)
    monkeypatch.setattr(safe_arrays, "MOST_ARRAYS", 3)
    bomb = npz(np.savez_compressed, a=np.zeros(10**6))
    assert len(bomb) < 10_000
    with pytest.raises(PublishedError, match="more than 10,000 bytes"):
        read_npz(bomb, "x")
    halves = npz(np.savez_compressed, a=np.zeros(700), b=np.zeros(700))
    with pytest.raises(PublishedError, match="more than 10,000 bytes"):
        read_npz(halves, "x")
    with pytest.raises(PublishedError, match="4 members, and at most 3"):
        read_npz(npz(**{name: np.zeros(1) for name in "abcd"}), "x")
    with pytest.raises(PublishedError, match="at most 10,000 are read"):
        read_npy(npy(np.zeros(2000)), "x")
