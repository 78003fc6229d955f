"""What was found, in one paragraph: the phases, how sure they are, the best cell, what decides."""

from __future__ import annotations

import polars as pl

from landscape_catalog.phases import NC, SURE, UNCLASSIFIED
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted, enumerated


def finding(tables: Tables, data: ReportData) -> str:
    """The sentences at the top of the page; they follow from the catalog alone."""
    parts = [_phases(tables, data), _best(data), _deciding(tables, data)]
    return " ".join(filter(None, parts))


def _phases(tables: Tables, data: ReportData) -> str:
    names = tables["phases"]["phase"].to_list()
    own = [phase.name for phase in data.rule.own_phases]
    counts = [(names.count(name), name) for name in own if names.count(name)]
    words = [
        f"{n} {('is' if n == 1 else 'are') * (not i)} in {name}".replace("  ", " ")
        for i, (n, name) in enumerate(counts)
    ]
    total = counted(len(names), "cell")
    said = f"Of {total}, {enumerated(words)}" if words else f"None of {total} has a phase"
    for phase, why in ((NC, "did not converge"), (UNCLASSIFIED, "cannot be classified")):
        if names.count(phase.name):
            said += f"; {names.count(phase.name)} {why}"
    known = tables["phases"]["phase_probability"].drop_nulls()
    if known.is_empty():
        return f"{said}. How sure these labels are is not known."
    sure = int((known >= SURE).sum())
    return f"{said}. {sure} of {counted(len(names), 'label')} {'is' if sure == 1 else 'are'} sure."


def _best(data: ReportData) -> str:
    """Where the best value of the performance metric lies."""
    metric = data.performance
    usable = [c for c in data.cells if c["phase"] != NC.name and c.get(metric.metric) is not None]
    if not usable:
        return ""
    values = [cell[metric.metric] for cell in usable]
    best: Row = usable[values.index(metric.best(values))]
    where = f"{data.x.name} {best['x']}, {data.y.name} {best['y']}"
    where += f", {best['facet']}" if len(data.facets) > 1 else ""
    unit = f"{metric.unit}" if metric.unit == "%" else f" {metric.unit}"
    extreme = "highest" if metric.higher_is_better else "lowest"
    title = metric.title.lower()
    value = f"{best[metric.metric]:.4g}{unit}".strip()
    phase = best["phase"] if best["phase"] != UNCLASSIFIED.name else "an unclassified cell"
    return f"The {extreme} {title}, {value}, lies at {where}, in {phase}."


def _deciding(tables: Tables, data: ReportData) -> str:
    """The criterion on which most labels hang if it is moved by a tenth; empty if none does."""
    criteria = tables["criteria"]
    if criteria.is_empty():
        return ""
    most = pl.max_horizontal("changed_at_90", "changed_at_110")
    row = criteria.with_columns(most.alias("most")).sort(
        "most", "position", descending=[True, False]
    )
    first = row.row(0, named=True)
    if not first["most"]:
        return "No label changes if a threshold is moved by 10%."
    words = {one.name: one.words or one.name for one in data.rule.criteria}
    deciding = words.get(first["criterion"], first["criterion"])
    labels = counted(first["most"], "label")
    verb = "changes" if first["most"] == 1 else "change"
    return f"Most hangs on {deciding}: {labels} {verb} if its threshold is moved by 10%."
