"""Decode PNG and JPEG images to what a viewer shows, or refuse what would be shown differently.

Pillow opens some fifty formats, among them EPS, which it hands to Ghostscript; it ignores the EXIF
orientation, cuts 16-bit colours to 8 bits, drops the transparency of palettes, and shows the first
frame of an animation.
"""

from __future__ import annotations

import io
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from landscape_catalog.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG")
LARGEST_SIDE = 4096  # pixels
SRGB_GAMMA = 1 / 2.2
# Levels of 0-255 by which a colour profile may change greys, and pure colours, and be ignored.
GREY_TOLERANCE, COLOUR_TOLERANCE = 16, 64
ORIENTATION, UPRIGHT, TURNED = 0x0112, 1, range(2, 9)  # of EXIF: the tag and its values
PNG_DEPTH = 24  # where a PNG says how many bits a channel has


def decode(
    content: bytes, where: str, expected: tuple[int, ...] | None = None
) -> tuple[np.ndarray, bool]:
    """Decode an image to (channels, height, width) of uint8; palettes become RGB.

    The orientation in the EXIF data is applied. Everything else that would change the picture is
    refused: transparency, more than 8 bits, animation, CMYK, and colours that are far from sRGB.

    Args:
        content: of the file.
        where: the image, for messages.
        expected: the shape it must have, if it is known: any other is not unpacked.

    Returns:
        The pixels, and whether the image was turned.

    Raises:
        DataError: names the problem.
    """
    from PIL import Image  # heavy, and only needed here

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # see LARGEST_SIDE
            with Image.open(io.BytesIO(content), formats=FORMATS) as packed:
                return _pixels(packed, content, where, expected)
    except DataError:
        raise
    except Image.UnidentifiedImageError as error:
        raise DataError(
            f"{where} cannot be decoded: it is damaged or no {' or '.join(FORMATS)}; "
            f"it begins with {content[:8]!r}"
        ) from error
    except Exception as error:  # damaged files make Pillow's decoders raise anything
        raise DataError(f"{where} cannot be decoded: {error}") from error


def _pixels(
    packed: Image, content: bytes, where: str, expected: tuple[int, ...] | None
) -> tuple[np.ndarray, bool]:
    from PIL import ImageOps

    mode = {"1": "L", "P": "RGB"}.get(packed.mode, packed.mode)
    _require_plain(packed, content, mode, where)
    width, height = packed.size
    if max(width, height) > LARGEST_SIDE:
        raise DataError(
            f"{where} has {width} x {height} pixels; allowed: at most {LARGEST_SIDE} on a side"
        )
    shape = (len(mode), height, width)
    if expected is None or expected in (shape, (len(mode), width, height)):
        # This unpacks a PNG, since its EXIF data may follow the pixels.
        orientation = packed.getexif().get(ORIENTATION, UPRIGHT)
        pixels = np.asarray(ImageOps.exif_transpose(packed).convert(mode))
        pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        if expected in (None, pixels.shape):
            return pixels, orientation in TURNED
        shape = pixels.shape
    raise DataError(
        f"{where} is {shape}, but that of row 0 is {expected} (channels, height, width)"
    )


def _require_plain(packed: Image, content: bytes, mode: str, where: str) -> None:
    """Reject a picture of which the pixels are only a part, by what is known before unpacking."""
    of_png = packed.format == "PNG"
    if of_png and content[PNG_DEPTH] > 8:
        raise DataError(f"{where} has {content[PNG_DEPTH]} bits per channel; expected 8")
    if mode not in ("L", "RGB"):
        raise DataError(f"{where} has mode {mode}; expected greyscale or RGB")
    if "transparency" in packed.info:
        raise DataError(f"{where} has a transparent colour; expected opaque greyscale or RGB")
    frames = getattr(packed, "n_frames", 1)
    if of_png and frames > 1:
        raise DataError(f"{where} is an animation of {frames} frames; expected one")
    profile, gamma = packed.info.get("icc_profile"), packed.info.get("gamma")
    if profile:
        differs = _is_far_from_srgb(profile, mode)
    else:
        differs = bool(gamma and "srgb" not in packed.info and _is_far_from_usual(gamma))
    if differs:
        raise DataError(
            f"{where} has colours that are far from sRGB ({'profile' if profile else 'gamma'}), "
            "as which they would be read; convert it to sRGB"
        )


@lru_cache(maxsize=64)
def _is_far_from_srgb(profile: bytes, mode: str) -> bool:
    """Whether greys or pure colours look different in sRGB; no if the profile is unreadable."""
    from PIL import Image, ImageCms

    greys = np.repeat(np.arange(0, 256, 15, dtype=np.uint8)[:, None], len(mode), axis=1)
    pure = 255 * np.eye(3, dtype=np.uint8) if mode == "RGB" else greys[:0]
    colours = np.concatenate([greys, pure])
    image = Image.fromarray(colours[None] if mode == "RGB" else colours.T)
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        shown = ImageCms.profileToProfile(image, given, srgb, intent, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ImportError, ValueError, TypeError):
        return False
    change = np.abs(np.asarray(shown)[0].astype(int) - colours).max(axis=1)
    n = len(greys)
    return bool((change[:n] > GREY_TOLERANCE).any() or (change[n:] > COLOUR_TOLERANCE).any())


def _is_far_from_usual(gamma: float) -> bool:
    """Whether greys of a PNG with this gamma look different from those of sRGB."""
    greys = np.linspace(0, 1, 256)
    return bool((255 * np.abs(greys ** (SRGB_GAMMA / gamma) - greys)).max() > GREY_TOLERANCE)
