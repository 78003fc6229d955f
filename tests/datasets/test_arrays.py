"""A user's own images: three file formats, and a clear message for every problem with them."""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from landscape_catalog.datasets.arrays import read_arrays
from landscape_catalog.datasets.checksums import file_checksum
from landscape_catalog.datasets.pool import (
    ImagePool,
    PointPool,
    TextPool,
    check_images,
    require_channels_first,
)
from landscape_catalog.errors import DataError
from tests.datasets.files import checksum_of

GENERATOR = np.random.Generator(np.random.Philox(key=11))
GREY = GENERATOR.integers(0, 256, size=(6, 5, 7), dtype=np.uint8)
COLOUR = GENERATOR.integers(0, 256, size=(6, 3, 5, 7), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    return path.with_suffix(".npz")


def safetensors(path: Path, **arrays: Any) -> Path:
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(whole, path.with_suffix(".safetensors"))
    return path.with_suffix(".safetensors")


def parquet(path: Path, image: Any, label: Any = LABELS) -> Path:
    pq.write_table(pa.table({"image": image, "label": label}), path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def png(image: np.ndarray, mode: str | None = None) -> bytes:
    content = io.BytesIO()
    pixels = Image.fromarray(image if image.ndim == 2 else image.transpose(1, 2, 0))
    (pixels if mode is None else pixels.convert(mode)).save(content, format="PNG")
    return content.getvalue()


@pytest.mark.parametrize("write", [npz, safetensors])
@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_named_arrays(
    write: Callable[..., Path], images: np.ndarray, kind: type, tmp_path: Path
) -> None:
    labels = LABELS.astype(kind)
    pool = read_arrays(write(tmp_path / "a", images=images, labels=labels))
    assert pool.images.shape == (6, images.size // 210, 5, 7)
    assert np.array_equal(pool.images.reshape(images.shape), images)
    assert np.array_equal(pool.labels, LABELS)
    assert (pool.labels.dtype, pool.n_classes) == (np.int64, 3)
    assert pool.test_images is None and pool.test_labels is None


@pytest.mark.parametrize("write", [npz, safetensors])
def test_a_test_split_in_the_same_file_or_another(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    test = {"images": COLOUR[:2], "labels": np.array([0, 2])}
    inside = {f"test_{name}": array for name, array in test.items()}
    both = write(tmp_path / "both", images=COLOUR, labels=LABELS, **inside)
    alone, other = (
        write(tmp_path / "a", images=COLOUR, labels=LABELS),
        write(tmp_path / "b", **test),
    )
    for pool in (read_arrays(both), read_arrays(alone, other)):
        assert pool.n_classes == 3
        assert np.array_equal(pool.test_images, COLOUR[:2])
        assert np.array_equal(pool.test_labels, [0, 2])
    with pytest.raises(DataError, match="second test split"):
        read_arrays(both, other)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(COLOUR.tolist()),
        pa.array(COLOUR.tolist(), pa.list_(pa.list_(pa.list_(pa.uint8())))),
        pa.array(COLOUR.tolist(), pa.list_(pa.list_(pa.list_(pa.uint8(), 7), 5), 3)),
        pa.array(COLOUR.tolist(), pa.large_list(pa.list_(pa.list_(pa.int16())))),
        pa.array([png(image) for image in COLOUR]),
        pa.array([png(image) for image in COLOUR], pa.large_binary()),
        pa.array([{"bytes": png(image), "path": "a.png"} for image in COLOUR]),
        pa.chunked_array([[png(image) for image in COLOUR[:2]], [png(i) for i in COLOUR[2:]]]),
        pa.chunked_array([COLOUR[:2].tolist(), COLOUR[2:].tolist()]),
    ],
    ids=[
        "int64",
        "uint8",
        "fixed",
        "large",
        "png",
        "large png",
        "hugging face",
        "2 png",
        "2 lists",
    ],
)
def test_parquet(column: Any, tmp_path: Path) -> None:
    pool = read_arrays(parquet(tmp_path / "a", column))
    assert np.array_equal(pool.images, COLOUR)
    assert np.array_equal(pool.labels, LABELS)
    assert (pool.images.dtype, pool.labels.dtype, pool.n_classes) == (np.uint8, np.int64, 3)


def test_parquet_of_grey_images_and_palettes(tmp_path: Path) -> None:
    for column in (GREY.tolist(), [png(image) for image in GREY]):
        assert np.array_equal(read_arrays(parquet(tmp_path / "a", column)).images[:, 0], GREY)
    two = (COLOUR // 128 * 255).astype(
        np.uint8
    )  # at most eight colours, so that a palette is lossless
    pool = read_arrays(parquet(tmp_path / "b", [png(image, "P") for image in two]))
    assert np.array_equal(pool.images, two)
    black = (GREY // 128 * 255).astype(np.uint8)
    pool = read_arrays(parquet(tmp_path / "c", [png(image, "1") for image in black]))
    assert np.array_equal(pool.images[:, 0], black)


def test_parquet_with_a_test_file(tmp_path: Path) -> None:
    path, other = parquet(tmp_path / "a", GREY.tolist()), parquet(tmp_path / "b", GREY.tolist())
    pool = read_arrays(path, other)
    assert np.array_equal(pool.test_images, pool.images)
    small = parquet(tmp_path / "c", GREY[:, :3].tolist())
    with pytest.raises(DataError, match=r"test images are 1 x 3 x 7, .* images are 1 x 5 x 7"):
        read_arrays(path, small)


GOOD = {"images": GREY, "labels": LABELS}
WRONG_ARRAYS = {
    "images are missing": ({"labels": LABELS}, "images is missing; found: labels"),
    "labels are missing": ({"images": GREY}, "labels is missing"),
    "half a test split": ({**GOOD, "test_images": GREY}, "test_labels is missing"),
    "float images": (
        {**GOOD, "images": GREY / np.float32(255)},
        "images are float32; expected uint8",
    ),
    "wide images": ({**GOOD, "images": GREY.astype(np.int64)}, "images are int64; expected uint8"),
    "flat images": ({**GOOD, "images": GREY.reshape(6, -1)}, r"shape \(6, 35\)"),
    "channels last": ({**GOOD, "images": COLOUR.transpose(0, 2, 3, 1)}, "channels last"),
    "float labels": ({**GOOD, "labels": LABELS * 1.0}, "labels are float64"),
    "NaN labels": ({**GOOD, "labels": np.full(6, np.nan)}, "labels are float64"),
    "one-hot labels": ({**GOOD, "labels": np.eye(6, dtype=np.int64)}, r"shape \(6, 6\)"),
    "negative labels": ({**GOOD, "labels": LABELS - 1}, "-1 at index 0"),
    "too few labels": ({**GOOD, "labels": LABELS[:5]}, "6 images but 5 labels"),
    "no samples": ({"images": GREY[:0], "labels": LABELS[:0]}, "no samples"),
    "one class": ({**GOOD, "labels": LABELS * 0}, "only one class; at least 2"),
    "float test images": (
        {**GOOD, "test_images": GREY / 255, "test_labels": LABELS},
        "test_images are float64",
    ),
}


@pytest.mark.parametrize("write", [npz, safetensors])
@pytest.mark.parametrize("fault", WRONG_ARRAYS)
def test_invalid_arrays(fault: str, write: Callable[..., Path], tmp_path: Path) -> None:
    arrays, message = WRONG_ARRAYS[fault]
    path = write(tmp_path / "a", **arrays)
    with pytest.raises(DataError, match=f"^dataset.path: {re.escape(str(path))}.*{message}"):
        read_arrays(path)


ALPHA = [png(np.full((4, 2, 2), 9, np.uint8))] * 6
WRONG_COLUMNS = {
    "another height": (
        [*GREY[:4].tolist(), GREY[4, :3].tolist(), GREY[5].tolist()],
        "row 4 differs",
    ),
    "another width": ([*GREY[:2].tolist(), GREY[2, :, :3].tolist(), *GREY[3:].tolist()], "row 2 "),
    "a missing image": ([*GREY[:3].tolist(), None, *GREY[4:].tolist()], "image of row 3 is null"),
    "a missing row of pixels": ([[[1], None]] * 6, "row 0 differs in size"),
    "a missing pixel": ([[[1, None]]] * 6, "a null pixel"),
    "too bright": ([[[0, 0]], [[0, 256]], *[[[0, 0]]] * 4], "row 1 has a pixel of 256"),
    "negative": ([[[0, -1]], *[[[0, 0]]] * 5], "row 0 has a pixel of -1"),
    "float images": ((GREY / 255).tolist(), "images are double|images are float64; expected uint8"),
    "flat images": (GREY.reshape(6, -1).tolist(), r"shape \(6, 35\)"),
    "channels last": (COLOUR.transpose(0, 2, 3, 1).tolist(), "channels last"),
    "paths": (["a.png"] * 6, "column image is string"),
    "numbers": ([1, 2, 3, 4, 5, 6], "column image is int64"),
    "a path without bytes": (
        [{"bytes": png(GREY[0]), "path": None}] * 4 + [{"bytes": None, "path": "a.png"}] * 2,
        "row 4",
    ),
    "cut-off image": ([png(GREY[0])] * 5 + [png(GREY[0])[:60]], "row 5 cannot be decoded"),
    "no image": ([png(GREY[0])] + [b"text"] * 5, "row 1 cannot be decoded"),
    "transparent": (ALPHA, "row 0 has mode RGBA"),
    "grey among coloured": (
        [png(COLOUR[0])] * 3 + [png(GREY[0])] * 3,
        r"row 3 is \(1, 5, 7\), .* row 0 is \(3, 5, 7\)",
    ),
}


@pytest.mark.parametrize("fault", WRONG_COLUMNS)
def test_invalid_images_in_parquet(fault: str, tmp_path: Path) -> None:
    column, message = WRONG_COLUMNS[fault]
    path = parquet(tmp_path / "a", column)
    with pytest.raises(DataError, match=f"^dataset.path: {re.escape(str(path))}.*({message})"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0, 2.0, 0.0, 1.0, 2.0], "column label is double"),
        (["cat"] * 6, "column label is string"),
        ([True] * 6, "column label is bool"),
        ([0, 1, None, 0, 1, 2], "label of row 2 is null"),
        ([0, 1, 2, 0, -5, 2], "-5 at index 4"),
    ],
)
def test_invalid_labels_in_parquet(labels: list[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_arrays(parquet(tmp_path / "a", GREY.tolist(), labels))


def test_parquet_without_rows_or_columns(tmp_path: Path) -> None:
    empty = pa.array([], pa.list_(pa.list_(pa.uint8())))
    with pytest.raises(DataError, match="no samples"):
        read_arrays(parquet(tmp_path / "a", empty, pa.array([], pa.int64())))
    with pytest.raises(DataError, match="no samples"):
        read_arrays(parquet(tmp_path / "a", pa.array([], pa.binary()), pa.array([], pa.int64())))
    pq.write_table(pa.table({"img": [1], "label": [1]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="column image is missing; found: img, label"):
        read_arrays(tmp_path / "b.parquet")


def test_missing_files_and_wrong_file_types(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.npz does not exist"):
        read_arrays(tmp_path / "a.npz")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"a\.csv: the file name must end in one of \.npz, \.safe"):
        read_arrays(tmp_path / "a.csv")
    np.save(tmp_path / "b", GREY)
    for suffix in (".npz", ".safetensors", ".parquet"):
        (tmp_path / "b.npy").replace(tmp_path / f"b{suffix}")
        with pytest.raises(DataError, match=rf"b\{suffix} is (not|damaged)"):
            read_arrays(tmp_path / f"b{suffix}")
        (tmp_path / f"b{suffix}").replace(tmp_path / "b.npy")


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_truncated_files(share: float, tmp_path: Path) -> None:
    paths = [
        npz(tmp_path / "a", images=COLOUR, labels=LABELS),
        safetensors(tmp_path / "a", images=COLOUR, labels=LABELS),
        parquet(tmp_path / "a", [png(image) for image in COLOUR]),
    ]
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_arrays(path)


def test_a_flipped_byte_in_npz_is_detected(tmp_path: Path) -> None:
    path = npz(tmp_path / "a", images=COLOUR, labels=LABELS)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="is damaged"):
        read_arrays(path)


def test_gaps_between_classes(tmp_path: Path) -> None:
    for stray in (4, 10**9, 2**63, 2**64 - 1):
        labels = np.array([0, 1, 2, 0, 1, stray], np.uint64)
        path = npz(tmp_path / "a", images=GREY, labels=labels)
        message = f"labels: class 3 has no training sample, but the highest class is {stray};"
        with pytest.raises(DataError, match=message):
            read_arrays(path)


@pytest.mark.parametrize("stray", [3, 10**9, 2**63, 2**64 - 1])
def test_test_labels_must_be_training_classes(stray: int, tmp_path: Path) -> None:
    good = {"images": GREY, "labels": LABELS}
    stray_labels = np.array([0, 1, stray], np.uint64)
    message = f"labels: {stray} at index 2 is not a class .* from 0 to 2"
    inside = npz(tmp_path / "a", **good, test_images=GREY[:3], test_labels=stray_labels)
    with pytest.raises(DataError, match=f"^dataset.path: .*test_{message}"):
        read_arrays(inside)
    test = npz(tmp_path / "c", images=GREY[:3], labels=stray_labels)
    with pytest.raises(DataError, match=f"^dataset.test_path: .*c.npz: {message}"):
        read_arrays(npz(tmp_path / "b", **good), test)


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        ((12, 3, 9, 9), True),
        ((12, 3, 4, 4), True),  # read as channels last, it would not be square
        ((12, 1, 1, 1), True),
        ((12, 2, 9, 9), True),
        ((12, 9, 3), True),
        ((12, 4, 4, 3), False),
        ((12, 3, 9, 3), False),
        ((12, 1, 5, 3), False),
        ((12, 8, 8, 1), False),
        ((12, 8, 3, 3), False),
    ],
)
def test_ambiguous_axis_order(shape: tuple[int, ...], fits: bool) -> None:
    if fits:
        require_channels_first(shape, "here")
        return
    with pytest.raises(
        DataError, match=r"^here have shape .*channels last; expected \(n, channels"
    ):
        require_channels_first(shape, "here")


def test_encoded_images_have_no_ambiguous_axes(tmp_path: Path) -> None:
    narrow = np.ascontiguousarray(COLOUR[..., :3])
    pool = read_arrays(parquet(tmp_path / "a", [png(image) for image in narrow]))
    assert np.array_equal(pool.images, narrow)


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = npz(tmp_path / "a", images=COLOUR, labels=LABELS)
    content = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(mark, at + 1)
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"cannot be read: .*encrypted"):
        read_arrays(path)


def test_a_parquet_column_name_that_is_not_utf8(tmp_path: Path) -> None:
    table = pa.table({"image": GREY.tolist(), "label": LABELS, "remark": LABELS})
    pq.write_table(table, tmp_path / "a.parquet", store_schema=False)
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content.replace(b"remark", b"rem\xffrk"))
    with pytest.raises(DataError, match="is damaged or not a Parquet file"):
        read_arrays(tmp_path / "a.parquet")


def test_a_duplicate_column(tmp_path: Path) -> None:
    columns = [pa.array(GREY.tolist()), pa.array(GREY.tolist()), pa.array(LABELS)]
    pq.write_table(pa.table(columns, ["image", "image", "label"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column image occurs 2 times"):
        read_arrays(tmp_path / "a.parquet")


def test_a_decompression_bomb(tmp_path: Path) -> None:
    content = bytearray(png(GREY[0]))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    with pytest.raises(DataError, match=r"row 0 cannot be decoded: .*decompression bomb"):
        read_arrays(parquet(tmp_path / "a", [bytes(content)] * 6))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = npz(tmp_path / "a", images=np.array([GREY, None], object), labels=LABELS)
    with pytest.raises(DataError, match="can run code"):
        read_arrays(path)


def test_a_dtype_that_numpy_lacks(tmp_path: Path) -> None:
    tensors = {"images": torch.zeros(2, 3, 3, dtype=torch.bfloat16), "labels": torch.arange(2)}
    save_torch(tensors, tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="images are BF16; expected uint8"):
        read_arrays(tmp_path / "a.safetensors")


def test_checksums_of_files(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"12")
    b.write_bytes(b"3" * (1 << 21))
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (a, b)]
    assert [file_checksum([a]), file_checksum([b])] == sums
    joined = file_checksum([a, b])
    assert joined == checksum_of(b"12", b"3" * (1 << 21)) != file_checksum([b, a])
    a.write_bytes(b"123")  # a byte has moved from one file to the other
    b.write_bytes(b"3" * ((1 << 21) - 1))
    assert file_checksum([a, b]) != joined
    with pytest.raises(DataError, match="c does not exist"):
        file_checksum([a, tmp_path / "c"])


def image_pool(**changes: Any) -> ImagePool:
    return ImagePool(**{"images": COLOUR, "labels": LABELS, "n_classes": 3, **changes})


def test_a_valid_pool_passes() -> None:
    check_images(image_pool(), "here")
    check_images(image_pool(test_images=COLOUR[:1], test_labels=LABELS[:1]), "here")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": COLOUR / 255}, "images are float64; expected uint8"),
        ({"images": GREY}, "3 dimensions; expected"),
        ({"labels": LABELS[:4]}, "6 images but 4 labels"),
        ({"labels": LABELS * np.nan}, "labels are float64"),
        ({"labels": LABELS[:, None]}, "of 2 dimensions"),
        ({"labels": np.array([0, 1, 2, 3, 1, 4])}, r"label 3 at index 3 is not in 0\.\.2"),
        ({"labels": np.array([0, 1, -1, 0, 1, 2])}, r"label -1 at index 2 is not in 0\.\.2"),
        ({"images": COLOUR[:0], "labels": LABELS[:0]}, "no samples"),
        ({"images": COLOUR[:, :, :0]}, "no samples"),
        ({"n_classes": 1}, "1 classes"),
        ({"test_images": COLOUR}, "must be given together"),
        ({"test_images": COLOUR[:, :1], "test_labels": LABELS}, "test images are 1 x 5 x 7"),
        ({"test_images": COLOUR, "test_labels": LABELS + 3}, "test split: label 3 at index 0"),
    ],
)
def test_invalid_pools(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"^here.*{message}"):
        check_images(image_pool(**changes), "here")


def test_pool_checksums_depend_on_the_content() -> None:
    assert (
        image_pool().checksum() == hashlib.sha256(COLOUR.tobytes() + LABELS.tobytes()).hexdigest()
    )
    texts = [TextPool(["a"], ["b"]), TextPool(["a"], ["c"]), TextPool(["a"], ["b"], ["a"], ["b"])]
    inputs = COLOUR.astype(np.float32)
    points = [PointPool(inputs, LABELS, n) for n in (3, None)]
    points.append(PointPool(inputs, LABELS, 3, inputs, LABELS))
    points.append(PointPool(inputs.reshape(6, -1), LABELS, 3))
    images = [image_pool(), image_pool(test_images=COLOUR, test_labels=LABELS)]
    assert len({pool.checksum() for pool in (*texts, *images)}) == 5
    assert len({pool.checksum() for pool in points}) == 3  # the number of classes is not hashed
