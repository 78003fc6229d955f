"""Published image datasets: downloaded, verified against their checksums, read by torchvision.

Every file is verified against its published MD5 before it is read: torchvision only does so for the
CIFAR and SVHN files, and reads unpacked copies of MNIST without verifying them.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import ModuleType

import numpy as np

from landscape_catalog.datasets.download import Download, check_md5, fetch, files_checksum
from landscape_catalog.datasets.facts import DataFacts
from landscape_catalog.datasets.pool import ImagePool, check_images
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source
from landscape_catalog.errors import DataError

Split = tuple[np.ndarray, np.ndarray]  # images (n, channels, height, width), labels (n,)


@dataclass(frozen=True)
class PublishedImages:
    """What is known about a published dataset before it is read.

    MD5s and URLs are those of torchvision, as a test checks; they are repeated here so that
    planning a grid does not import torchvision.

    Attributes:
        reader: its name in torchvision.
        n_train, n_test: number of images of the two splits.
        n_classes: number of classes.
        shape: (channels, height, width) of an image.
        files: MD5 of each file, by path relative to the data folder, in torchvision's layout.
        mirrors: base URLs, each ending in a slash; tried in order.
        read: reads the training and test split, given `torchvision.datasets`, this entry and the
            folder of its verified files.
        archive: name and MD5 of the archive that contains the files, or None if there is none.
    """

    reader: str
    n_train: int
    n_test: int
    n_classes: int
    shape: tuple[int, int, int]
    files: dict[str, str]
    mirrors: tuple[str, ...]
    read: Callable[[ModuleType, PublishedImages, Path], tuple[Split, Split]]
    archive: tuple[str, str] | None = None

    @property
    def checksum(self) -> str:
        """SHA-256 of the published MD5s: identifies the files without reading them."""
        return files_checksum(self.files)

    def downloads(self, missing: list[str]) -> list[Download]:
        """The downloads that provide the missing ones of `files`."""
        wanted = [self.archive] if self.archive else [(path, self.files[path]) for path in missing]
        return [
            Download(path, md5, tuple(mirror + PurePosixPath(path).name for mirror in self.mirrors))
            for path, md5 in wanted
        ]

    def load(self, folder: Path) -> ImagePool:
        """Read the dataset, downloading missing files.

        Args:
            folder: contains the files in torchvision's layout.

        Returns:
            Both splits in the published order; images (n, *shape), labels from 0.

        Raises:
            DataError: if a file is missing and cannot be downloaded (the message says what to put
                where), or is not the published one (it is neither used nor overwritten), if labels
                are outside the classes, or if torchvision cannot be imported.
        """
        missing = [path for path in self.files if not (folder / path).exists()]
        for path, md5 in self.files.items():
            if path not in missing:
                check_md5(folder / path, md5)
        if missing:
            self._download(folder, missing)
        train, test = self.read(_torchvision(), self, folder)
        pool = ImagePool(*train, self.n_classes, *test)
        check_images(pool, f"{self.reader} in {folder}")
        return pool

    def _download(self, folder: Path, missing: list[str]) -> None:
        archive = folder / self.archive[0] if self.archive else None
        if archive is None or not archive.exists():
            fetch(self.downloads(missing), folder, self.reader)
        if archive is not None and self.archive is not None:
            check_md5(archive, self.archive[1])
            _unpack(archive, folder, missing)
        for path in missing:
            check_md5(folder / path, self.files[path])


def published_dataset(name: str, images: PublishedImages) -> DatasetSpec:
    """The registry entry of a published dataset."""

    def source(settings: DatasetSettings, project: Path) -> Source:
        facts = DataFacts(
            "images",
            images.checksum,
            images.n_train,
            images.n_test,
            images.n_classes,
            images.shape,
        )
        return Source(images.checksum, lambda: images.load(project / settings.root), facts)

    return DatasetSpec(
        name, kind="images", origin="downloaded", source=source, uses=frozenset({"root"})
    )


def _torchvision() -> ModuleType:
    try:
        return import_module("torchvision.datasets")  # heavy, and only needed here
    except (ImportError, RuntimeError) as error:
        raise DataError(
            f"torchvision cannot be imported ({error}): torch and torchvision must be a matching "
            "pair; https://pytorch.org/get-started/previous-versions lists which versions match"
        ) from error


def _unpack(archive: Path, folder: Path, paths: list[str]) -> None:
    try:
        with tarfile.open(archive) as tar:
            for path in paths:
                member = tar.extractfile(path)
                part = folder / f"{path}.part"  # an interruption leaves no file that looks complete
                part.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(member.read() if member else b"")
                part.replace(folder / path)
    except (OSError, KeyError, tarfile.TarError) as error:
        raise DataError(f"{archive} could not be unpacked: {error}") from error
