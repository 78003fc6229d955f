"""Rendering an experiment as `params.yaml`, with a description of every parameter.

`dvc exp run -S` writes the whole file anew: lists one item per line, null as an empty value, and no
comment or blank line that follows a list which it sets. The text is in that form from the start,
with each description on the line of its key, so that setting a parameter changes its line only.
"""

from __future__ import annotations

import io
import textwrap
from functools import cache
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

WIDTH = 100
DVC_WIDTH = 80  # where ruamel.yaml folds text, unless told otherwise
COLUMN, NARROWEST = 28, 40  # of descriptions: where they start, and how narrow they may get
HEAD = "# yaml-language-server: $schema=schemas/experiment.schema.json"


def render(experiment: BaseModel, heading: str) -> str:
    """The whole experiment as YAML 1.2, with `heading` and the schema's descriptions as comments.

    Args:
        experiment: validated.
        heading: comment at the top of the file, to be wrapped.
    """
    heading = textwrap.fill(
        heading, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    lines = [HEAD, "#", *heading.splitlines()]
    for name, field in type(experiment).model_fields.items():
        after_list = lines[-1].lstrip().startswith("- ")
        entry = _entry(name, getattr(experiment, name), 0, field.description)
        lines += [*([] if after_list else [""]), *entry]
    return "\n".join(lines) + "\n"


def _entry(name: str, value: Any, depth: int, description: str | None) -> list[str]:
    """`name: value` with its description; a section is followed by the entries of its fields."""
    indent = "  " * depth
    if isinstance(value, BaseModel):
        first, rest = f"{indent}{name}:", _entries(value, depth + 1)
    elif _holds_sections(value):
        first, rest = f"{indent}{name}:", []
        for section in value:
            # Without descriptions, which would be repeated for each of them.
            head, *tail = _entries(section, depth + 1, described=False)
            rest += [f"{indent}- {head.lstrip()}", *tail]
    elif isinstance(value, str):  # which may be folded
        *folded, last = (indent + line for line in _plain_lines(name, value, len(indent)))
        return [*folded, *_described(last, description)]
    else:
        first, *rest = (indent + line for line in _plain_lines(name, value, len(indent)))
    return [*_described(first, description), *rest]


def _entries(section: BaseModel, depth: int, *, described: bool = True) -> list[str]:
    return [
        line
        for name, field in type(section).model_fields.items()
        for line in _entry(
            name, getattr(section, name), depth, field.description if described else None
        )
    ]


def _described(line: str, description: str | None) -> list[str]:
    """The line and, next to it, the first sentence of a description, on as many lines as needed."""
    if not description:
        return [line]
    column = max(COLUMN, len(line) + 2)
    words = textwrap.wrap(
        _first_sentence(description), max(WIDTH - column - 2, NARROWEST), break_on_hyphens=False
    )
    return [f"{start:<{column}}# {part}" for start, part in zip([line, *[""] * len(words)], words)]


def _holds_sections(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel)


def _plain_lines(name: str, value: Any, indent: int) -> list[str]:
    """`name: value` as lines of YAML to be indented, with lists and mappings as blocks."""
    yaml, stream = _yaml(), io.StringIO()
    yaml.width = DVC_WIDTH - indent
    yaml.dump({name: _plain(value)}, stream)
    return stream.getvalue().splitlines()


@cache
def _yaml() -> YAML:
    return YAML()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _first_sentence(description: str) -> str:
    text = " ".join(description.split())
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]
