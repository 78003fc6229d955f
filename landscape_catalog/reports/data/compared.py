"""Two experiments as the variants of one, so that the report draws them side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from landscape_catalog.catalog.tables import LOAD, TEMPERATURE
from landscape_catalog.catalog.thresholds import rule_in_effect
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.phases import Rule
from landscape_catalog.reports.data.axes import label
from landscape_catalog.reports.data.metric_columns import Tables, metric_units
from landscape_catalog.schema.parameters import parameter
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import in_words

# Metrics whose method is worth a remark: those of the panels, where estimators differ.
DECISIVE = ("top_eigenvalue", "trace", "mode_connectivity", "cka", "l2_distance")


@dataclass(frozen=True)
class Sides:
    """Which cells of compared tables belong to which experiment.

    Attributes:
        first: name of the first experiment in the page.
        second: name of the second.
        n_first: number of cells of the first, whose positions come first.
        settings: name, value in the first and value in the second of what is constant within both
            and differs between them.
    """

    first: str
    second: str
    n_first: int
    settings: tuple[tuple[str, str, str], ...] = ()


def sides(first: str, a: Tables, second: str, b: Tables) -> Sides:
    """The sides of `compared_tables` with the same arguments."""
    return Sides(*_names(first, second), a["cells"].height, tuple(_settings(a, b)))


def _settings(a: Tables, b: Tables) -> Iterator[tuple[str, str, str]]:
    """The loads, temperatures and settings of training that differ."""
    for section, columns in (("load", LOAD), ("temperature", TEMPERATURE)):
        for name, *_ in columns:
            values = [tables["cells"][name].unique().to_list() for tables in (a, b)]
            known = all(len(each) == 1 and each[0] is not None for each in values)
            if known and values[0] != values[1]:
                words = parameter(f"{section}.{name}").title
                yield words, label(values[0][0]), label(values[1][0])
    specs = [json.loads(tables["experiments"]["spec"].item()).get("train", {}) for tables in (a, b)]
    for name in (one for one in specs[0] if one in specs[1]):
        values = [spec[name] for spec in specs]
        if values[0] != values[1]:
            yield in_words(name), str(values[0]), str(values[1])


def _names(first: str, second: str) -> tuple[str, str]:
    """The names, told apart if they are the same."""
    return (first, second) if first != second else (f"{first} (1)", f"{second} (2)")


def compared_tables(first: str, a: Tables, second: str, b: Tables) -> Tables:
    """Tables of one experiment whose variants are two experiments.

    The axes are those of either; parameters that are constant within both may differ between them.
    Units, thresholds and settings are those of the first. The report's gain is that of the second
    over the first.

    Args:
        first: name of the first.
        a: its tables.
        second: name of the second.
        b: its tables.
    """
    parts = [_renamed(name, each) for name, each in zip(_names(first, second), (a, b))]
    joined = {name: pl.concat([part[name] for part in parts]) for name in parts[0]}
    positions = pl.int_range(pl.len(), dtype=pl.Int64).alias("position")
    cells = joined["cells"].with_columns(positions)
    one, other = (part["experiments"].row(0, named=True) for part in parts)
    experiment = {
        **one,
        "n_cells": cells.height,
        "n_runs": one["n_runs"] + other["n_runs"],
        "axes": json.dumps(_axes(one, other)),
        "variants": json.dumps(list(dict.fromkeys(cells["variant"]))),
        "experiment_id": _either(one, other, "experiment_id"),
        "classification_id": _either(one, other, "classification_id"),
        "dataset": _either(one, other, "dataset"),
        "model": _either(one, other, "model"),
    }
    schema = a["experiments"].schema
    return {
        **joined,
        "experiments": pl.DataFrame([experiment], schema=schema),
        "cells": cells,
        "probes": a["probes"],
        "criteria": a["criteria"].clear(),
    }


def differences(first: str, a: Tables, second: str, b: Tables) -> list[str]:
    """What to bear in mind when two experiments are compared: thresholds, data, methods.

    Args:
        first: name of the first.
        a: its tables.
        second: name of the second.
        b: its tables.
    """
    one, other = (tables["experiments"].row(0, named=True) for tables in (a, b))
    found = []
    rules = [rule_in_effect(experiment) for experiment in (one, other)]
    if rules[0] != rules[1]:
        own, others = (_thresholds(rule, tables) for rule, tables in zip(rules, (a, b)))
        found.append(
            f"They are classified by different thresholds. {first}: {own}. {second}: {others}."
        )
    for column, words in (("dataset", "data"), ("model", "networks")):
        if one[column] != other[column]:
            found.append(f"Their {words} differ: {one[column]} and {other[column]}.")
    unlike = _methods(a).join(_methods(b), on="metric", suffix=" of b")
    unlike = unlike.filter(pl.col("methods") != pl.col("methods of b"))
    if unlike.height:
        parts = [f"{metric} ({own} / {others})" for metric, own, others in unlike.iter_rows()]
        found.append(
            f"Measured by different methods in {first} and {second}, so that numbers and phases "
            f"are not strictly comparable: {'; '.join(parts)}."
        )
    return found


def _thresholds(rule: Rule, tables: Tables) -> str:
    """The conditions of a rule as one line."""
    rows = rule.thresholds(metric_units(tables))
    return ", ".join(f"{name} {words}".strip() for name, words in rows)


def _methods(tables: Tables) -> pl.DataFrame:
    """By metric that has a value: how it was measured by its primary probe."""
    known = tables["cell_metrics"].filter(
        pl.col("mean").is_not_null(), pl.col("probe") == PRIMARY, pl.col("metric").is_in(DECISIVE)
    )
    return (
        known.group_by("metric")
        .agg(pl.col("method").unique().sort().str.join(", ").alias("methods"))
        .sort("metric")
    )


def _renamed(name: str, tables: Tables) -> Tables:
    """Tables whose ids carry the experiment's name, since two experiments may share cells."""
    several = tables["cells"]["variant"].n_unique() > 1
    variant = pl.lit(f"{name}: ") + pl.col("variant") if several else pl.lit(name)
    ids = ("cell_id", "run_id", "other_run_id", "landscape_id")
    found = {}
    for table, frame in tables.items():
        own = [column for column in ids if column in frame.columns]
        found[table] = frame.with_columns(
            pl.when(pl.col(column) == "")
            .then(pl.lit(""))
            .otherwise(pl.lit(f"{name}/") + pl.col(column))
            .alias(column)
            for column in own
        )
    found["cells"] = found["cells"].with_columns(variant.alias("variant"))
    return found


def _axes(one: Row, other: Row) -> list[Mapping[str, object]]:
    """The axes of either experiment, each once with the values of both."""
    found: dict[str, list[object]] = {}
    for experiment in (one, other):
        for axis in json.loads(experiment["axes"]):
            values = found.setdefault(axis["path"], [])
            values += [value for value in axis["values"] if value not in values]
    return [{"path": path, "values": values} for path, values in found.items()]


def _either(one: Row, other: Row, column: str) -> str:
    return ", ".join(dict.fromkeys(value for value in (one[column], other[column]) if value))
