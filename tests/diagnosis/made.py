"""Data, networks and checkpoints of known make, for tests of the diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from landscape_catalog.tasks import Data, Samples

CLASSES = 3


def blobs(n: int = 90, spread: float = 0.3, seed: int = 0) -> Data:
    """Points around three corners of a triangle, (n, 2); well separated."""
    generator = np.random.default_rng(seed)
    corners = np.array([[3.0, 0.0], [-2.0, 3.0], [-2.0, -3.0]])

    def side(count: int) -> Samples:
        labels = np.arange(count) % CLASSES
        points = corners[labels] + spread * generator.standard_normal((count, 2))
        return Samples(torch.tensor(points, dtype=torch.float32), torch.tensor(labels))

    return Data(side(n), side(n // 3))


def linear() -> nn.Module:
    return nn.Linear(2, CLASSES)


def perceptron(width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, CLASSES))


def trained(
    make: Callable[[], nn.Module], data: Samples, seed: int, *, steps: int = 60, lr: float = 0.3
) -> dict[str, Tensor]:
    """The state dict of a network after some steps of gradient descent on all samples."""
    torch.manual_seed(seed)
    network = make()
    optimizer = torch.optim.SGD(network.parameters(), lr, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(data.inputs), data.targets).backward()
        optimizer.step()
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


COLOURS = {"blue": (40, 60, 200), "green": (40, 190, 70), "red": (210, 50, 40)}


def image_folder(
    folder: Path, train: int = 8, test: int = 4, size: tuple[int, int] = (8, 8)
) -> Path:
    """`folder/train` and `folder/test`, with noisy images of one colour per class."""
    generator = np.random.default_rng(1)
    for side, count in (("train", train), ("test", test)):
        for name, colour in COLOURS.items():
            place = folder / side / name
            place.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                noise = generator.integers(-30, 31, (*size, 3))
                pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(place / f"{i:02}.png")
    return folder


def folder_samples(folder: Path, mean: float = 0.5, std: float = 0.25) -> Samples:
    """The training images as torchvision's ImageFolder with ToTensor and Normalize gives them."""
    from torchvision import datasets, transforms

    how = transforms.Compose([transforms.ToTensor(), transforms.Normalize([mean] * 3, [std] * 3)])
    found = datasets.ImageFolder(str(folder / "train"), how)
    images, labels = zip(*found)
    return Samples(torch.stack(images), torch.tensor(labels))


def picture_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, CLASSES)
    )


SOURCE = '''
"""A user's own module."""
import numpy as np
import torch
from torch import nn


def network(width=8):
    return nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 3))


def sized(input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(input_shape)), n_outputs))


def pictures():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)
    )


def data():
    generator = np.random.default_rng(0)
    corners = np.array([[3.0, 0.0], [-2.0, 3.0], [-2.0, -3.0]])
    labels = np.arange(90) % 3
    points = (corners[labels] + 0.3 * generator.standard_normal((90, 2))).astype("float32")
    test = np.arange(30) % 3
    others = (corners[test] + 0.3 * generator.standard_normal((30, 2))).astype("float32")
    return {"inputs": points, "targets": labels, "test_inputs": others, "test_targets": test}
'''
