"""Rendering an experiment as `params.yaml`, with a description of every parameter."""

from __future__ import annotations

import io
import textwrap
from functools import cache
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

WIDTH = 100
HEAD = "# yaml-language-server: $schema=schemas/experiment.schema.json"


def render(experiment: BaseModel, heading: str) -> str:
    """The whole experiment as YAML 1.2, with `heading` and the schema's descriptions as comments.

    Args:
        experiment: validated.
        heading: comment at the top of the file, to be wrapped.
    """
    parts = [HEAD, "#", _comment(heading, 0)]
    for name, field in type(experiment).model_fields.items():
        value = getattr(experiment, name)
        parts += ["", _comment(_first_sentence(field.description), 0)]
        parts.append(_entry(name, value, 0))
    return "\n".join(parts) + "\n"


def _entry(name: str, value: Any, depth: int) -> str:
    """`name: value`; a section becomes a block of its fields with their descriptions."""
    indent = "  " * depth
    if isinstance(value, BaseModel):
        return f"{indent}{name}:\n{_block(value, depth + 1)}"
    if _holds_sections(value):
        items = [_block(item, depth + 2) for item in value]
        listed = [f"{indent}  - {item.lstrip()}" for item in map(_uncommented, items)]
        return f"{indent}{name}:\n" + "\n".join(listed)
    return f"{indent}{name}: {_flow(value)}"


def _holds_sections(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel)


def _block(section: BaseModel, depth: int) -> str:
    lines = []
    for name, field in type(section).model_fields.items():
        lines.append(_comment(_first_sentence(field.description), depth))
        lines.append(_entry(name, getattr(section, name), depth))
    return "\n".join(lines)


def _uncommented(block: str) -> str:
    """A block without comments, for list items, whose descriptions would be repeated."""
    return "\n".join(line for line in block.splitlines() if not line.lstrip().startswith("#"))


def _flow(value: Any) -> str:
    """A value as a single line of YAML."""
    stream = io.StringIO()
    _yaml().dump({"v": _plain(value)}, stream)
    return stream.getvalue().strip()[1:-1].removeprefix("v:").strip()


@cache
def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = True
    yaml.width = 10**6
    yaml.representer.sort_base_mapping_type_on_output = False  # keep the order of variants
    return yaml


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _first_sentence(description: str | None) -> str:
    text = " ".join((description or "").split())
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]


def _comment(text: str, depth: int) -> str:
    indent = "  " * depth + "# "
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
