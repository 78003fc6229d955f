"""MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100 and SVHN, fetched and read by torchvision.

Every file is held against its published MD5 before it is read: torchvision itself does so for the
CIFAR and SVHN files only, and reads MNIST's unpacked copies as they lie.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import socket
import tarfile
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import numpy as np

from landscape_catalog.datasets.download import TIMEOUT_S, check_md5, fetch
from landscape_catalog.datasets.official_table import OFFICIAL, OfficialDataset
from landscape_catalog.datasets.pool import ImagePool, check_images
from landscape_catalog.errors import DataError

Split = tuple[np.ndarray, np.ndarray]  # images (n, channels, height, width), labels (n,)


def load_official(name: str, folder: Path) -> ImagePool:
    """Read a published dataset, fetching it first where it is absent.

    Args:
        name: one of `OFFICIAL`.
        folder: holds the files as torchvision lays them out.

    Raises:
        DataError: see `read_official`.
    """
    return read_official(OFFICIAL[name], folder)


def read_official(entry: OfficialDataset, folder: Path) -> ImagePool:
    """Read the dataset that an entry describes, fetching the files that are absent.

    Returns:
        Both splits in the published order; images (n, *entry.shape), labels from 0.

    Raises:
        DataError: if a file can neither be found nor fetched (what to put where), is not the
            published one (it is neither used nor overwritten), if labels are outside the classes,
            or torchvision cannot be imported.
    """
    missing = [path for path in entry.files if not (folder / path).is_file()]
    for path, md5 in entry.files.items():
        if path not in missing:
            check_md5(folder / path, md5)
    if missing:
        _bring(entry, folder, missing)
    read = {"CIFAR10": _read_cifar, "CIFAR100": _read_cifar, "SVHN": _read_svhn}
    train, test = read.get(entry.reader, _read_mnist)(_torchvision(), entry, folder)
    pool = ImagePool(*train, entry.n_classes, *test)
    check_images(pool, f"{entry.reader} in {folder}")
    return pool


def _torchvision() -> ModuleType:
    try:
        return import_module("torchvision.datasets")  # heavy, and only needed here
    except (ImportError, RuntimeError) as error:
        raise DataError(
            f"torchvision cannot be imported ({error}): torch and torchvision must be a matching "
            "pair; https://pytorch.org/get-started/previous-versions lists which versions match"
        ) from error


def _bring(entry: OfficialDataset, folder: Path, missing: list[str]) -> None:
    archive = folder / entry.archive[0] if entry.archive else None
    if archive is None or not archive.is_file():
        fetch(entry.downloads(missing), folder, entry.reader, _downloader())
    if archive is not None and entry.archive is not None:
        check_md5(archive, entry.archive[1])
        _unpack(archive, folder, missing)
    for path in missing:
        check_md5(folder / path, entry.files[path])


def _downloader() -> Callable[[str, Path], None]:
    utils = _torchvision().utils

    def get(url: str, target: Path) -> None:
        with _timeout(), contextlib.redirect_stderr(io.StringIO()):  # no progress bars in a log
            utils.download_url(url, target.parent, target.name)  # `fetch` checks the MD5

    return get


@contextlib.contextmanager
def _timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)  # torchvision sets none and takes none
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _unpack(archive: Path, folder: Path, paths: list[str]) -> None:
    try:
        with tarfile.open(archive) as tar:
            for path in paths:
                member = tar.extractfile(path)
                part = folder / f"{path}.part"  # an interruption leaves no file that looks whole
                part.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(member.read() if member else b"")
                part.replace(folder / path)
    except (OSError, KeyError, tarfile.TarError) as error:
        raise DataError(f"{archive} could not be unpacked: {error}") from error


def _read_mnist(datasets: ModuleType, entry: OfficialDataset, folder: Path) -> tuple[Split, Split]:
    with tempfile.TemporaryDirectory() as scratch:
        # Unpacked anew from what was checked: unpacked copies in the folder have no published MD5.
        raw = Path(scratch) / entry.reader / "raw"
        raw.mkdir(parents=True)
        for path in entry.files:
            packed = folder / path
            with gzip.open(packed) as source, (raw / packed.stem).open("wb") as target:
                shutil.copyfileobj(source, target)
        read = getattr(datasets, entry.reader)
        train, test = (read(scratch, train=train) for train in (True, False))
    return _mnist_split(train), _mnist_split(test)


def _mnist_split(read: Any) -> Split:
    return read.data.numpy()[:, None], read.targets.numpy().astype(np.int64)


def _read_cifar(datasets: ModuleType, entry: OfficialDataset, folder: Path) -> tuple[Split, Split]:
    base = getattr(datasets, entry.reader)
    md5s = {PurePosixPath(path).name: md5 for path, md5 in entry.files.items()}
    changed = {
        "train_list": [[name, md5s[name]] for name, _ in base.train_list],
        "test_list": [[name, md5s[name]] for name, _ in base.test_list],
        "meta": {**base.meta, "md5": md5s[base.meta["filename"]]},
    }
    read = type(entry.reader, (base,), changed)
    with warnings.catch_warnings():
        # The published pickles are of 2009; NumPy 2.4.0 to 2.4.4 takes their types with a warning.
        warnings.filterwarnings("ignore", message=".*align should be passed.*")
        train, test = (_cifar_split(read(folder, train=train)) for train in (True, False))
    return train, test


def _cifar_split(read: Any) -> Split:
    images = np.ascontiguousarray(read.data.transpose(0, 3, 1, 2))  # (n, h, w, c) to (n, c, h, w)
    return images, np.array(read.targets, np.int64)


def _read_svhn(datasets: ModuleType, entry: OfficialDataset, folder: Path) -> tuple[Split, Split]:
    base = datasets.SVHN
    lists = {
        split: [url, name, entry.files[name]]
        for split, (url, name, _) in base.split_list.items()
        if name in entry.files
    }
    read = type(entry.reader, (base,), {"split_list": lists})
    train, test = (_svhn_split(read(folder, split=split)) for split in ("train", "test"))
    return train, test


def _svhn_split(read: Any) -> Split:
    return np.ascontiguousarray(read.data), read.labels.reshape(-1)
