"""Archives of others: plain files come through, everything else refuses the whole archive."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports.safe_archive import Limits, members
from tests.exchange.imports.sources import refused, tar_of, yang_files

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
NAMES = st.from_regex(
    r"[a-zA-Z0-9_][a-zA-Z0-9_. ü]{0,9}(/[a-z][a-z0-9]{0,200}){0,2}", fullmatch=True
)


def archive(
    *entries: tuple[str, bytes, str] | tuple[str, bytes],
    form: str = "gnu",
    change: Callable[[tarfile.TarInfo], None] = lambda info: None,
) -> bytes:
    """A tar archive: name, type and, of files, content of each member."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=FORMATS[form]) as tar:
        for name, kind, *rest in entries:
            info = tarfile.TarInfo(name)
            info.type = kind
            content = rest[0].encode() if rest else b""
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = content.decode()
                content = b""
            info.size = len(content)
            change(info)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def read(content: bytes, **limits: Limits) -> dict[str, bytes]:
    return dict(members(content, "a.tar", **limits))


@given(
    st.dictionaries(NAMES, st.binary(max_size=2000), min_size=1, max_size=5),
    st.sampled_from(["gnu", "pax"]),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_files_come_through(files: dict[str, bytes], form: str, compressed: bool) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=FORMATS[form]) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    content = gzip.compress(stream.getvalue()) if compressed else stream.getvalue()
    assert read(content) == files


def test_folders_are_passed_over_and_dots_are_left_out() -> None:
    content = archive(("./a", tarfile.DIRTYPE), ("./a/b", tarfile.REGTYPE, "x"))
    assert read(content) == {"a/b": b"x"}


def test_a_folder_may_be_there_twice() -> None:
    folder = ("a", tarfile.DIRTYPE)
    content = archive(folder, ("a/b", tarfile.REGTYPE, "x"), ("./a", tarfile.DIRTYPE), folder)
    assert read(content) == {"a/b": b"x"}
    with pytest.raises(PublishedError, match="more than 3 members"):
        read(content, limits=Limits(members=3))


def pax_header(**records: str) -> bytes:
    """An archive whose only member has these extended records."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a")
        info.pax_headers = records
        tar.addfile(info)
    return stream.getvalue()


def global_header(**records: str) -> bytes:
    stream = io.BytesIO()
    options = {"format": tarfile.PAX_FORMAT, "pax_headers": records}
    with tarfile.open(fileobj=stream, mode="w", **options) as tar:
        tar.addfile(tarfile.TarInfo("a"))
    return stream.getvalue()


def with_size(size: bytes) -> bytes:
    """An archive with another size in the header of its member."""
    block = bytearray(archive(("a", tarfile.REGTYPE, "x")))
    block[124:136] = size.ljust(12, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


FILE = ("a", tarfile.REGTYPE, "x")
WHOLE = archive(FILE, ("b", tarfile.REGTYPE, 2000 * "y"))
REFUSED: dict[str, tuple[bytes, str]] = {
    # out of the folder
    "a path upwards": (archive(("../a", tarfile.REGTYPE, "x")), "'../a' lies outside of it"),
    "a path upwards within": (archive(("a/../../b", tarfile.REGTYPE, "x")), "lies outside of it"),
    "a folder upwards": (archive(("a/..", tarfile.DIRTYPE)), "lies outside of it"),
    "an absolute path": (archive(("/etc/x", tarfile.REGTYPE, "x")), "has an absolute path"),
    "a path of Windows": (archive(("C:/x", tarfile.REGTYPE, "x")), "has an absolute path"),
    "backslashes": (archive((r"..\x", tarfile.REGTYPE, "x")), "has an absolute path"),
    "a long path upwards": (archive(("../" + "a/" * 100 + "b", tarfile.REGTYPE, "x")), "lies outside of it"),
    "an extended path upwards": (pax_header(path="../b"), "'../b' lies outside of it"),
    "a global path": (global_header(path="b"), "renames all of its members"),
    # no plain files
    "a symbolic link": (archive(FILE, ("b", tarfile.SYMTYPE, "/etc/passwd")), "'b' is a symbolic link"),
    "a hard link": (archive(FILE, ("b", tarfile.LNKTYPE, "a")), "'b' is a hard link"),
    "a long link": (archive(("b", tarfile.SYMTYPE, "a" * 200)), "is a link"),
    "a character device": (archive(("b", tarfile.CHRTYPE)), "'b' is a device"),
    "a block device": (archive(("b", tarfile.BLKTYPE)), "'b' is a device"),
    "a named pipe": (archive(("b", tarfile.FIFOTYPE)), "'b' is a named pipe"),
    "a sparse file": (archive(("b", tarfile.GNUTYPE_SPARSE)), "'b' is a sparse file"),
    "an extended sparse file": (pax_header(**{"GNU.sparse.major": "1"}), "a sparse file"),
    "an unknown type": (archive(("b", b"Z")), "of an unknown type"),
    # twice
    "two members of one name": (archive(FILE, FILE), "two members named 'a'"),
    "two names of one place": (archive(FILE, ("./a", tarfile.REGTYPE, "y")), "two members named 'a'"),
    "a file and a folder": (archive(FILE, ("a", tarfile.DIRTYPE)), "two members named 'a'"),
    "a folder and a file": (archive(("a", tarfile.DIRTYPE), FILE), "two members named 'a'"),
    # damage
    "an empty file": (b"", "no tar archive"),
    "no archive": (b"hello" * 200, "neither a tar nor a tar.gz archive"),
    "a zip": (b"PK\x03\x04" + bytes(600), "neither a tar nor a tar.gz archive"),
    "an archive without members": (bytes(10240), "is empty"),
    "cut off within a member": (WHOLE[:2500], "ends within a member"),
    "cut off within a header": (WHOLE[:1200], "without the mark of its end"),
    "cut off after a member": (WHOLE[:1024], "without the mark of its end"),
    "cut off, compressed": (gzip.compress(WHOLE)[:-20], "damaged or cut off"),
    "a changed byte, compressed": (gzip.compress(WHOLE, mtime=0)[:-8] + bytes(8), "damaged or cut off"),
    "gzip of something else": (gzip.compress(b"hello"), "no tar archive"),
    "a changed header": (WHOLE[:1024] + b"x" + WHOLE[1025:], "a header within it is wrong"),
    "a member after its end": (WHOLE + archive(("c", tarfile.REGTYPE, "z")), "more after its end"),
    "a negative size": (with_size(b"\xff" * 12), "negative size"),
    "an extended size that is none": (pax_header(size="-1"), "is no number"),
    # bombs
    "a size that is not there": (with_size(b"77777777777"), "bytes, and at most"),
    "an extended size that is not there": (pax_header(size="99999999999"), "bytes, and at most"),
    "a compressed bomb": (gzip.compress(archive(*((f"{i}", tarfile.REGTYPE, "\0" * 10**6) for i in range(30)))), "unpacks to more than"),
    "a long name": (archive(("a" * 5000, tarfile.REGTYPE, "x")), "name of a member has 5,001 bytes"),
    "a long header": (pax_header(comment="x" * 70_000), "header of a member has"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_anything_else_is_refused(case: str) -> None:
    content, words = REFUSED[case]
    with pytest.raises(PublishedError) as error:
        read(content)
    assert words in str(error.value)
    assert str(error.value).startswith("a.tar is ")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(members=1), "more than 1 members"),
        (Limits(member_bytes=1999), "'b' has 2,000 bytes, and at most 1,999"),
        (Limits(total_bytes=1), "unpacks to more than 1 bytes"),
        (Limits(ratio=1, free_bytes=1), "unpacks to more than"),
    ],
)
def test_limits(limits: Limits, words: str) -> None:
    content = archive(
        FILE, ("b", tarfile.REGTYPE, 2000 * "y"), ("c", tarfile.REGTYPE, 100_000 * "z")
    )
    with pytest.raises(PublishedError, match=words):
        read(gzip.compress(content), limits=limits)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_hostile_member_refuses_the_archive(place: str, tmp_path: Path) -> None:
    """Wherever it stands, nothing of the cells is imported."""
    cells, link = yang_files(), archive(("evil", tarfile.SYMTYPE, "/etc/passwd"))
    header, end = link[:512], bytes(1024)
    plain = tar_of(cells).rstrip(b"\0")
    plain += bytes(-len(plain) % 512)
    content = header + plain + end if place == "before" else plain + header + end
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    assert "'evil' is a symbolic link" in refused(tmp_path, "yang2021", path)
