"""How a built-in network describes itself: constants with their limits, sizes, arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from landscape_catalog.datasets.facts import Kind

Value = bool | int | float


@dataclass(frozen=True)
class ArgSpec:
    """A constant of a network that `model.args` may set.

    Attributes:
        type: of its values; a whole number will do where `float` stands, a bool is no number.
        allowed: the values it may have, in words.
        default: the value where it is not set.
        least: smallest value.
        below: the values are less than this.
    """

    type: type[Value]
    allowed: str
    default: Value
    least: float = float("-inf")
    below: float = float("inf")

    def admits(self, value: Any) -> bool:
        """Whether the constant may have this value; NaN and infinity never."""
        if isinstance(value, bool) or self.type is bool:
            return isinstance(value, bool) and self.type is bool
        kinds = (int, float) if self.type is float else (int,)
        return isinstance(value, kinds) and self.least <= value < self.below


def flag(default: bool) -> ArgSpec:
    """A constant that is true or false."""
    return ArgSpec(bool, "true or false", default)


def count(default: int) -> ArgSpec:
    """A constant that counts something, from 1 on."""
    return ArgSpec(int, "a whole number of at least 1", default, least=1)


def probability(default: float) -> ArgSpec:
    """A constant in [0, 1)."""
    allowed = "a number of at least 0 and below 1"
    return ArgSpec(float, allowed, default, least=0.0, below=1.0)


@dataclass(frozen=True)
class Sizes:
    """What the arithmetic of a network depends on.

    Attributes:
        width: of the network.
        input_shape: of one input: (channels, height, width) for images, () for text.
        n_outputs: classes, or the size of the vocabulary.
        args: every constant with its value in effect.
        lengths: mean tokens of a source and of a target (as the decoder reads it), for text.
    """

    width: int
    input_shape: tuple[int, ...]
    n_outputs: int
    args: Mapping[str, Any]
    lengths: tuple[float, float]


def _any_width(width: int, args: Mapping[str, Any]) -> str | None:
    return None


@dataclass(frozen=True)
class NetworkSpec:
    """A built-in network.

    Attributes:
        name: as `model.name` gives it.
        kind: the data that it takes.
        where: the function that builds it, as `module:name`. It is called with `width`, every
            constant of `args`, and `in_channels` and `num_classes` (images), `vocabulary` (text),
            or `input_shape` and `n_outputs` (points).
        multiply_adds: exactly those of one forward pass of one sample.
        words: what it is, in a few words for the documentation; may be empty.
        args: the constants that `model.args` may set, by name.
        smallest_image: the least height and width of an image, in pixels.
        why_smallest: the reason, in words.
        wrong_width: the widths that are allowed, in words, where a width does not go with the
            constants in effect; else None.
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
