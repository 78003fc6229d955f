"""How images become inputs: size, mean and standard deviation, given or from torchvision's weights.

Inputs are (x / 255 - mean) / std for pixels x, as `transforms.ToTensor` and `Normalize` make them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from landscape_catalog.diagnosis.networks import NetworkSource
from landscape_catalog.errors import CheckpointError, CodeError

HOW_GIVEN = (
    "--mean and --std, for pixels between 0 and 1 (0 and 1 for images that are only scaled to that "
    "range), or --weights, whose preprocessing is used"
)


@dataclass(frozen=True)
class Preprocessing:
    """What is done to images.

    Attributes:
        mean: of each channel, for pixels in [0, 1]; one number for all channels; empty: not given.
        std: standard deviations.
        resize: length of the shorter side; None: images keep their size.
        crop: side of the central square that is cut out; None: nothing is cut off.
        interpolation: torchvision's name of it.
        categories: the names of the network's classes in order; empty: not given.
        weights: of torchvision that it comes with; empty: it was given.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    resize: int | None = None
    crop: int | None = None
    interpolation: str = "bilinear"
    categories: tuple[str, ...] = field(default=(), repr=False)
    weights: str = ""

    def moments(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel.

        Raises:
            CheckpointError: if they are not given, or for another number of channels.
        """
        if not self.mean:
            raise CheckpointError(f"the preprocessing of the images is not known: give {HOW_GIVEN}")
        for name, values in (("--mean", self.mean), ("--std", self.std)):
            if len(values) not in (1, channels):
                raise CheckpointError(
                    f"{name}: got {len(values)} numbers; allowed: 1 or {channels}, for the "
                    f"{channels} channel{'s' * (channels > 1)} of the images"
                )
        one, other = (v if len(v) > 1 else v * channels for v in (self.mean, self.std))
        return one, other

    def sized(self, image: np.ndarray) -> np.ndarray:
        """An image of uint8, (channels, height, width), resized and cropped."""
        if self.resize is None and self.crop is None:
            return image
        from PIL import Image
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms import functional as F

        grey = len(image) == 1
        picture: Any = Image.fromarray(image[0] if grey else image.transpose(1, 2, 0))
        if self.resize is not None:
            picture = F.resize(
                picture, [self.resize], InterpolationMode(self.interpolation), antialias=True
            )
        if self.crop is not None:
            picture = F.center_crop(picture, [self.crop])
        pixels = np.asarray(picture)
        return pixels[None] if grey else pixels.transpose(2, 0, 1)

    @property
    def words(self) -> str:
        """What is done, in words."""
        parts = [f"shorter side resized to {self.resize}"] if self.resize else []
        parts += [f"central {self.crop} x {self.crop} pixels"] if self.crop else []
        if self.mean:
            numbers = [
                ", ".join(f"{value:.4g}" for value in values) for values in (self.mean, self.std)
            ]
            parts.append(f"mean {numbers[0]} and standard deviation {numbers[1]}")
        return "; ".join(parts) or "as they are"


def preprocessing_of(
    network: NetworkSource,
    *,
    weights: str | None = None,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    size: int | None = None,
) -> Preprocessing:
    """The preprocessing that options describe.

    Args:
        network: whose weights of torchvision `weights` names.
        weights: such as `IMAGENET1K_V1` or `ResNet18_Weights.DEFAULT`.
        mean: one number, or one for each channel; instead of that of the weights.
        std: the same.
        size: the shorter side is resized to it, and the central square cut out.

    Raises:
        CheckpointError: if options are out of range, exclude each other, or miss each other.
        CodeError: if there are no such weights.
    """
    if bool(mean) != bool(std):
        lacking = "--std" if mean else "--mean"
        raise CheckpointError(f"{lacking}: missing; --mean and --std go together")
    if not all(map(math.isfinite, mean)):
        raise CheckpointError(f"--mean: got {list(mean)}; allowed: finite numbers")
    if not all(math.isfinite(value) and value > 0 for value in std):
        raise CheckpointError(f"--std: got {list(std)}; allowed: positive numbers")
    if size is not None and size < 1:
        raise CheckpointError(f"--size: got {size}; allowed: a positive whole number")
    found = Preprocessing() if weights is None else _of_weights(network, weights)
    if mean:
        found = _changed(found, mean=tuple(map(float, mean)), std=tuple(map(float, std)))
    return found if size is None else _changed(found, resize=size, crop=size)


def _changed(found: Preprocessing, **values: Any) -> Preprocessing:
    from dataclasses import replace

    return replace(found, **values)


def _of_weights(network: NetworkSource, name: str) -> Preprocessing:
    if not network.is_torchvision:
        raise CheckpointError(
            f"--weights: got {name} for {network.name}; allowed: only with torchvision:NAME"
        )
    from torchvision import models

    model = network.name.partition(":")[2]
    known = models.get_model_weights(model)
    try:
        found = known[name.rpartition(".")[2]]
    except KeyError:
        allowed = ", ".join(known.__members__)
        raise CodeError(f"--weights: got {name}; allowed for {model}: {allowed}") from None
    transforms: Any = found.transforms()
    try:
        return Preprocessing(
            tuple(transforms.mean),
            tuple(transforms.std),
            transforms.resize_size[0],
            transforms.crop_size[0],
            transforms.interpolation.value,
            tuple(found.meta["categories"]),
            f"{known.__name__}.{found.name}",
        )
    except (AttributeError, KeyError) as error:
        raise CodeError(f"--weights {name}: it is not of a classifier of images") from error
