"""The script of the page: the Vega libraries, the data tables (each once), and the charts."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert
from altair.utils.schemapi import debug_mode

_DRAW = """
const decode = ({columns, dictionaries, rows}) => rows.map(row => Object.fromEntries(
  columns.map((column, i) =>
    [column, column in dictionaries ? dictionaries[column][row[i]] : row[i]])));
function draw(slot) {
  const spec = charts[slot.id], datasets = {};
  JSON.stringify(spec, (key, value) => {
    if (key === "data" && value?.name) datasets[value.name] ??= decode(tables[value.name]);
    return value;
  });
  window.vegaEmbed(slot, {...spec, datasets}, {actions: false, renderer: "svg"})
    .catch(error => console.error(slot.id, error));
}
for (const slot of document.querySelectorAll(".chart")) {
  const details = slot.closest("details");
  if (details) details.addEventListener("toggle", () => draw(slot), {once: true});
  else draw(slot);
}
"""


def dictionary_encoded(rows: Sequence[Mapping[str, Any]], *without: str) -> dict[str, Any]:
    """Rows in a compact form: column names once, and repetitive columns dictionary-encoded.

    The values of a column in `dictionaries` are indices into its dictionary.

    >>> dictionary_encoded([{"a": 1, "b": "long"}, {"a": 2, "b": "long"}])
    {'columns': ['a', 'b'], 'dictionaries': {'b': ['long']}, 'rows': [[1, 0], [2, 0]]}
    """
    columns = [name for name in (rows[0] if rows else {}) if name not in without]
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


def scripts(specs: Mapping[str, alt.TopLevelMixin], tables: Mapping[str, Any]) -> str:
    """One script with the Vega libraries, the tables and the charts, drawn into `.chart` elements.

    A chart inside `<details>` is drawn when that is opened, since a hidden element has no size.

    Args:
        specs: the charts, by id of their element.
        tables: the encoded tables, by the names under which charts refer to them.
    """
    with debug_mode(False):  # tests validate the charts, which takes half as long as drawing them
        charts = {name: chart.to_dict(validate=False) for name, chart in specs.items()}
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
