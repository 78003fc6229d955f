"""A user's files: pointers, pipes, devices and folders are named; sizes come before contents."""

from __future__ import annotations

import io
import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from landscape_catalog import machine
from landscape_catalog.datasets import declared_version
from landscape_catalog.datasets.arrays import read_arrays
from landscape_catalog.datasets.checksums import file_checksum
from landscape_catalog.datasets.download import check_md5
from landscape_catalog.datasets.text_pairs import read_text_pairs
from landscape_catalog.datasets.user_files import checksum_of_given
from landscape_catalog.errors import CodeError, DataError, LandscapeError

POINTERS = {
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "Git LFS with CR LF": b"version https://git-lfs.github.com/spec/v1\r\noid sha256:4d7a\r\n",
    "DVC": b"outs:\n- md5: d8e8fca2dc0f896fd7cb4cb0031ba249\n  size: 5\n  path: mine.npz\n",
    "git-annex": b"/annex/objects/SHA256E-s12345--4d7a.npz\n",
}


def pair(prefix: Path, content: bytes) -> Path:
    for language in ("de", "en"):
        prefix.with_name(f"{prefix.name}.{language}").write_bytes(content)
    return prefix


def as_declared(path: Path) -> None:
    def data() -> None: ...

    data.files = (path.name,)
    declared_version("mine:data", data, path.parent)


def as_text(path: Path) -> None:
    path.with_suffix(".en").write_text("a\nb\n")
    read_text_pairs(path.with_suffix(""), None, ("de", "en"), 9)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "npz": ("a.npz", read_arrays),
    "safetensors": ("a.safetensors", read_arrays),
    "parquet": ("a.parquet", read_arrays),
    "text": ("t.de", as_text),
    "checksum": ("a.npz", lambda path: checksum_of_given(path, None, lambda file: [file])),
    "declared by a function": ("a.bin", as_declared),
    "published": ("a.gz", lambda path: check_md5(path, "0" * 32)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("pointer", POINTERS)
def test_every_reader_names_a_pointer(reader: str, pointer: str, tmp_path: Path) -> None:
    name, read = READERS[reader]
    (tmp_path / name).write_bytes(POINTERS[pointer])
    owner = pointer.removesuffix(" with CR LF")
    with pytest.raises(LandscapeError, match=f"is a pointer of {owner} and not the data; `.* "):
        read(tmp_path / name)


def test_a_function_may_declare_a_pointer_of_dvc_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "large.dvc").write_bytes(POINTERS["DVC"])
    as_declared(tmp_path / "large.dvc")


def test_a_missing_file_that_dvc_tracks(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.npz.dvc").write_bytes(POINTERS["DVC"])
    with pytest.raises(DataError, match=r"a\.npz does not exist; a\.npz\.dvc says that DVC tracks"):
        read_arrays(tmp_path / "mine" / "a.npz")
    (tmp_path / "mine.dvc").write_bytes(POINTERS["DVC"])
    with pytest.raises(DataError, match=r"b\.npz does not exist; mine\.dvc says.*`dvc pull`"):
        file_checksum([tmp_path / "mine" / "b.npz"])
    (tmp_path / "c.npz").symlink_to(tmp_path / ".git/annex/objects/c")
    with pytest.raises(DataError, match=r"c\.npz does not exist.*link.*`git annex get`"):
        read_arrays(tmp_path / "c.npz")


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


IRREGULAR: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "a folder"),
    "pipe": (os.mkfifo, "a named pipe"),
    "socket": (a_socket, "a socket"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "empty device": (lambda path: path.symlink_to("/dev/null"), "a device"),
    "kernel log": (lambda path: path.symlink_to("/proc/kmsg"), "(a file of the op|a device)"),
    "a list of the kernel's": (lambda path: path.symlink_to("/proc/cpuinfo"), "a file of the op"),
    "own memory": (lambda path: path.symlink_to("/proc/self/mem"), "a file of the operating system"),
    "link to itself": (lambda path: path.symlink_to(path), "symbolic link"),
}  # fmt: skip


@pytest.mark.parametrize("kind", IRREGULAR)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_names_what_is_no_file(
    reader: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, words = IRREGULAR[kind]
    name, read = READERS[reader]
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    make(Path(name) if kind == "socket" else tmp_path / name)
    with pytest.raises((DataError, CodeError), match=f"cannot be read: .*{words}"):
        read(tmp_path / name)


IMAGES, LABELS = np.zeros((4, 5, 7), np.uint8), np.array([0, 1, 0, 1])


def npz_of(path: Path, **arrays: np.ndarray) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def npz_with_header(path: Path, shape: tuple[int, ...], descr: str, body: bytes = b"") -> Path:
    """An archive whose `images` announce any shape."""
    header = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    labels = io.BytesIO()
    np.save(labels, LABELS)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue() + body)
        archive.writestr("labels.npy", labels.getvalue())
    return path


def test_an_archive_with_other_names_is_said_to_hold_them(tmp_path: Path) -> None:
    keras = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}
    path = npz_of(tmp_path / "a.npz", **keras)
    with pytest.raises(DataError, match="images is missing; found: x_train, y_train, x_test, y_t"):
        read_arrays(path)
    path = npz_of(tmp_path / "b.npz", images=IMAGES, y=LABELS)
    with pytest.raises(DataError, match=r"labels is missing; found: images, y$"):
        read_arrays(path)
    path = npz_of(tmp_path / "c.npz", **{f"a{n:03}": LABELS for n in range(100)})
    with pytest.raises(DataError, match=r"found: a000, .*a011 and 88 more$"):
        read_arrays(path)
    path = npz_of(tmp_path / "d.npz", images=IMAGES, labels=LABELS, test_images=IMAGES)
    with pytest.raises(DataError, match="test_labels is missing; found: images, labels, test_im"):
        read_arrays(path)


def test_a_second_member_of_the_same_name_is_not_read_in_place_of_the_first(tmp_path: Path) -> None:
    """The header that is checked is that of the member which NumPy loads."""
    path = npz_with_header(tmp_path / "a.npz", (len(LABELS), 4, 4), "|u1", bytes(len(LABELS) * 16))
    other = io.BytesIO()
    np.save(other, np.zeros((len(LABELS), 4, 4)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("images", other.getvalue())
    with pytest.raises(DataError, match="images are float64; expected uint8"):
        read_arrays(path)


HUGE = 3 * 2**30  # more than any test should unpack
HEADERS = {
    "floats": ((4, 5, 7), "<f8", 1120, "images are float64"),
    "a flat array": ((140,), "|u1", 140, "images have shape"),
    "five dimensions": ((4, 1, 1, 5, 7), "|u1", 140, "images have shape"),
    "channels last": ((4, 5, 7, 3), "|u1", 420, "channels last"),
    "another number of labels": ((5, 5, 7), "|u1", 175, "5 images but 4 labels"),
    "text": ((4, 5), "<U7", 560, "images are str"),
    "dates": ((4, 5, 7), "<M8[s]", 1120, "images are datetime64"),
    "void": ((4, 5, 7), "|V1", 140, "images are void8"),
    "pickled": ((4, 5, 7), "|O", 1120, "can run code"),
    "cut off": ((4, 5, 7), "|u1", 139, "is damaged: images of shape .* is cut off"),
    "huge": ((4, HUGE, HUGE), "|u1", 140, "cut off"),
    "overflowing": ((4, 2**62, 2**62), "|u1", 0, "cut off"),
    "negative": ((4, -5, -7), "|u1", 140, "damaged"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_no_array_is_unpacked_that_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, descr, size, message = HEADERS[name]
    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(DataError, match=f"^dataset.path: .*({message})"):
        read_arrays(npz_with_header(tmp_path / "a.npz", shape, descr, bytes(size)))


def test_an_archive_that_expands_a_thousandfold_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = np.zeros((1000, 100, 100), np.float32)
    path = npz_of(tmp_path / "a.npz", images=zeros, labels=np.arange(1000) % 2)
    assert path.stat().st_size < zeros.nbytes / 500
    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(DataError, match="images are float32"):
        read_arrays(path)


def memory(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    monkeypatch.setattr(machine, "main_memory", lambda: machine.Memory(total, total))


def test_data_must_fit_into_the_memory_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = np.zeros((100, 20, 20), np.uint8), np.arange(100) % 2
    files = [npz_of(tmp_path / "a.npz", images=images, labels=labels), tmp_path / "b.parquet"]
    pq.write_table(pa.table({"image": images.tolist(), "label": labels}), files[1])
    content = io.BytesIO()
    Image.fromarray(images[0]).save(content, "PNG")
    files.append(tmp_path / "c.parquet")
    pq.write_table(pa.table({"image": [content.getvalue()] * 100, "label": labels}), files[2])
    for path in files:
        assert read_arrays(path).images.shape == (100, 1, 20, 20)
    memory(monkeypatch, 30_000)
    for path in files:
        with pytest.raises(
            DataError, match=f"{path.name}.* take .* kB; 2 copies.* and this machine has 30 kB"
        ):
            read_arrays(path)
    pair(tmp_path / "t", b"a\n" * 20_000)
    with pytest.raises(
        DataError, match=r"^dataset.path: .*t\.de: as sentences take .* kB; 2 copies"
    ):
        read_text_pairs(tmp_path / "t", None, ("de", "en"), 9)


def test_a_column_of_equal_numbers_is_measured_by_their_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run lengths and dictionaries make such a column tiny, also where it calls itself unpacked."""
    images = pa.array(np.zeros((5000, 4, 4), np.uint8).tolist(), pa.list_(pa.list_(pa.uint8())))
    labels = pa.array(np.arange(5000) % 2)
    pq.write_table(pa.table({"image": images, "label": labels}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    memory(monkeypatch, 400_000)
    with pytest.raises(DataError, match=r"column image take .* kB; 2 copies, as needed, would"):
        read_arrays(tmp_path / "a.parquet")


BLANK = {
    "an empty line": "",
    "spaces": " \t ",
    "zero width": "\u200b\u200d",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "filler": "\u3164",
    "separator": "\u2028",
    "joiner": "\u034f\ufe0f",
}


@pytest.mark.parametrize("blank", BLANK.values(), ids=BLANK)
def test_blank_ends_are_dropped_and_a_blank_line_within_is_named(
    blank: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def read(german: list[str], english: list[str]) -> tuple[list[str], list[str]]:
        for language, lines in (("de", german), ("en", english)):
            (tmp_path / f"t.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
        pool = read_text_pairs(tmp_path / "t", None, ("de", "en"), 9)
        return pool.sources, pool.targets

    expected = (["eins", "zwei"], ["one", "two"])
    caplog.set_level("INFO")
    assert read(["eins", "zwei", blank], ["one", "two", blank]) == expected
    assert "t.de: dropped 1 blank lines at its ends" in caplog.text
    assert read(["eins", "zwei", blank, blank], ["one", "two"]) == expected
    assert read([blank, "eins", "zwei", blank], [blank, "one", "two"]) == expected
    for german, english, message in (
        (["eins", blank, "drei"], ["one", "two", "three"], r"line 2 is empty in [^ ]*t\.de$"),
        (["eins", blank, "drei"], ["one", blank, "three"], r"line 2 is empty in .*\.de and in "),
        ([blank, "zwei"], ["one", "two"], r"line 1 is empty in [^ ]*t\.de$"),
        (["eins", "zwei"], ["one", blank, blank], r"line 2 is empty in [^ ]*t\.en$"),
        ([blank, "eins"], [blank, blank], r"t\.en has no sentence"),
        (["eins", "zwei", blank], ["one", "two", "three"], r"line 3 is empty in [^ ]*t\.de$"),
    ):
        with pytest.raises(DataError, match=message):
            read(german, english)
