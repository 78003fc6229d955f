"""Image folders: their pixels, the order of classes, preprocessing, and parts of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from landscape_catalog.diagnosis.checkpoints import Checkpoint
from landscape_catalog.diagnosis.data import DataOptions, diagnosed_data
from landscape_catalog.diagnosis.image_folders import class_order, image_folders, read_images
from landscape_catalog.diagnosis.networks import NetworkSource, network_source
from landscape_catalog.diagnosis.preprocessing import Preprocessing, preprocessing_of
from landscape_catalog.errors import CheckpointError
from tests.diagnosis.made import COLOURS, folder_samples, image_folder, picture_network

SOURCE = NetworkSource("pictures", picture_network)
EMPTY = Checkpoint("none", {})


def test_the_inputs_are_those_of_torchvisions_image_folder(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos")
    options = DataOptions(Preprocessing((0.5,), (0.25,)))
    found = diagnosed_data(folder, tmp_path, SOURCE, EMPTY, options)
    expected = folder_samples(folder)
    assert torch.allclose(found.task.inputs(found.train.inputs), expected.inputs, atol=1e-6)
    assert torch.equal(found.train.targets, expected.targets)
    assert found.classes == tuple(sorted(COLOURS))
    assert (found.n_train, found.n_test, found.input_shape) == (24, 12, (3, 8, 8))


def test_the_preprocessing_of_weights_is_theirs(tmp_path: Path) -> None:
    """Pixel by pixel what the transforms of torchvision's weights make."""
    from torchvision import models

    source = network_source("torchvision:squeezenet1_1", tmp_path, {})
    how = preprocessing_of(source, weights="IMAGENET1K_V1")
    transforms = models.SqueezeNet1_1_Weights.IMAGENET1K_V1.transforms()
    image = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (300, 410, 3), dtype=np.uint8)
    )
    pixels = how.sized(np.asarray(image).transpose(2, 0, 1))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in how.moments(3))
    ours = (torch.from_numpy(pixels.copy()) / 255 - mean) / std
    assert torch.allclose(ours, transforms(image), atol=1e-6)
    assert how.categories[:2] == ("tench", "goldfish")
    assert how.weights == "SqueezeNet1_1_Weights.IMAGENET1K_V1"
    named = preprocessing_of(
        source, weights="SqueezeNet1_1_Weights.DEFAULT", size=32, mean=[0.5], std=[1]
    )
    assert (named.resize, named.crop, named.mean) == (32, 32, (0.5,))


@pytest.mark.parametrize(
    ("given", "categories", "n_outputs", "expected"),
    [
        ((), (), 2, ("a", "b")),
        (("b", "a"), (), 2, ("b", "a")),
        (("b", "x", "a"), (), 3, ("b", "x", "a")),
        ((), ("b", "c", "a"), 3, ("b", "c", "a")),
        ((), ("x", "y"), 2, ("a", "b")),  # fine-tuned: other classes than those of the weights
        (("a", "b"), ("b", "a"), 2, ("a", "b")),
        ((), (), 3, "the network has 3 classes and the data have 2"),
        ((), ("a", "a", "b"), 3, "several classes of that name"),
        (("a", "b", "c"), (), 2, "got 3 names; allowed: 2"),
        (("a",), (), 1, "`b` of the data is not among"),
    ],
)
def test_the_order_of_classes(
    given: tuple[str, ...],
    categories: tuple[str, ...],
    n_outputs: int,
    expected: tuple[str, ...] | str,
) -> None:
    folders = ["b", "a", "a"]
    if isinstance(expected, tuple):
        assert class_order(folders, n_outputs, given, categories) == expected
    else:
        with pytest.raises(CheckpointError, match=expected):
            class_order(folders, n_outputs, given, categories)


def test_the_given_order_numbers_the_classes(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos")
    options = DataOptions(Preprocessing((0.0,), (1.0,)), classes=("red", "green", "blue"))
    found = diagnosed_data(folder, tmp_path, SOURCE, EMPTY, options)
    brightest = found.train.inputs.double().mean((2, 3)).argmax(1)  # of red, green and blue
    assert torch.equal(found.train.targets, brightest)


def test_parts_are_drawn_before_images_are_read(tmp_path: Path) -> None:
    train, _ = image_folders(image_folder(tmp_path / "photos"))
    part = train.some(10)
    assert len(part.files) == 10 and set(part.files) < set(train.files)
    assert part == train.some(10) and train.some(99) is train
    assert [path.parent.name for path in part.files] == list(part.folders)
    assert read_images(part, Preprocessing(), rgb=True).shape == (10, 3, 8, 8)


def test_greyscale_images_and_hidden_files(tmp_path: Path) -> None:
    for side in ("train", "test"):
        for name in ("one", "two"):
            folder = tmp_path / side / name / "inner"
            folder.mkdir(parents=True)
            Image.new("L", (4, 4), 7).save(folder / "a.PNG")
            (folder / ".DS_Store").write_text("x")
        (tmp_path / side / ".hidden").mkdir()
    train, _ = image_folders(tmp_path)
    assert len(train.files) == 2
    assert read_images(train, Preprocessing(), rgb=True).shape == (2, 3, 4, 4)
    assert read_images(train, Preprocessing(), rgb=False).shape == (2, 1, 4, 4)
    assert (read_images(train, Preprocessing(), rgb=True) == 7).all()
