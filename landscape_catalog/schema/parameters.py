"""What is known of the parameters of the grid: their names in words, scale and direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Scale = Literal["log", "linear", "even"]


@dataclass(frozen=True)
class Parameter:
    """How a parameter of the grid is ordered and drawn.

    Attributes:
        title: the parameter in words.
        scale: default scale of its axis.
        descending: whether a smaller value means less load or a higher temperature.
    """

    title: str
    scale: Scale
    descending: bool = False


KNOWN = {
    "load.width": Parameter("width", "log"),
    "load.samples": Parameter("training samples", "log"),
    "load.label_noise": Parameter("label noise", "linear", descending=True),
    "load.pixel_noise": Parameter("pixel noise", "linear", descending=True),
    "temperature.batch_size": Parameter("batch size", "log", descending=True),
    "temperature.lr": Parameter("learning rate", "log"),
    "temperature.weight_decay": Parameter("weight decay", "log"),
}


def parameter(path: str) -> Parameter:
    """A parameter by its dotted path. Custom parameters default to a linear, ascending axis.

    >>> parameter("load.extra.reaction_rate")
    Parameter(title='reaction rate', scale='linear', descending=False)
    """
    custom = Parameter(path.rsplit(".", 1)[-1].replace("_", " "), "linear")
    return KNOWN.get(path, custom)


def are_numbers(values: Any) -> bool:
    """Whether all values are numbers, so that they have an order.

    >>> are_numbers([1, 2.5]), are_numbers([True, False]), are_numbers(["tanh"])
    (True, False, False)
    """
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
