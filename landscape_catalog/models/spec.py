"""The description of a built-in network: its arguments and their limits, its sizes and cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from landscape_catalog.datasets.facts import Kind

Value = bool | int | float


@dataclass(frozen=True)
class ArgSpec:
    """An argument of a network that `model.args` may set.

    Attributes:
        type: of its values; `float` also accepts integers, but a bool is not a number.
        allowed: the allowed values, in words.
        default: the default value.
        least: smallest allowed value.
        below: strict upper bound of the allowed values.
    """

    type: type[Value]
    allowed: str
    default: Value
    least: float = float("-inf")
    below: float = float("inf")

    def admits(self, value: Any) -> bool:
        """Whether the value is allowed; NaN and infinity never are."""
        if isinstance(value, bool) or self.type is bool:
            return isinstance(value, bool) and self.type is bool
        kinds = (int, float) if self.type is float else (int,)
        return isinstance(value, kinds) and self.least <= value < self.below


def flag(default: bool) -> ArgSpec:
    """An argument that is true or false."""
    return ArgSpec(bool, "true or false", default)


def count(default: int) -> ArgSpec:
    """An argument that is a positive integer."""
    return ArgSpec(int, "a whole number of at least 1 and below 2^31", default, 1, 2**31)


def probability(default: float) -> ArgSpec:
    """An argument in [0, 1)."""
    allowed = "a number of at least 0 and below 1"
    return ArgSpec(float, allowed, default, least=0.0, below=1.0)


@dataclass(frozen=True)
class Sizes:
    """The sizes that determine a network's multiply-adds.

    Attributes:
        width: of the network.
        input_shape: of one input: (channels, height, width) for images, () for text.
        n_outputs: number of classes, or size of the vocabulary.
        args: all arguments with their effective values.
        lengths: for text, mean number of tokens of a source and of the decoder's input.
    """

    width: int
    input_shape: tuple[int, ...]
    n_outputs: int
    args: Mapping[str, Any]
    lengths: tuple[float, float]


@dataclass(frozen=True)
class Footprint:
    """Numbers that training a network keeps.

    Attributes:
        parameters: trainable parameters.
        activations: float32 values that the forward pass of one sample saves for the backward pass.
        largest: the size of the largest tensor of a forward pass, in values per sample.
    """

    parameters: int
    activations: int
    largest: int


def _no_batch_norm(args: Mapping[str, Any]) -> bool:
    return False


def _any_width(width: int, args: Mapping[str, Any]) -> str | None:
    return None


@dataclass(frozen=True)
class NetworkSpec:
    """A built-in network.

    Attributes:
        name: its value of `model.name`.
        kind: the kind of data that it accepts.
        where: the function that builds it, as `module:name`. It is called with `width`, all
            arguments in `args`, and `in_channels` and `num_classes` (images), `vocabulary` (text),
            or `input_shape` and `n_outputs` (points).
        multiply_adds: the exact number for one forward pass of one sample. It is frozen, because
            it also decides what is computed side by side (`training.grouping`).
        words: a short description for the documentation; may be empty.
        args: the arguments that `model.args` may set, by name.
        smallest_image: smallest height and width of an image, in pixels.
        why_smallest: the reason for this limit, in words.
        wrong_width: called with a width and the effective arguments; returns the allowed widths, in
            words, if the width is not compatible with the arguments, else None.
        footprint: the numbers that training keeps in memory; None: its memory is not predicted.
        stacks: whether several networks can be computed side by side (`training.grouping`).
        has_batch_norm: whether the network with these effective arguments has batch norm.
    """

    name: str
    kind: Kind
    where: str
    multiply_adds: Callable[[Sizes], float]
    words: str = ""
    args: Mapping[str, ArgSpec] = field(default_factory=dict)
    smallest_image: int = 1
    why_smallest: str = ""
    wrong_width: Callable[[int, Mapping[str, Any]], str | None] = _any_width
    footprint: Callable[[Sizes], Footprint] | None = None
    stacks: bool = False
    has_batch_norm: Callable[[Mapping[str, Any]], bool] = _no_batch_norm
