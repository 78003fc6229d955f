"""What the scripts of the page have to know besides tables and charts."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from landscape_catalog.catalog.sources import CURRENT
from landscape_catalog.phases import NC
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.compared import Sides
from landscape_catalog.reports.data.coordinates import Coordinate
from landscape_catalog.reports.data.network import RUN_NUMBERS
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import in_words

ASKED: dict[str, Any] = {"from": 0, "option": "", "prefix": ""}


def about(
    data: ReportData,
    axes: list[Coordinate],
    *,
    own: bool,
    seeds: int | None = None,
    asked: Sequence[dict[str, Any]] = (ASKED,),
) -> dict[str, Any]:
    """Names of the axes and metrics, the phases, and the rule with the numbers that it compares.

    Args:
        data: the cells.
        axes: of the parallel coordinates.
        own: whether the results are the current experiment's, so that `dvc` can repeat them.
        seeds: the most runs of a cell; None if it is unknown.
        asked: by `asked_of`, for each experiment in the page.
    """
    known = {name for cell in data.cells for name, value in cell.items() if value is not None}
    return {
        "x": data.x.name,
        "y": data.y.name,
        "facets": len(data.facets),
        "own": own,
        "seeds": seeds,
        "asked": list(asked),
        "phases": {p.name: {"colour": p.colour, "dark": p.dark} for p in data.rule.phases},
        "coordinates": [{"field": a.field, "low": a.low, "high": a.high} for a in axes],
        "metrics": [
            {"column": one.name, "words": _words(data, one.words, one.metric, one.label)}
            for one in data.metric_columns
            if one.name in known
        ],
        "runs": [
            {"column": name, "words": _words(data, in_words(name), name, "")}
            for name in (*RUN_NUMBERS, "top_eigenvalue", "trace")
        ],
        "rule": _rule(data),
    }


def asked_of(
    found: Sequence[Row], sides: Sides | None, known: Mapping[str, str] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """How `landscape sql` asks for cells: from which on, by which option, ids less which prefix.

    Args:
        found: where results that were not computed here come from: rows of the table `sources`.
        sides: of two compared experiments, whose ids carry the experiment's name.
        known: the source's name in the catalog by its name here, which may be that of a revision.
    """
    if sides is None:
        if not found:
            return [ASKED]
        name = found[0]["name"]
        return [{**ASKED, "option": _option(known.get(name, name))}]
    first, second = sides.first, sides.second
    bare = first.removesuffix(" (1)")  # the names of an experiment beside itself have a number
    itself = (first, second) == (f"{bare} (1)", f"{bare} (2)")
    sources = (bare, bare) if itself else (first, second)
    return [
        {"from": start, "option": _option(known.get(source, source)), "prefix": f"{name}/"}
        for start, source, name in zip((0, sides.n_first), sources, (first, second))
    ]


def _option(source: str) -> str:
    return "" if source == CURRENT else f"--source {shlex.quote(source)} "


def _words(data: ReportData, words: str, metric: str, label: str) -> str:
    unit = data.units.get(metric, "")
    return ", ".join(filter(None, (words, "" if words.endswith(unit) else unit, label)))


def _rule(data: ReportData) -> dict[str, Any] | None:
    """The rule's table, the unrounded means, and the cells whose phase does not hang on it."""
    table = data.rule.table
    if table is None:
        return None
    return {
        "table": table.to_dict(),
        "values": {name: encoded(column) for name, column in data.deciding.items()},
        "fixed": [cell["i"] for cell in data.cells if cell["phase"] == NC.name],
    }


def encoded(values: np.ndarray) -> list[float | str | None]:
    """Numbers as JSON: null if missing, infinities as text."""
    return [
        None if math.isnan(one) else str(one) if math.isinf(one) else one for one in values.tolist()
    ]
