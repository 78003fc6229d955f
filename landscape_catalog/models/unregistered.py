"""Modules and parameters in plain containers, where torch does not see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

DEEPEST = 4  # containers within one another that are looked into
# What a plain container holds -> what torch offers instead, for mappings and for sequences.
_INSTEAD = {
    nn.Module: ("torch.nn.ModuleDict", "torch.nn.ModuleList"),
    nn.Parameter: ("torch.nn.ParameterDict", "torch.nn.ParameterList"),
}


def unregistered(network: nn.Module) -> Iterator[str]:
    """Attributes that hide modules or parameters in a list, tuple, set or dict, in words.

    They are neither trained nor stored. A list of modules that are registered as well, under names
    of their own, hides nothing.
    """
    known = {id(part) for part in (*network.modules(), *network.parameters())}
    usual = vars(nn.Module()).keys()
    for path, module in network.named_modules():
        for name, value in getattr(module, "__dict__", {}).items():
            if name in usual or not isinstance(value, (list, tuple, set, dict)):
                continue
            for kind, (mapping, sequence) in _INSTEAD.items():
                if any(isinstance(p, kind) and id(p) not in known for p in _parts(value, DEEPEST)):
                    what = "modules" if kind is nn.Module else "parameters"
                    instead = mapping if isinstance(value, dict) else sequence
                    yield (
                        f"`{path}{'.' if path else ''}{name}` (a plain {type(value).__name__} of "
                        f"{what}, which torch neither trains nor stores: use {instead})"
                    )


def _parts(value: Any, levels: int) -> Iterator[Any]:
    """What a container holds, also within inner containers."""
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, (list, tuple, set, dict)) and levels:
            yield from _parts(part, levels - 1)
        else:
            yield part
