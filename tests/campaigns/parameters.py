"""Random changes of `params.yaml`, which `landscape plan` reads."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from landscape_catalog.commands.plan import describe_plan
from tests.campaigns.outcome import Outcome, observe
from tests.conftest import ROOT

SECONDS = 20.0
PRESETS = ("{}", "[]", "null", "load:", "- a", "x: &a [*a]", "load: !!python/object:os.system {}")

# Values that a person may write, and values that nobody should.
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 7, 64, 1000, 10**6, 10**12, 10**30, -(10**18), 2**63,
    0.0, -0.0, 0.1, 0.5, 1e-300, 1e300, float("nan"), float("inf"), float("-inf"), 5e-324,
    "", " ", "auto", "all", "null", "1", "0.1", "1e-3", "nan", "yes", "é", "\u200b", "\x1b[31mred",
    "\u202eabc", "a" * 10_000, "../../etc/passwd", "/dev/zero", "~", "$HOME", "${load.width}",
    "os:system", "subprocess:getoutput", "custom.own:network", "digits", "resnet18", "transformer",
    [], [1], [1, 1], [1, 2, 4], [[1]], [None], ["a", 1], [0.1, 0.2], list(range(3000)),
    {}, {"a": 1}, {"name": "x"}, {1: 2}, {"": None}, {"a": {"b": {"c": {}}}}, {"extra": {"a": [1, 2]}},
]  # fmt: skip
TEXTS = (
    "\t", "\r\n", "\x00", "\ufeff", ": ", "- ", "{", "}", "[", "]", "&a ", "*a", "!!int ", "!!bool ",
    "%YAML 1.1\n---\n", "%YAML 1.3\n---\n", "---\n", "...\n", "#", "'", '"', "|\n", ">\n", "? ", "<<: ",
    "[" * 3000, "{a: " * 500, "\U0001f600", "\x85", "\u2028", "1:30:00", "2026-01-01", "0x1F", "1_000",
)  # fmt: skip


def paths_of(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values below the root."""
    items = list(tree.items()) if isinstance(tree, dict) else []
    below = [found for key, value in items for found in paths_of(value, (*path, key))]
    return [*([path] if path else []), *below]


def changed(tree: Any, draw: random.Random) -> Any:
    """The tree with one random change."""
    *parents, key = draw.choice(paths_of(tree))
    place = tree
    for name in parents:
        place = place[name]
    way = draw.random()
    if way < 0.70:
        place[key] = draw.choice(VALUES)
    elif way < 0.78:
        del place[key]
    elif way < 0.86:
        place[str(key)[:-1] + draw.choice("xyz_- ")] = place.pop(key)
    elif way < 0.93:
        place[draw.choice(["new", "extra", "name", "*", "a.b", ""])] = draw.choice(VALUES)
    else:
        place[key] = [place[key], draw.choice(VALUES)]
    return tree


def torn(text: str, draw: random.Random) -> str:
    """The text with one random change of its characters."""
    at = draw.randrange(len(text))
    way = draw.random()
    if way < 0.4:
        return text[:at] + draw.choice(TEXTS) + text[at:]
    if way < 0.6:
        return text[:at]
    if way < 0.8:
        return text[:at] + text[at + draw.randrange(1, 200) :]
    lines = text.splitlines(keepends=True)
    first, second = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return "".join(lines)


def text_of(draw: random.Random) -> bytes:
    """A parameter file: that of the project with one to three changes, or something else."""
    shipped = (ROOT / "params.yaml").read_text()
    way = draw.random()
    if way < 0.02:
        return draw.choice(PRESETS).encode()
    if way < 0.04:
        return draw.randbytes(draw.randrange(400))
    if way < 0.30:
        for _ in range(draw.randint(1, 3)):
            shipped = torn(shipped, draw) or "x"
        return shipped.encode(
            draw.choice(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"]), "replace"
        )
    tree = yaml.safe_load(shipped)
    for _ in range(draw.randint(1, 3)):
        tree = changed(tree, draw) or {"load": None}
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode("utf-8", "replace")


def case(folder: Path) -> Callable[[int, random.Random], Outcome]:
    """Cases in this folder."""

    def run(number: int, draw: random.Random) -> Outcome:
        (folder / "params.yaml").write_bytes(text_of(draw))
        return observe(f"parameters:{number}", lambda: describe_plan(folder), SECONDS)

    return run
