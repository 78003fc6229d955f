"""Which model a folder of a zoo holds: by its parameters, or else by its name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

PARAMETERS = ("params.json", "config.json")
# What the name of a folder says, and the key of the same in its parameters. The history repeats the
# parameters, but with the micro-batch as the batch size where gradients are accumulated.
KEYS = {"width": "model::width", "batchsize": "training::batchsize", "seed": "seed"}
_IN_NAME = re.compile(r"(?:^|[^a-zA-Z])(?:\w+::)?(width|batchsize|seed)=(\d{1,9})(?!\d)")


def parameters_of(contents: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The parameters of a model: empty if there is no such file, None if it is damaged.

    Args:
        contents: of the files of its folder, by name.
    """
    for name in PARAMETERS:
        if name in contents:
            try:
                found = json.loads(contents[name].decode())
            except (ValueError, RecursionError):
                return None
            return found if isinstance(found, dict) else None
    return {}


def identity_of(place: str, parameters: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Width, batch size and seed, each from the parameters or else from the folder's name.

    Args:
        place: the folder's path.
        parameters: of the model.
    """
    named = dict(_IN_NAME.findall(place.rsplit("/", 1)[-1]))
    found = []
    for name, key in KEYS.items():
        value = whole_number(parameters.get(key))
        if value is None and name in named:
            value = int(named[name])
        if value is None or value < (0 if name == "seed" else 1):
            return None
        found.append(value)
    width, batch_size, seed = found
    return width, batch_size, seed


def whole_number(value: Any) -> int | None:
    """A whole number, also if it was written with a decimal point; None for anything else.

    >>> whole_number(2.0), whole_number(2.5), whole_number(True)
    (2, None, None)
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None
