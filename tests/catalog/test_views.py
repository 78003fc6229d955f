"""Views and the macro, compared with loops over the cells that the tables were made from."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from landscape_catalog.catalog import query
from landscape_catalog.catalog.sources import Source, current_source
from landscape_catalog.catalog.tables import ENUMERATIONS
from landscape_catalog.errors import QueryError
from landscape_catalog.metrics.registry import QUANTITIES
from tests.catalog.asking import ask
from tests.catalog.made_up import COLUMNS, MadeUpCell, made_up_tables, write_source

Row = dict[str, Any]
WIDTHS, BATCHES = "load.width", "temperature.batch_size"
SHAPES: dict[str, tuple[dict[str, list[Any]], tuple[str, ...]]] = {
    "two axes": ({WIDTHS: [4, 1, 2], BATCHES: [16, 128, 32, 64]}, ("base",)),
    "three axes": (
        {WIDTHS: [1, 2], "load.label_noise": [0.0, 0.1, 0.25], "temperature.lr": [1e-5, 0.05, 1.0]},
        ("base",),
    ),
    "own axes": (
        {"load.extra.depth": [10, 2.5, 9], "temperature.extra.mode": ["on", "1", True], BATCHES: [16, 128]},
        ("base",),
    ),
    "variants": ({WIDTHS: [1, 2, 3], BATCHES: [8, 16]}, ("base", "decay")),
    "an axis with null": ({"load.extra.mixup": [None, 0.5, 1], WIDTHS: [1, 2]}, ("base",)),
    "one axis": ({"temperature.weight_decay": [0.0, 5e-4, 1e-3, 0.01]}, ("base",)),
    "one cell": ({WIDTHS: [1]}, ("base",)),
}  # fmt: skip
CONSTANT = {WIDTHS: 8, "load.samples": 1000, "load.label_noise": 0.0, "temperature.lr": 0.05}


def cells_of(
    shape: str, seed: int = 0, *, kept: float = 1.0, ranked_by: str = "test_accuracy"
) -> list[MadeUpCell]:
    """The cells of a grid with random metrics; among few values, so that some are equal."""
    axes, variants = SHAPES[shape]
    draw = random.Random(f"{shape} {seed}")
    found = []
    for variant, *values in itertools.product(variants, *axes.values()):
        metrics = {name: draw.choice([None, 1.0, 2.5, 4.0, 7.0, -3.0]) for name in QUANTITIES}
        metrics[ranked_by] = draw.choice([None, *map(float, range(5))])
        errors = {name: draw.choice([0.25, 1.0]) for name in QUANTITIES if draw.random() < 0.8}
        cell = MadeUpCell(
            at=CONSTANT | dict(zip(axes, values)),
            metrics=metrics,
            errors=errors,
            phase=draw.choice(ENUMERATIONS["phase_name"]),
            variant=variant,
            facts={"published.label": draw.choice("abc"), "published.rank": draw.random()},
        )
        if draw.random() < kept:
            found.append(cell)
    return found


def text_of(value: Any) -> str:
    """A parameter's value as text."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (int, float)):
        return str(int(value)) if value == int(value) else repr(float(value))
    return str(value)


def parameters(cell: MadeUpCell) -> Row:
    return {**cell.at, "variant": cell.variant}


def varying(cells: Sequence[MadeUpCell]) -> list[str]:
    """The parameters that take several values, in alphabetical order."""
    taken: dict[str, set[str]] = {}
    for cell in cells:
        for path, value in parameters(cell).items():
            taken.setdefault(path, set()).add(text_of(value))
    return sorted(path for path, values in taken.items() if len(values) > 1)


def place(cell: MadeUpCell, paths: Sequence[str]) -> str:
    own = parameters(cell)
    return ", ".join(f"{path} = {text_of(own[path])}" for path in paths if path in own)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def close(one: Row, other: Row) -> bool:
    """Whether two rows are equal, numbers up to rounding."""
    return one.keys() == other.keys() and all(
        math.isclose(a, b, rel_tol=1e-12) if is_number(a) and is_number(b) else a == b
        for a, b in zip(one.values(), other.values())
    )


def assert_rows(found: pl.DataFrame, expected: list[Row]) -> None:
    assert found.height == len(expected)
    for one, other in zip(found.rows(named=True), expected):
        assert close(one, other), (one, other)


@pytest.mark.parametrize("shape", SHAPES)
def test_cells_hold_what_the_long_table_says(shape: str, tmp_path: Path) -> None:
    tables = made_up_tables(cells_of(shape))
    long = tables["cell_metrics"]
    other_probe = long.with_columns(
        probe=pl.lit("second"), mean=pl.lit(-99.0), n=pl.lit(77, pl.Int64)
    )
    tables["cell_metrics"] = pl.concat([long, other_probe])
    wide = ask("SELECT * FROM cells", tables=write_source(tmp_path / "t", tables))
    assert wide["position"].to_list() == list(range(len(tables["cells"])))
    rows = {(row["cell_id"], row["metric"]): row for row in long.rows(named=True)}
    phases = dict(tables["phases"].select("cell_id", "phase").rows())
    parameters = tables["cells"].rows_by_key("cell_id", named=True, unique=True)
    for cell in wide.rows(named=True):
        for metric in QUANTITIES:
            row = rows[cell["cell_id"], metric]
            parts = [cell[f"{metric}{end}"] for end in ("", "_sd", "_n", "_status", "_reason")]
            assert parts == [row["mean"], row["sd"], row["n"], row["status"], row["reason"]]
        assert cell["phase"] == phases[cell["cell_id"]]
        assert cell["classification_id"] == "k"
        own = parameters[cell["cell_id"]]
        assert all(cell[name] == value for name, value in own.items())


def test_cells_of_several_sources_do_not_mix(tmp_path: Path) -> None:
    """The same cells with other numbers, and other phases of the same experiment."""
    one, other = (cells_of("two axes", seed) for seed in (1, 2))
    sources = []
    for name, cells in (("one", one), ("other", other)):
        folder = write_source(tmp_path / name, made_up_tables(cells, classification_id=name))
        sources.append(Source(name, "collected", folder))
    wide = query("SELECT * FROM cells", sources=sources)
    assert wide.height == len(one) + len(other)
    for name, cells in (("one", one), ("other", other)):
        mine = wide.filter(origin=name)
        assert mine["train_loss"].to_list() == [cell.metrics["train_loss"] for cell in cells]
        assert mine["phase"].to_list() == [cell.phase for cell in cells]
    both = query("SELECT origin, count(*) AS n FROM double_descent GROUP BY ALL", sources=sources)
    alone = query("SELECT count(*) AS n FROM double_descent", sources=sources[:1])
    assert both["n"].to_list() == [alone["n"].item()] * 2


@pytest.mark.parametrize("shape", SHAPES)
def test_coordinates_are_the_parameters_and_nothing_else(shape: str, tmp_path: Path) -> None:
    """Not what `extra` holds besides, such as labels of a publication."""
    cells = cells_of(shape)
    folder = write_source(tmp_path / "t", made_up_tables(cells))
    sql = "SELECT cell_id, parameter, value, number FROM coordinates ORDER BY cell_id, parameter"
    expected = [
        {
            "cell_id": f"e{i:05}",
            "parameter": path,
            "value": text_of(value),
            "number": float(value) if is_number(value) else None,
        }
        for i, cell in enumerate(cells)
        for path, value in sorted(parameters(cell).items())
    ]
    assert_rows(ask(sql, tables=folder), expected)


def best(cells: Sequence[MadeUpCell], ranked_by: str, sign: int) -> Iterator[Row]:
    """The best cell of each variant and load; of equal ones the first."""
    of_load = [path for path in varying(cells) if path.startswith("load.")]
    groups: dict[tuple[str, str], list[MadeUpCell]] = {}
    for cell in cells:
        if cell.metrics[ranked_by] is not None:
            groups.setdefault((cell.variant, place(cell, of_load)), []).append(cell)
    for (variant, load), members in groups.items():
        ranked = sorted(members, key=lambda cell: -sign * (cell.metrics[ranked_by] or 0.0))
        first = ranked[0]
        yield {
            "variant": variant,
            "load": load,
            "cell_id": f"e{cells.index(first):05}",
            "phase": first.phase,
            "metric": ranked_by,
            "performance": first.metrics[ranked_by],
            "standard_error": first.errors.get(ranked_by),
            "n_cells": len(members),
        }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("ranked_by", "sign"), [("test_accuracy", 1), ("test_error", -1), ("test_loss", -1)]
)
def test_best_per_load(shape: str, ranked_by: str, sign: int, tmp_path: Path) -> None:
    cells = cells_of(shape, ranked_by=ranked_by)
    folder = write_source(tmp_path / "t", made_up_tables(cells, ranked_by=ranked_by))
    expected = list(best(cells, ranked_by, sign))
    found = ask("SELECT * FROM best_per_load", tables=folder)
    assert_rows(
        found.select(list(expected[0])).sort("variant", "load") if expected else found,
        sorted(expected, key=lambda row: (row["variant"], row["load"])),
    )
    for row in found.rows(named=True):
        at = cells[int(row["cell_id"][1:])].at
        assert all(row[name] == at.get(path) for path, name in COLUMNS.items())


def slices(cells: Sequence[MadeUpCell], ranked_by: str, sign: int) -> Iterator[Row]:
    """Each point of each line through the grid, with the best on either side by brute force."""
    paths = varying(cells)
    for axis in paths:
        lines: dict[str, list[MadeUpCell]] = {}
        for cell in cells:
            if is_number(parameters(cell)[axis]):
                lines.setdefault(place(cell, [p for p in paths if p != axis]), []).append(cell)
        for name, members in lines.items():
            line = sorted(members, key=lambda cell: cell.at[axis])
            scores = [cell.metrics[ranked_by] for cell in line]
            for i, (cell, own) in enumerate(zip(line, scores)):
                before = [sign * s for s in scores[:i] if s is not None]
                after = [sign * s for s in scores[i + 1 :] if s is not None]
                inside = before and after and own is not None
                last = scores[i - 1] if i else None
                if len(line) > 1:
                    yield {
                        "axis": axis,
                        "slice": name,
                        "value": float(cell.at[axis]),
                        "cell_id": f"e{cells.index(cell):05}",
                        "metric": ranked_by,
                        "performance": own,
                        "standard_error": cell.errors.get(ranked_by),
                        "change": None if own is None or last is None else own - last,
                        "dip": min(max(before), max(after)) - sign * (own or 0.0) if inside else None,
                        "phase": cell.phase,
                        "train_loss": cell.metrics["train_loss"],
                    }  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("ranked_by", "sign", "kept"),
    [("test_accuracy", 1, 1.0), ("test_loss", -1, 1.0), ("test_accuracy", 1, 0.6)],
)
def test_double_descent(shape: str, ranked_by: str, sign: int, kept: float, tmp_path: Path) -> None:
    """Along every axis, also where the grid has holes and where a cell has no value."""
    cells = cells_of(shape, 5, kept=kept, ranked_by=ranked_by)
    folder = write_source(tmp_path / "t", made_up_tables(cells, ranked_by=ranked_by))
    expected = sorted(
        slices(cells, ranked_by, sign), key=lambda row: (row["axis"], row["slice"], row["value"])
    )
    found = ask("SELECT * FROM double_descent", tables=folder)
    columns = list(expected[0]) if expected else found.columns
    assert_rows(found.select(columns), expected)


def test_a_dip_between_two_better_values(tmp_path: Path) -> None:
    """Double descent as it is drawn: the ends have none, and what rises or falls has none."""
    scores = [60.0, 70.0, 64.0, 62.0, 68.0, 75.0]
    cells = [MadeUpCell({WIDTHS: 2**i}, {"test_accuracy": s}) for i, s in enumerate(scores)]
    folder = write_source(tmp_path / "t", made_up_tables(cells))
    found = ask("SELECT dip, change FROM double_descent", tables=folder)
    assert found["dip"].to_list() == [None, -10.0, 6.0, 8.0, 2.0, None]
    assert found["change"].to_list() == [None, 10.0, -6.0, -2.0, 6.0, 7.0]


def differences(
    a: Sequence[MadeUpCell], b: Sequence[MadeUpCell], metrics: Sequence[str]
) -> Iterator[Row]:
    """Each metric of each cell of either, matched by what varies within one of them."""
    paths = sorted({*varying(a), *varying(b)})
    first = {place(cell, paths): (f"a{i:05}", cell) for i, cell in enumerate(a)}
    second = {place(cell, paths): (f"b{i:05}", cell) for i, cell in enumerate(b)}
    for where in sorted({*first, *second}):
        (id_a, x), (id_b, y) = first.get(where, (None, None)), second.get(where, (None, None))
        for metric in sorted(metrics):
            value_a, value_b = (c.metrics.get(metric) if c else None for c in (x, y))
            error_a, error_b = (c.errors.get(metric) if c else None for c in (x, y))
            known = value_a is not None and value_b is not None
            spread = error_a is not None and error_b is not None
            yield {
                "cell": where,
                "cell_a": id_a,
                "cell_b": id_b,
                "phase_a": x.phase if x else None,
                "phase_b": y.phase if y else None,
                "metric": metric,
                "a": value_a,
                "b": value_b,
                "difference": value_b - value_a if known else None,
                "standard_error": math.hypot(error_a, error_b) if spread else None,
            }


def two_sources(
    tmp_path: Path, a: Sequence[MadeUpCell], b: Sequence[MadeUpCell], **of_b: Any
) -> list[Source]:
    one = write_source(tmp_path / "a", made_up_tables(a, experiment_id="a", classification_id="ka"))
    other = made_up_tables(b, experiment_id="b", classification_id="kb", **of_b)
    return [
        current_source(one),
        Source("theirs", "collected", write_source(tmp_path / "b", other)),
    ]


def changed(cells: Sequence[MadeUpCell], **to: Any) -> list[MadeUpCell]:
    """The cells with other values of parameters; `load__samples` is `load.samples`."""
    new = {name.replace("__", "."): value for name, value in to.items()}
    return [
        MadeUpCell({**cell.at, **new}, cell.metrics, cell.errors, cell.phase, cell.variant)
        for cell in cells
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("other", ["constants", "holes", "fewer axes", "more axes"])
def test_experiment_diff(shape: str, other: str, tmp_path: Path) -> None:
    """Cells match by what varies in either; constants that differ do not matter."""
    a, b = cells_of(shape, 1), cells_of(shape, 2)
    if other == "constants":
        b = changed(b, load__samples=5000, temperature__momentum=0.8)
    elif other == "holes":
        a, b = cells_of(shape, 1, kept=0.7), cells_of(shape, 2, kept=0.7)
    elif other.endswith("axes"):
        path, values = next(iter(SHAPES[shape][0].items()))
        few = [cell for cell in b if cell.at[path] == values[0]]
        a, b = (a, few) if other == "fewer axes" else (few, a)
    sources = two_sources(tmp_path, a, b)
    found = query("FROM experiment_diff('current', 'theirs')", sources=sources)
    assert_rows(found, list(differences(a, b, list(QUANTITIES))))


def test_a_metric_that_only_one_of_them_has(tmp_path: Path) -> None:
    """Its cell is in both experiments nevertheless."""
    a, b = cells_of("one axis", 1), cells_of("one axis", 2)
    known = ["test_accuracy", "sharpness"]
    b = [
        MadeUpCell(c.at, {"test_accuracy": 1.0, "sharpness": 2.0}, {}, c.phase) for c in b
    ]  # fmt: skip
    sources = two_sources(tmp_path, a, b, metrics=known)
    found = query(
        "FROM experiment_diff('current', 'theirs') WHERE metric IN ('sharpness', 'train_loss')",
        sources=sources,
    )
    assert found["cell_a"].null_count() == found["cell_b"].null_count() == 0
    assert found["phase_a"].to_list() == [cell.phase for cell in a for _ in range(2)]
    assert found["phase_b"].to_list() == [cell.phase for cell in b for _ in range(2)]
    assert found.filter(metric="sharpness")["b"].to_list() == [2.0] * len(b)
    assert found.filter(metric="sharpness")["a"].null_count() == len(a)
    assert found.filter(metric="train_loss")["b"].null_count() == len(b)
    assert found["difference"].null_count() == found.height


@pytest.mark.parametrize("name", ["theirs", "b", "kb"])
def test_an_experiment_is_named_by_origin_or_id(name: str, tmp_path: Path) -> None:
    sources = two_sources(tmp_path, cells_of("one axis", 1), cells_of("one axis", 2))
    found = query(f"FROM experiment_diff('current', '{name}')", sources=sources)
    assert found.equals(query("FROM experiment_diff('a', 'theirs')", sources=sources))
    assert found["cell_b"].drop_nulls().str.starts_with("b").all()


@pytest.mark.parametrize("call", ["'current', 'none'", "'none', 'current'", "'x''y', 'current'"])
def test_an_unknown_experiment_is_an_error(call: str, tmp_path: Path) -> None:
    sources = two_sources(tmp_path, cells_of("one axis"), cells_of("one axis"))
    with pytest.raises(QueryError, match=r"there is no experiment '(none|x'y)'.*--all"):
        query(f"FROM experiment_diff({call})", sources=sources)
