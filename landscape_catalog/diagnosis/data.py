"""Training and test samples that a user brings, and the classes of the network's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape_catalog.datasets.custom import custom_pool
from landscape_catalog.datasets.pool import ImagePool
from landscape_catalog.diagnosis.checkpoints import Checkpoint
from landscape_catalog.diagnosis.image_folders import (
    ImageFolder,
    class_order,
    drawn_rows,
    image_folders,
    read_images,
)
from landscape_catalog.diagnosis.networks import NetworkSource
from landscape_catalog.diagnosis.own_functions import called_with, own_function
from landscape_catalog.diagnosis.preprocessing import Preprocessing
from landscape_catalog.errors import CheckpointError, CodeError, own_code
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.tasks import Classification, Data, Samples

NOTHING = Preprocessing()
# Values of a batch in evaluations: 1,000 images of 3 x 32 x 32, or 20 of 3 x 224 x 224.
BATCH_VALUES, LARGEST_BATCH, SMALLEST_BATCH = 3_072_000, 1000, 8


@dataclass(frozen=True)
class DiagnosedData:
    """The data of a diagnosis.

    Attributes:
        name: how the user named them.
        train: training samples that are used.
        test: test samples that are used; None: there are none.
        n_outputs: of the network.
        classes: their names in order; empty: the data give numbers.
        n_train: training samples that there are.
        n_test: test samples that there are.
        preprocessing: in words.
        task: how networks are called and scored.
    """

    name: str
    train: Samples
    test: Samples | None
    n_outputs: int
    classes: tuple[str, ...]
    n_train: int
    n_test: int
    preprocessing: str
    task: Classification

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.train.inputs.shape[1:])

    def to(self, device: str) -> DiagnosedData:
        """The same on a device."""
        test = None if self.test is None else self.test.to(device)
        return replace(self, train=self.train.to(device), test=test)


@dataclass(frozen=True)
class DataOptions:
    """What the user says about the data.

    Attributes:
        how: preprocessing of images.
        classes: names of the network's classes, in order.
        samples: most training samples that are used; None: all.
        test_samples: most test samples; None: all.
    """

    how: Preprocessing = NOTHING
    classes: tuple[str, ...] = ()
    samples: int | None = None
    test_samples: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("--samples", self.samples), ("--test-samples", self.test_samples)):
            if value is not None and value < 1:
                raise CheckpointError(f"{name}: got {value}; allowed: a positive whole number")


def diagnosed_data(
    given: Any, folder: Path, network: NetworkSource, first: Checkpoint, options: DataOptions
) -> DiagnosedData:
    """The data that `module:function`, a folder of images, or a `Data` stands for.

    Args:
        given: a name, a folder, a function, or `Data`.
        folder: in which modules are looked for.
        network: whose input they are.
        first: one of the checkpoints, whose head may say how many classes there are.
        options: preprocessing, classes and limits.

    Raises:
        CheckpointError: if they do not fit the network or the options.
        CodeError: if the function fails, or returns something invalid.
    """
    if isinstance(given, (str, Path)) and not is_custom(str(given)):
        return _of_folder(Path(given), network, first, options)
    if options.classes:
        raise CheckpointError(
            "--classes: allowed only with a folder of images; a function numbers the classes"
        )
    if isinstance(given, Data):
        return _of_samples("data", given, network, first, options)
    name = given if isinstance(given, str) else getattr(given, "__qualname__", "data")
    function = own_function(given, folder) if isinstance(given, str) else given
    if not callable(function):
        raise TypeError(f"data: got {type(given).__name__}; allowed: a name, a function, or Data")
    called_with(name, function, {}, {}, "a default for")  # it is called without arguments
    with own_code(name):
        found = function()
    if isinstance(found, Data):
        return _of_samples(name, found, network, first, options)
    pool = custom_pool(name, lambda: found, {})
    if pool.n_classes is None:
        raise CodeError(f"{name} returned targets that are not classes, which phases are about")
    train = _samples(*_arrays(pool, ""))
    has_test = _arrays(pool, "test_")[0] is not None
    test = _samples(*_arrays(pool, "test_")) if has_test else train
    made = _of_samples(name, Data(train, test), network, first, options, pool.n_classes)
    return made if has_test else replace(made, test=None, n_test=0)


def _arrays(pool: Any, side: str) -> tuple[Any, Any]:
    """Inputs and targets of one side of a pool."""
    names = ("images", "labels") if isinstance(pool, ImagePool) else ("inputs", "targets")
    one, other = (getattr(pool, f"{side}{name}") for name in names)
    return one, other


def _samples(inputs: np.ndarray, targets: np.ndarray) -> Samples:
    return Samples(torch.from_numpy(np.ascontiguousarray(inputs)), torch.from_numpy(targets))


def _of_samples(
    name: str,
    data: Data,
    network: NetworkSource,
    first: Checkpoint,
    options: DataOptions,
    n_classes: int | None = None,
) -> DiagnosedData:
    sides = {"train": data.train, "test": data.test}
    for side, samples in sides.items():
        _require_classes(f"{name}: its {side} targets", samples)
    if n_classes is None:
        n_classes = max(2, *(int(samples.targets.max()) + 1 for samples in sides.values()))
    n_outputs = network.n_outputs(first, n_classes)
    for side, samples in sides.items():
        highest = int(samples.targets.max())
        if highest >= n_outputs or int(samples.targets.min()) < 0:
            wrong = highest if highest >= n_outputs else int(samples.targets.min())
            raise CheckpointError(
                f"{name}: label {wrong} in its {side} targets; allowed: 0 to {n_outputs - 1}, "
                f"since the network has {n_outputs} outputs"
            )
    how = options.how
    train = _some(data.train, options.samples, "train")
    return DiagnosedData(
        name,
        train,
        _some(data.test, options.test_samples, "test"),
        n_outputs=n_outputs,
        classes=(),
        n_train=len(data.train),
        n_test=len(data.test),
        preprocessing=how.words,
        task=_task(train.inputs, how, name),
    )


def _require_classes(where: str, samples: Samples) -> None:
    targets = samples.targets
    if not isinstance(targets, Tensor) or targets.ndim != 1 or targets.dtype != torch.int64:
        given = f"{targets.dtype} of shape {tuple(targets.shape)}"
        raise CheckpointError(f"{where} are {given}; allowed: one class per sample, as int64")
    if not len(samples):
        raise CheckpointError(f"{where}: there are none")


def _some(samples: Samples, most: int | None, side: str) -> Samples:
    if most is None or most >= len(samples):
        return samples
    return samples[torch.tensor(drawn_rows(len(samples), most, side))]


def _task(inputs: Tensor, how: Preprocessing, name: str) -> Classification:
    """Classification with the preprocessing of images of uint8; other arrays are inputs already."""
    size = max(1, inputs[0].numel())
    batch = min(max(BATCH_VALUES // size, SMALLEST_BATCH), LARGEST_BATCH)
    kind: type[Classification] = type(
        "Classification", (Classification,), {"evaluation_batch": batch}
    )
    if inputs.dtype == torch.uint8 and inputs.ndim == 4:
        return kind(*how.moments(inputs.shape[1]))
    if how.mean or how.resize or how.crop:
        raise CheckpointError(
            f"{name}: its inputs are {inputs.dtype} of shape {tuple(inputs.shape[1:])}, and used "
            "as they are; --mean, --std, --size and --weights are for images of uint8"
        )
    return kind()


def _of_folder(
    folder: Path, network: NetworkSource, first: Checkpoint, options: DataOptions
) -> DiagnosedData:
    how = options.how
    every = image_folders(folder)
    names = sorted(set(every[0].folders))
    n_outputs = network.n_outputs(first, len(options.classes or names))
    classes = class_order(names, n_outputs, options.classes, how.categories)
    rgb = network.is_torchvision or max(len(how.mean), len(how.std)) == 3
    how.moments(3 if rgb else 1 if len(how.mean) < 2 else len(how.mean))  # before images are read
    sides: Sequence[ImageFolder] = [
        side.some(most) for side, most in zip(every, (options.samples, options.test_samples))
    ]
    train, test = (
        _samples(
            read_images(side, how, rgb=rgb), np.array([classes.index(n) for n in side.folders])
        )
        for side in sides
    )
    if train.inputs.shape[1:] != test.inputs.shape[1:]:
        one, other = ("x".join(map(str, s.inputs.shape[1:])) for s in (train, test))
        raise CheckpointError(
            f"{folder}: training images are {one} and test images {other}; give --size, to which "
            "all are resized"
        )
    return DiagnosedData(
        str(folder),
        train,
        test,
        n_outputs=n_outputs,
        classes=classes,
        n_train=len(every[0].files),
        n_test=len(every[1].files),
        preprocessing=how.words,
        task=_task(train.inputs, how, str(folder)),
    )
