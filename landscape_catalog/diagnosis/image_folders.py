"""Images in `FOLDER/train` and `FOLDER/test`, with one subfolder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landscape_catalog.datasets.encoded_images import decode
from landscape_catalog.datasets.user_files import require_data
from landscape_catalog.diagnosis.preprocessing import Preprocessing
from landscape_catalog.errors import CheckpointError, DataError
from landscape_catalog.machine import main_memory, shown_bytes
from landscape_catalog.pipeline.prepare.trial.messages import shown_names
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.identity import derive_seed

SIDES = ("train", "test")
SUFFIXES = (".png", ".jpg", ".jpeg")
LARGEST_SHARE = 0.5  # of the machine's memory that images may take


@dataclass(frozen=True)
class ImageFolder:
    """The files of one side.

    Attributes:
        folder: `FOLDER/train` or `FOLDER/test`.
        files: in the order of the classes' folders and of their names.
        folders: for each file, the name of its class's folder.
    """

    folder: Path
    files: tuple[Path, ...]
    folders: tuple[str, ...]

    def some(self, most: int | None) -> ImageFolder:
        """At most so many of the files, drawn at random, the same at every call."""
        if most is None or most >= len(self.files):
            return self
        rows = drawn_rows(len(self.files), most, self.folder.name)
        return ImageFolder(
            self.folder,
            tuple(self.files[i] for i in rows),
            tuple(self.folders[i] for i in rows),
        )


def drawn_rows(n: int, most: int, side: str) -> list[int]:
    """At most so many of n rows, drawn without replacement, in order."""
    key = derive_seed("diagnosis samples", side)
    drawn = np.random.Generator(np.random.Philox(key=key)).permutation(n)[:most]
    return sorted(int(row) for row in drawn)


def image_folders(folder: Path) -> tuple[ImageFolder, ImageFolder]:
    """The files of both sides; none is opened.

    Raises:
        CheckpointError: if a folder is missing or empty, holds other files than PNG or JPEG, or the
            test images are of other classes.
    """
    train, test = (_side(folder, name) for name in SIDES)
    strange = sorted(set(test.folders) - set(train.folders))
    if strange:
        verb = "is" if len(strange) == 1 else "are"
        raise CheckpointError(
            f"{test.folder}: {shown_names(strange)} {verb} not among the classes of "
            f"{train.folder}: {shown_names(sorted(set(train.folders)))}"
        )
    return train, test


def _side(folder: Path, name: str) -> ImageFolder:
    side = folder / name
    if not side.is_dir():
        raise CheckpointError(
            f"--data: {side} is no folder; allowed: a function, as `module:function`, or a folder "
            "with the subfolders train and test, each with one subfolder of images per class"
        )
    files: list[Path] = []
    folders: list[str] = []
    for part in sorted(side.iterdir(), key=lambda path: path.name):
        if part.name.startswith("."):
            continue
        if not part.is_dir():
            raise CheckpointError(
                f"{part}: it is not in the folder of a class; {side} holds one subfolder per class"
            )
        found = [path for path in sorted(part.rglob("*")) if _is_file_of_class(path, part)]
        if not found:
            raise CheckpointError(f"{part}: it holds no images")
        files += found
        folders += [part.name] * len(found)
    if len(set(folders)) < (2 if name == "train" else 1):
        count = len(set(folders))
        raise CheckpointError(
            f"{side}: it has {count} subfolder{'s' * (count != 1)}; each is the folder of a class, "
            "and at least 2 are needed"
        )
    return ImageFolder(side, tuple(files), tuple(folders))


def _is_file_of_class(path: Path, folder: Path) -> bool:
    """Whether it is an image; folders and hidden files are none."""
    if any(part.startswith(".") for part in path.relative_to(folder).parts) or path.is_dir():
        return False
    if path.suffix.lower() not in SUFFIXES:
        raise CheckpointError(f"{path}: allowed: images as PNG or JPEG ({', '.join(SUFFIXES)})")
    return True


def class_order(
    folders: Sequence[str], n_outputs: int, given: Sequence[str], categories: Sequence[str]
) -> tuple[str, ...]:
    """The names of the network's classes, in order.

    They are given, or come with the weights of torchvision if these name every folder, or are the
    folders in the order of their names, as `torchvision.datasets.ImageFolder` numbers them.

    Args:
        folders: names of the folders of classes.
        n_outputs: of the network.
        given: by the user; may be empty.
        categories: of the weights; may be empty.

    Raises:
        CheckpointError: if the names do not fit the folders or the network.
    """
    names = sorted(set(folders))
    if given:
        return _given_order(names, n_outputs, given)
    if len(categories) == n_outputs and set(names) <= set(categories):
        repeated = [name for name in names if list(categories).count(name) > 1]
        if repeated:
            raise CheckpointError(
                f"{shown_names(repeated)}: the weights have several classes of that name; give "
                "--classes, the names of all classes in order"
            )
        return tuple(categories)
    if len(names) != n_outputs:
        raise CheckpointError(
            f"the network has {n_outputs} classes and the data have {len(names)} "
            f"({shown_names(names)}): give --classes, the names of the network's classes in order"
        )
    return tuple(names)


def _given_order(names: list[str], n_outputs: int, given: Sequence[str]) -> tuple[str, ...]:
    if len(set(given)) < len(given):
        repeated = sorted({name for name in given if list(given).count(name) > 1})
        raise CheckpointError(f"--classes: {shown_names(repeated)} is named twice; allowed: once")
    unknown = [name for name in names if name not in given]
    if unknown:
        raise CheckpointError(
            f"--classes: {shown_names(unknown)} of the data "
            f"{'is' if len(unknown) == 1 else 'are'} not among {shown_names(list(given))}"
        )
    if len(given) != n_outputs:
        raise CheckpointError(
            f"--classes: got {len(given)} names; allowed: {n_outputs}, one for each output of the "
            "network"
        )
    return tuple(given)


def read_images(side: ImageFolder, how: Preprocessing, *, rgb: bool) -> np.ndarray:
    """The images of one side, (n, channels, height, width) of uint8.

    Args:
        side: the files.
        how: how they are resized and cropped.
        rgb: whether greyscale images become RGB, as torchvision's datasets make them.

    Raises:
        CheckpointError: if a file cannot be decoded, if sizes differ, or if there is no memory.
    """
    first = _read(side.files[0], how, rgb=rgb)
    _require_memory(first.nbytes * len(side.files), side)
    images = np.empty((len(side.files), *first.shape), np.uint8)
    for row, path in enumerate(side.files):
        image = first if row == 0 else _read(path, how, rgb=rgb)
        if image.shape != first.shape:
            raise CheckpointError(
                f"{path}: it is {_size(image)}, and {side.files[0].name} is {_size(first)} "
                "(channels x height x width); give --size, to which all are resized"
            )
        images[row] = image
    return images


def _read(path: Path, how: Preprocessing, *, rgb: bool) -> np.ndarray:
    try:
        require_data(path)
        image, _ = decode(read_regular(path), str(path))
    except (DataError, OSError) as error:
        raise CheckpointError(str(error)) from error
    return how.sized(np.repeat(image, 3, axis=0) if rgb and len(image) == 1 else image)


def _require_memory(size: int, side: ImageFolder) -> None:
    most = main_memory().total
    if size > LARGEST_SHARE * most:
        raise CheckpointError(
            f"{side.folder}: its {len(side.files)} images take {shown_bytes(size)}, more than half "
            f"of the {shown_bytes(most)} of this machine: give --samples, of which the training "
            "images are drawn, and --test-samples"
        )


def _size(image: np.ndarray) -> str:
    return " x ".join(map(str, image.shape))
