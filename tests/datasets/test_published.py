"""Published image datasets: small files in the real formats, and every way they can be invalid."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import shutil
import struct
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import torchvision.datasets

from landscape_catalog.datasets import cifar10, cifar100, fashion_mnist, mnist, published, svhn
from landscape_catalog.datasets.pool import ImagePool
from landscape_catalog.datasets.published import PublishedImages
from landscape_catalog.errors import DataError
from tests.conftest import SHARED

PUBLISHED = {
    "mnist": mnist.IMAGES,
    "fashion_mnist": fashion_mnist.IMAGES,
    "cifar10": cifar10.IMAGES,
    "cifar100": cifar100.IMAGES,
    "svhn": svhn.IMAGES,
}
# Data ids depend on these: they must never change.
CHECKSUMS = {
    "mnist": "0c6804b8c804dd71cf6a56bada05e18bddce842e7208c832598c55891c01e332",
    "fashion_mnist": "fe10457f2c6e8d68d57ee6fce306a27b8639b8c2fd13e552b882f70311d540fe",
    "cifar10": "8e58336ebce77f5450457eb100e492a053b00f8fa297441da380a0d891d9bc18",
    "cifar100": "6d673325d2d24aac618356d721ffdde105909c255eb183c027b62d242d0d0531",
    "svhn": "ceb38531ebeff7ad4593d9d733966d26e97b8bfadedf50fd4643687a9cb82a52",
}


def idx(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes: 0, 0, type 8, dimensions, big-endian sizes, data."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def python2_pickle(value: Any) -> bytes:
    """Pickle protocol 2 as written by Python 2, with text as bytes and dtypes with align=0."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:
    if isinstance(value, str):
        return b"T" + struct.pack("<i", len(value)) + value.encode("latin1")
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(_opcodes, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_opcodes(k) + _opcodes(v) for k, v in value.items()) + b"u"
    assert isinstance(value, np.ndarray)
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    kind = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"(" + b"".join(_opcodes(side) for side in value.shape) + b"t"
    return (
        empty
        + b"(K\x01"
        + shape
        + kind
        + b"\x89"
        + _opcodes(value.tobytes().decode("latin1"))
        + b"tb"
    )


def mnist_files(pool: ImagePool) -> dict[str, bytes]:
    splits = (("train", pool.images, pool.labels), ("t10k", pool.test_images, pool.test_labels))
    files = {}
    for split, images, labels in splits:
        assert images is not None and labels is not None
        files[f"MNIST/raw/{split}-images-idx3-ubyte.gz"] = gzip.compress(idx(images[:, 0]), mtime=0)
        files[f"MNIST/raw/{split}-labels-idx1-ubyte.gz"] = gzip.compress(idx(labels), mtime=0)
    return files


def cifar_batch(images: np.ndarray, labels: np.ndarray, key: str) -> bytes:
    rows = {"batch_label": "a batch", key: labels.tolist(), "data": images.reshape(len(images), -1)}
    if key == "fine_labels":
        rows["coarse_labels"] = (labels // 5).tolist()
    return python2_pickle({**rows, "filenames": [f"{i}.png" for i in range(len(images))]})


def cifar10_files(pool: ImagePool) -> dict[str, bytes]:
    assert pool.test_images is not None and pool.test_labels is not None
    batches = zip(np.array_split(pool.images, 5), np.array_split(pool.labels, 5))
    folder = "cifar-10-batches-py"
    files = {
        f"{folder}/data_batch_{i}": cifar_batch(images, labels, "labels")
        for i, (images, labels) in enumerate(batches, start=1)
    }
    files[f"{folder}/test_batch"] = cifar_batch(pool.test_images, pool.test_labels, "labels")
    names = {"label_names": [f"class {i}" for i in range(10)], "num_vis": 3072}
    return {**files, f"{folder}/batches.meta": python2_pickle(names)}


def cifar100_files(pool: ImagePool) -> dict[str, bytes]:
    assert pool.test_images is not None and pool.test_labels is not None
    names = {"fine_label_names": [f"class {i}" for i in range(100)], "coarse_label_names": ["all"]}
    return {
        "cifar-100-python/train": cifar_batch(pool.images, pool.labels, "fine_labels"),
        "cifar-100-python/test": cifar_batch(pool.test_images, pool.test_labels, "fine_labels"),
        "cifar-100-python/meta": python2_pickle(names),
    }


def svhn_files(pool: ImagePool) -> dict[str, bytes]:
    from scipy.io import savemat

    files = {}
    splits = (("train", pool.images, pool.labels), ("test", pool.test_images, pool.test_labels))
    for split, images, labels in splits:
        assert images is not None and labels is not None
        digits = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
        content = io.BytesIO()
        savemat(content, {"X": images.transpose(2, 3, 1, 0), "y": digits}, do_compression=True)
        files[f"{split}_32x32.mat"] = content.getvalue()
    return files


FORMATS: dict[str, Callable[[ImagePool], dict[str, bytes]]] = {
    "mnist": mnist_files,
    "cifar10": cifar10_files,
    "cifar100": cifar100_files,
    "svhn": svhn_files,
}


def small_pool(name: str) -> ImagePool:
    entry = PUBLISHED[name]
    generator = np.random.Generator(np.random.Philox(key=3))
    images = generator.integers(0, 256, size=(14, *entry.shape), dtype=np.uint8)
    labels = generator.permutation(entry.n_classes)[np.arange(14) % entry.n_classes]
    return ImagePool(images[:10], labels[:10], entry.n_classes, images[10:], labels[10:])


def small_entry(name: str, files: dict[str, bytes]) -> PublishedImages:
    md5s = {path: hashlib.md5(content).hexdigest() for path, content in files.items()}
    assert md5s.keys() == PUBLISHED[name].files.keys()
    return dataclasses.replace(PUBLISHED[name], files=md5s)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def contents_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def assert_equal(found: ImagePool, expected: ImagePool) -> None:
    assert found.n_classes == expected.n_classes
    for name in ("images", "labels", "test_images", "test_labels"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype
        assert one.flags["C_CONTIGUOUS"]
        assert np.array_equal(one, other), name


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError("no network here")

    monkeypatch.setattr(requests, "get", refuse)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The URL of a local server, and the folder that it serves."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as running:
        thread = threading.Thread(target=partial(running.serve_forever, poll_interval=0.01))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/", folder
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("name", PUBLISHED)
def test_checksums_and_addresses_are_those_of_torchvision(name: str) -> None:
    entry = PUBLISHED[name]
    reader = getattr(torchvision.datasets, entry.reader)
    if entry.reader == "SVHN":
        rows = [(path, md5, url) for url, path, md5 in reader.split_list.values()][:2]
        assert [(d.path, d.md5, d.urls[0]) for d in entry.downloads(list(entry.files))] == rows
    elif entry.archive is not None:
        listed = {
            **dict(reader.train_list + reader.test_list),
            reader.meta["filename"]: reader.meta["md5"],
        }
        assert entry.files == {f"{reader.base_folder}/{name}": md5 for name, md5 in listed.items()}
        (download,) = entry.downloads([])
        assert (download.path, download.md5) == (reader.filename, reader.tgz_md5)
        assert download.urls == (reader.url,)
    else:
        assert entry.files == {f"{entry.reader}/raw/{n}": md5 for n, md5 in reader.resources}
        assert list(entry.mirrors) == reader.mirrors
    assert entry.checksum == CHECKSUMS[name]


@pytest.mark.parametrize("name", FORMATS)
def test_real_formats(name: str, tmp_path: Path, no_network: None) -> None:
    pool = small_pool(name)
    files = FORMATS[name](pool)
    write(tmp_path, files)
    assert_equal(small_entry(name, files).load(tmp_path), pool)
    assert contents_of(tmp_path) == files.keys()


@pytest.mark.skipif(not (SHARED / "data/fashion_mnist").is_dir(), reason="needs the real files")
def test_the_real_fashion_mnist(tmp_path: Path, no_network: None) -> None:
    shutil.copytree(SHARED / "data/fashion_mnist", tmp_path / "FashionMNIST/raw")
    pool = fashion_mnist.IMAGES.load(tmp_path)
    assert pool.test_images is not None and pool.test_labels is not None
    assert pool.images.shape == (60_000, 1, 28, 28)
    assert pool.test_images.shape == (10_000, 1, 28, 28)
    assert np.bincount(pool.labels).tolist() == [6000] * 10
    assert np.bincount(pool.test_labels).tolist() == [1000] * 10
    # Mean and standard deviation as published for the training images.
    assert abs(pool.images.mean() / 255 - 0.2860) < 5e-5
    assert abs(pool.images.std() / 255 - 0.3530) < 5e-5


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [truncate, flip])
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_named_and_neither_used_nor_replaced(
    name: str, damage: Callable[[bytes], bytes], tmp_path: Path, no_network: None
) -> None:
    files = FORMATS[name](small_pool(name))
    entry = small_entry(name, files)
    for path, content in files.items():
        write(tmp_path, {**files, path: damage(content)})
        with pytest.raises(DataError) as caught:
            entry.load(tmp_path)
        found = hashlib.md5(damage(content)).hexdigest()
        for part in (str(tmp_path / path), found, entry.files[path], "Remove it"):
            assert part in str(caught.value)
        assert (tmp_path / path).read_bytes() == damage(content)


@pytest.mark.parametrize("name", FORMATS)
def test_without_network_the_message_says_what_to_put_where(
    name: str, tmp_path: Path, no_network: None, capfd: pytest.CaptureFixture[str]
) -> None:
    files = FORMATS[name](small_pool(name))
    entry, absent = small_entry(name, files), next(iter(files))
    write(tmp_path, files)
    (tmp_path / absent).unlink()
    with pytest.raises(DataError) as caught:
        entry.load(tmp_path)
    message = str(caught.value)
    assert "no network here" in message
    for download in entry.downloads([absent]):
        for part in (str(tmp_path / download.path), download.md5, *download.urls):
            assert part in message
    assert (
        "test" not in message.replace(str(tmp_path), "").lower()
    )  # only the missing files are named
    assert contents_of(tmp_path) == files.keys() - {absent}
    assert capfd.readouterr().err == ""


def test_files_are_downloaded_completely_and_without_output(
    tmp_path: Path, server: tuple[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    pool, (address, served), folder = small_pool("mnist"), server, tmp_path / "root"
    files = mnist_files(pool)
    write(served, {Path(path).name: content for path, content in files.items()})
    entry = dataclasses.replace(
        small_entry("mnist", files), mirrors=(f"{address}nowhere/", address)
    )
    assert_equal(entry.load(folder), pool)
    assert contents_of(folder) == files.keys()
    assert capfd.readouterr().err == ""


def test_a_wrong_response_is_not_kept(tmp_path: Path, server: tuple[str, Path]) -> None:
    (address, served), folder = server, tmp_path / "root"
    files = svhn_files(small_pool("svhn"))
    write(served, dict.fromkeys(files, b"<html>This file has moved"))
    entry = dataclasses.replace(small_entry("svhn", files), mirrors=(address,))
    with pytest.raises(DataError, match="does not match the known hash") as caught:
        entry.load(folder)
    assert "test_32x32.mat" in str(caught.value)  # it is missing as well
    assert contents_of(folder) == set()


def packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for path, inside in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(inside)
            tar.addfile(member, io.BytesIO(inside))
    return content.getvalue()


@pytest.mark.parametrize("by_hand", [True, False])
def test_an_archive_is_unpacked(tmp_path: Path, server: tuple[str, Path], by_hand: bool) -> None:
    pool, (address, served), folder = small_pool("cifar10"), server, tmp_path / "root"
    files = cifar10_files(pool)
    name, content = "cifar-10-python.tar.gz", packed(files)
    write(folder if by_hand else served, {name: content})
    entry = dataclasses.replace(
        small_entry("cifar10", files),
        archive=(name, hashlib.md5(content).hexdigest()),
        mirrors=(address,),
    )
    assert_equal(entry.load(folder), pool)
    assert contents_of(folder) == {*files, name}
    batch = "cifar-10-batches-py/data_batch_1"
    (folder / batch).unlink()
    (folder / name).write_bytes(flip(content))
    with pytest.raises(DataError, match=name):
        entry.load(folder)
    (folder / batch).write_bytes(flip(files[batch]))  # a damaged file is never treated as missing
    with pytest.raises(DataError, match="data_batch_1"):
        entry.load(folder)


def test_an_archive_without_a_file(tmp_path: Path, no_network: None) -> None:
    files = cifar10_files(small_pool("cifar10"))
    content = packed({path: files[path] for path in list(files)[1:]})
    write(tmp_path, {"cifar-10-python.tar.gz": content})
    entry = dataclasses.replace(
        small_entry("cifar10", files),
        archive=("cifar-10-python.tar.gz", hashlib.md5(content).hexdigest()),
    )
    with pytest.raises(DataError, match="could not be unpacked"):
        entry.load(tmp_path)


@pytest.mark.parametrize("name", ["mnist", "cifar100"])
def test_a_label_outside_the_classes(name: str, tmp_path: Path, no_network: None) -> None:
    pool = small_pool(name)
    pool.labels[7] = pool.n_classes
    files = FORMATS[name](pool)
    write(tmp_path, files)
    with pytest.raises(
        DataError, match=f"label {pool.n_classes} at index 7 is not in 0..{pool.n_classes - 1}"
    ):
        small_entry(name, files).load(tmp_path)


def test_unpacked_and_converted_copies_are_not_trusted(tmp_path: Path, no_network: None) -> None:
    pool = small_pool("mnist")
    files = mnist_files(pool)
    write(tmp_path, files)
    write(tmp_path, {path.removesuffix(".gz"): b"rubbish" for path in files})
    write(tmp_path, {f"MNIST/processed/{name}.pt": b"rubbish" for name in ("training", "test")})
    assert_equal(small_entry("mnist", files).load(tmp_path), pool)


def test_a_folder_that_is_not_writable(tmp_path: Path, no_network: None) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="could not be downloaded"):
        svhn.IMAGES.load(tmp_path / "file")


def test_an_incompatible_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = svhn_files(small_pool("svhn"))
    write(tmp_path, files)

    def fail(_: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    with monkeypatch.context() as patch:
        patch.setattr(published, "import_module", fail)
        with pytest.raises(DataError, match=r"nms does not exist.*pair.*versions match"):
            small_entry("svhn", files).load(tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(DataError, match="matching pair"):
        small_entry("svhn", files).load(tmp_path)
