"""The script of the page: the Vega libraries, the data tables (each once), charts and behaviour."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import altair as alt
import vl_convert

BASE = ("views.js",)  # draws the charts
REPORT = (*BASE, "grid.js", "thresholds.js", "drawer.js")


def dictionary_encoded(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows in a compact form: column names once, and repetitive columns dictionary-encoded.

    The values of a column in `dictionaries` are indices into its dictionary.

    >>> dictionary_encoded([{"a": 1, "b": "long"}, {"a": 2, "b": "long"}])
    {'columns': ['a', 'b'], 'dictionaries': {'b': ['long']}, 'rows': [[1, 0], [2, 0]]}
    """
    columns = list(rows[0]) if rows else []
    dictionaries: dict[str, list[Any]] = {}
    values = []
    for name in columns:
        column = [row[name] for row in rows]
        distinct = {json.dumps(value): value for value in column}
        if len(distinct) * 2 <= len(column):
            dictionaries[name] = list(distinct.values())
            indices = {encoded: i for i, encoded in enumerate(distinct)}
            column = [indices[json.dumps(value)] for value in column]
        values.append(column)
    rows_as_lists = [list(row) for row in zip(*values)]
    return {"columns": columns, "dictionaries": dictionaries, "rows": rows_as_lists}


def script(
    specs: Mapping[str, alt.TopLevelMixin],
    tables: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
    parts: Sequence[str] = BASE,
) -> str:
    """The Vega libraries, and a script with tables, charts, and the parts in `scripts/`.

    Args:
        specs: the charts, by id of their element.
        tables: the encoded tables, by the names under which charts refer to them.
        about: what the parts have to know besides.
        parts: names of files in `scripts/`, in order.
    """
    charts = {name: chart.to_dict(validate=False) for name, chart in specs.items()}
    constants = {"tables": tables, "charts": charts, "about": about or {}}
    lines = [f"const {name} = {_json(value)};" for name, value in constants.items()]
    own = [resource(f"scripts/{name}") for name in parts]
    scripts = (_bundle(), "\n".join([*lines, *own]))  # each with a scope of its own
    return "\n".join(f"<script type='module'>{one}\n</script>" for one in scripts)


def resource(name: str) -> str:
    """A text file beside this module."""
    return resources.files("landscape_catalog.reports.page").joinpath(name).read_text("utf-8")


@functools.cache
def _bundle() -> str:
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script")


def _json(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")
