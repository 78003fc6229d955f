"""How a kernel moves over an image, and the patches that it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from landscape_catalog.graphs.operations import Operation, UnsupportedOperationError
from landscape_catalog.graphs.stacked.layer import Padding


@dataclass(frozen=True)
class Window:
    """How a kernel moves over an image.

    Attributes:
        kernel: height and width.
        stride: in pixels, along each side.
        padding: before and after the image, along each side.
        dilation: distance of the kernel's places in pixels, along each side.
        image: height and width of the input.
        output: height and width of the output.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding
    dilation: tuple[int, int]
    image: tuple[int, int]
    output: tuple[int, int]

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of the padded image."""
        return (
            self.image[0] + sum(self.padding[0]),
            self.image[1] + sum(self.padding[1]),
        )

    @property
    def slides(self) -> bool:
        """Whether the kernel moves by one pixel and has no gaps."""
        return self.stride == (1, 1) and self.dilation == (1, 1)


def window_of(kernel: Sequence[int], image: Sequence[int], operation: Operation) -> Window:
    """The window of a convolution.

    >>> options = {"stride": 2, "padding": 1, "dilation": 1, "groups": 1}
    >>> window_of((3, 3), (8, 8), Operation("conv", (0,), options=options)).output
    (4, 4)
    """
    assert operation.options is not None
    options = [_both(operation.options[name]) for name in ("stride", "padding", "dilation")]
    outputs = [
        (size + 2 * padding - dilation * (places - 1) - 1) // stride + 1
        for places, size, stride, padding, dilation in zip(kernel, image, *options)
    ]
    stride, padding, dilation = options
    return Window(
        (kernel[0], kernel[1]), stride, ((padding[0],) * 2, (padding[1],) * 2), dilation,
        (image[0], image[1]), (outputs[0], outputs[1]),
    )  # fmt: skip


def _both(option: object) -> tuple[int, int]:
    if isinstance(option, int):
        return option, option
    if isinstance(option, (tuple, list)) and len(option) in (1, 2):
        return int(option[0]), int(option[-1])
    raise UnsupportedOperationError  # padding by name


class Patches:
    """Copies the patches of images, (T, channels, height, width, B).

    Args:
        like: dtype and device.
        shape: of the images.
        window: how the kernel moves.
        by_row: whether to copy only shifts along a row.
        is_padded: whether the images are stored with the window's padding around them.

    Attributes:
        blocks: what the last call of `copy` returned.
    """

    def __init__(
        self, like: Tensor, shape: Sequence[int], window: Window, *, by_row: bool, is_padded: bool
    ) -> None:
        count, channels, height, width, samples = shape
        self.padded = None
        if not is_padded and window.padded != window.image:
            (top, _), (left, _) = window.padding
            self.padded = like.new_zeros(count, channels, *window.padded, samples)
            self.inner = self.padded[:, :, top : top + height, left : left + width]
        self.window, self.by_row = window, by_row
        (rows, columns), (high, wide) = window.kernel, window.output
        tall = window.padded[0]
        if by_row:
            self.shape: tuple[int, ...] = (count, channels, columns, tall, wide, samples)
        else:
            self.shape = (count, channels, rows, columns, high, wide, samples)
        self.is_image = rows == columns == 1 and window.slides and window.padded == window.image
        self.blocks: list[Tensor] = []
        if self.is_image:
            return
        self.copies = like.new_empty(self.shape)
        pixels = wide * samples
        flat = self.copies.view(count, -1, (tall if by_row else high) * pixels)
        starts = range(0, rows * pixels if by_row else 1, pixels)
        self.blocks = [flat[:, :, start : start + high * pixels] for start in starts]

    def copy(self, images: Tensor) -> list[Tensor]:
        """The blocks of patches, (T, rows of the block, pixels of the output * B).

        Args:
            images: with their padding if `is_padded`.
        """
        if self.is_image:
            self.blocks = [images.reshape(*images.shape[:2], -1)]
            return self.blocks
        if self.padded is not None:
            self.inner.copy_(images)
            images = self.padded
        first, channel, down, right, sample = images.stride()
        strides, dilations = self.window.stride, self.window.dilation
        shifts: tuple[int, ...] = (
            right * dilations[1],
            down * strides[0],
            right * strides[1],
            sample,
        )
        if not self.by_row:
            shifts = (down * dilations[0], *shifts)
        self.copies.copy_(images.as_strided(self.shape, (first, channel, *shifts)))
        return self.blocks
