"""Encoded images: what a viewer shows is read, or refused with the reason; sizes come first."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from landscape_catalog.datasets.arrays import read_arrays
from landscape_catalog.datasets.encoded_images import decode
from landscape_catalog.datasets.facts import facts_of
from landscape_catalog.errors import DataError

PIXELS = np.random.Generator(np.random.Philox(key=5)).integers(0, 256, (5, 7, 3), dtype=np.uint8)
COLOUR = Image.fromarray(PIXELS)
GREY = COLOUR.convert("L")


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def with_chunk(content: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with a further chunk after its header."""
    chunk = struct.pack(">I", len(body)) + name + body
    return content[:33] + chunk + struct.pack(">I", zlib.crc32(name + body)) + content[33:]


def bare_png(
    width: int, height: int, depth: int, colour: int, row: bytes, rows: int | None = None
) -> bytes:
    """A PNG whose rows all have the same bytes; `rows` of them if it is cut off."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(b"\0" + row) for _ in range(rows or height)) + packer.flush()
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    for name, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data
        content += struct.pack(">I", zlib.crc32(name + data))
    return content


def exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[0x0112] = orientation
    return found.tobytes()


def linear_profile() -> bytes:
    """The sRGB profile with a linear tone curve in all channels."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * struct.unpack(">I", profile[128:132])[0], 12):
        if profile[at + 1 : at + 4] == b"TRC":
            (start,) = struct.unpack(">I", profile[at + 4 : at + 8])
            profile[start : start + 12] = b"curv" + bytes(8)  # a curve of no entries: linear
    return bytes(profile)


def animation() -> bytes:
    return saved(COLOUR, save_all=True, append_images=[COLOUR.rotate(180)])


def png_text_bomb() -> bytes:
    return with_chunk(saved(COLOUR), b"zTXt", b"a\0\0" + zlib.compress(bytes(10**7), 9))


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

READ: dict[str, Callable[[], bytes]] = {
    "colour": lambda: saved(COLOUR),
    "grey": lambda: saved(GREY),
    "palette": lambda: saved(COLOUR.quantize(16)),
    "two colours": lambda: saved(COLOUR.convert("1")),
    "four greys": lambda: bare_png(4, 1, 2, 0, bytes([0b00011011])),
    "JPEG": lambda: saved(COLOUR, "JPEG"),
    "grey JPEG": lambda: saved(GREY, "JPEG"),
    "progressive JPEG": lambda: saved(COLOUR, "JPEG", progressive=True),
    "sRGB profile": lambda: saved(COLOUR, icc_profile=SRGB),
    "unreadable profile": lambda: saved(COLOUR, icc_profile=b"no profile"),
    "usual gamma": lambda: with_chunk(saved(COLOUR), b"gAMA", struct.pack(">I", 45455)),
    "pixels that are not square": lambda: saved(COLOUR, dpi=(72, 144)),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name: str) -> None:
    content = READ[name]()
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    pixels, turned = decode(content, "it")
    channels = pixels.transpose(1, 2, 0)
    assert np.array_equal(channels[..., 0] if len(pixels) == 1 else channels, expected)
    assert not turned
    if name == "four greys":
        assert pixels.tolist() == [[[0, 85, 170, 255]]]


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_photograph_is_applied(form: str, orientation: int) -> None:
    content = saved(COLOUR, form, exif=exif(orientation))
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image)).transpose(2, 0, 1)
    pixels, turned = decode(content, "it")
    assert np.array_equal(pixels, expected)
    assert turned == (orientation > 1)
    assert pixels.shape[1:] == ((7, 5) if orientation > 4 else (5, 7))


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "RGBA": (lambda: saved(COLOUR.convert("RGBA")), "mode RGBA; expected greyscale or RGB"),
    "grey and alpha": (lambda: saved(GREY.convert("LA")), "mode LA"),
    "transparent palette": (
        lambda: saved(COLOUR.quantize(8), transparency=0), "has a transparent colour"),
    "transparent colour": (lambda: saved(COLOUR, transparency=(0, 0, 0)), "transparent colour"),
    "16-bit colours": (lambda: bare_png(2, 2, 16, 2, bytes(12)), "16 bits per channel; expected 8"),
    "16-bit greys": (lambda: bare_png(2, 2, 16, 0, bytes(4)), "16 bits per channel"),
    "CMYK": (lambda: saved(COLOUR.convert("CMYK"), "JPEG"), "mode CMYK"),
    "animation": (animation, "animation of 2 frames"),
    "linear gamma": (
        lambda: with_chunk(saved(COLOUR), b"gAMA", struct.pack(">I", 100_000)), "far from sRGB .gamma"),
    "linear profile": (lambda: saved(COLOUR, icc_profile=linear_profile()), "far from sRGB .profile"),
    "GIF": (lambda: saved(COLOUR.quantize(4), "GIF"), "no PNG or JPEG; it begins with b'GIF8"),
    "TIFF": (lambda: saved(COLOUR, "TIFF"), "no PNG or JPEG"),
    "WebP": (lambda: saved(COLOUR, "WEBP"), "no PNG or JPEG"),
    "PostScript": (lambda: saved(COLOUR, "EPS"), "no PNG or JPEG; it begins with b'%!PS-"),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG or JPEG"),
    "nothing": (lambda: b"", "no PNG or JPEG"),
    "cut off": (lambda: saved(COLOUR, "JPEG")[:-40], "cannot be decoded"),
    "wide": (lambda: bare_png(5000, 1, 8, 0, bytes(5000)), "5000 x 1 pixels; allowed: at most 4096"),
    "a bomb": (lambda: bare_png(12_000, 12_000, 8, 0, bytes(12_000), rows=9), "12000 x 12000 pixels"),
    "a bomb of text": (png_text_bomb, "cannot be decoded"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    content, message = REFUSED[name]
    with pytest.raises(DataError, match=f"^it .*{message}"):
        decode(content(), "it")


def test_no_image_is_unpacked_whose_size_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("unpacked"))
    with pytest.raises(DataError, match=r"it is \(3, 5, 7\), but that of row 0 is \(3, 6, 7\)"):
        decode(saved(COLOUR), "it", (3, 6, 7))


def table(path: Path, images: Any) -> Path:
    labels = pa.array(np.arange(len(images)) % 2)
    pq.write_table(pa.table({"image": images, "label": labels}), path)
    return path


def test_turned_photographs_have_another_id_than_those_that_were_read_before(
    tmp_path: Path,
) -> None:
    upright = [saved(COLOUR, exif=exif(1))] * 4
    turned = [*upright[:3], saved(COLOUR, exif=exif(3))]
    pools = [
        read_arrays(table(tmp_path / f"{i}.parquet", c)) for i, c in ((1, upright), (2, turned))
    ]
    checksums = [facts_of(pool, "c", vocabulary=0).checksum for pool in pools]
    assert checksums[0] == "c" != checksums[1]
    assert np.array_equal(pools[1].images[3], pools[0].images[3][:, ::-1, ::-1])


NULLS = {
    "null bytes": (
        [{"bytes": b"", "path": None}, {"bytes": None, "path": "cats/1.png"}],
        "row 0 cannot be decoded",
    ),
    "only a path": (
        [{"bytes": saved(COLOUR), "path": "a"}, {"bytes": None, "path": "cats/1.png"}],
        "row 1 has no bytes, only the path 'cats/1.png'; the file must contain the images",
    ),
    "no bytes": ([{"bytes": saved(COLOUR)}, {"bytes": None}], "row 1 has no bytes; the file"),
    "null": ([{"bytes": saved(COLOUR)}, None], "image of row 1 is null"),
    "null among bytes": ([saved(COLOUR), None], "image of row 1 is null"),
    "no bytes at all": ([{"path": "a"}, {"path": "b"}], "column image is struct<path: string>"),
    "text": (["a", "b"], "column image is string; expected nested lists of integers, bytes, or"),
}


@pytest.mark.parametrize("name", NULLS)
def test_missing_images_are_named_by_their_cause(name: str, tmp_path: Path) -> None:
    images, message = NULLS[name]
    with pytest.raises(DataError, match=message):
        read_arrays(table(tmp_path / "a.parquet", images))
