"""The page's scripts: the Vega libraries, every table of rows once, and every chart."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

_DRAW = """
const rows = ({columns, pools, rows}) => rows.map(row => Object.fromEntries(
  columns.map((column, i) => [column, column in pools ? pools[column][row[i]] : row[i]])));
function draw(slot) {
  const spec = charts[slot.id], datasets = {};
  JSON.stringify(spec, (key, value) => {
    if (key === "data" && value?.name) datasets[value.name] ??= rows(tables[value.name]);
    return value;
  });
  window.vegaEmbed(slot, {...spec, datasets}, {actions: false, renderer: "svg"})
    .catch(error => console.error(slot.id, error));
}
for (const slot of document.querySelectorAll(".chart")) {
  const fold = slot.closest("details");
  if (fold) fold.addEventListener("toggle", () => draw(slot), {once: true});
  else draw(slot);
}
"""


def columnar(rows: Sequence[Mapping[str, Any]], *without: str) -> dict[str, Any]:
    """Rows with the names of their columns said once, and values that repeat said once.

    A column in `pools` holds places in its pool.

    >>> columnar([{"a": 1, "b": "long"}, {"a": 2, "b": "long"}])
    {'columns': ['a', 'b'], 'pools': {'b': ['long']}, 'rows': [[1, 0], [2, 0]]}
    """
    columns = [name for name in (rows[0] if rows else {}) if name not in without]
    pools: dict[str, list[Any]] = {}
    values = []
    for name in columns:
        column = [row[name] for row in rows]
        distinct = {json.dumps(value): value for value in column}
        if len(distinct) * 2 <= len(column):
            pools[name] = list(distinct.values())
            places = {written: i for i, written in enumerate(distinct)}
            column = [places[json.dumps(value)] for value in column]
        values.append(column)
    return {"columns": columns, "pools": pools, "rows": [list(row) for row in zip(*values)]}


def scripts(specs: Mapping[str, alt.TopLevelMixin], tables: Mapping[str, Any]) -> str:
    """The Vega libraries, the tables and the charts as one script; it draws into `.chart` slots.

    A chart inside `<details>` is drawn when that is opened, since a hidden chart has no size.

    Args:
        specs: the charts by the id of their slot.
        tables: the rows by the name that charts give them.
    """
    charts = {name: chart.to_dict() for name, chart in specs.items()}
    return (
        f"<script type='module'>{_bundle()}\n"
        f"const tables = {_json(tables)};\nconst charts = {_json(charts)};{_DRAW}</script>"
    )


@functools.cache
def _bundle() -> str:
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script")


def _json(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")
