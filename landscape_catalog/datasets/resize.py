"""Resize images, for networks that require a certain size."""

from __future__ import annotations

import numpy as np


def resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resample every channel bilinearly, with antialiasing when downscaling.

    Pillow uses integer weights for 8-bit pixels, so that the bytes are the same on every machine;
    torch interpolates in floating point, where they may differ.

    Args:
        images: (n, channels, height, width) of uint8.
        size: the new height and width.

    Returns:
        (n, channels, *size) of uint8; the same array if the size is already right.

    Raises:
        ValueError: if the images are not uint8 or a side is not positive.
    """
    if images.dtype != np.uint8 or min(size) < 1:
        raise ValueError(f"cannot resize {images.dtype} to {size}")
    if images.shape[2:] == size:
        return images
    from PIL import Image  # heavy, and only needed here

    height, width = size
    planes = images.reshape(-1, *images.shape[2:])  # (n * channels, h, w)
    result = np.empty((len(planes), height, width), np.uint8)
    for plane, target in zip(planes, result):
        image = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
        target[:] = np.asarray(image)
    return result.reshape(*images.shape[:2], height, width)
