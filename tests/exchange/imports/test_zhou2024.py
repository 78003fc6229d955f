"""The CSV of Zhou et al. 2024: the published half read independently, and CSV files that are bad."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import polars as pl
import pytest

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports import delimited
from landscape_catalog.exchange.imports.delimited import read_columns
from tests.exchange.imports.sources import (
    CSV,
    ZHOU_COLUMNS,
    csv_text,
    means,
    needs_published,
    refused,
    tables,
    write_zhou,
    zhou_rows,
)

METRICS = {
    "test_acc": "test_accuracy",
    "train_acc": "train_accuracy",
    "CKA": "cka",
    "hessian_e": "log_top_eigenvalue",
    "hessian_t": "log_trace",
}
NAMED_ALIKE = (
    "generalization_gap", "test_loss", "train_loss", "mode_connectivity", "test_error",
    "mode_connectivity_peak", "train_error", "rfi_width", "rfi_data", "rfi_inc_temp",
    "rfi_dec_temp",
)  # fmt: skip
PLACES = ("width", "data_amount", "bs")


@pytest.fixture(scope="module")
def half() -> dict[str, pl.DataFrame]:
    return tables("zhou2024", CSV)


@needs_published
def test_every_column_of_the_published_file(half: dict[str, pl.DataFrame]) -> None:
    with CSV.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == half["cells"].height == 1690
    found = means(half)
    cells = half["cells"].join(half["landscapes"], "landscape_id")
    facts = {
        (row["width"], row["samples"], row["batch_size"]): row
        for row in cells.iter_rows(named=True)
    }
    compared = set()
    for row in rows:
        key = tuple(int(row[place]) for place in PLACES)
        cell, numbers = facts.pop(key), found.pop(key)
        for column, text in row.items():
            if column in PLACES:
                continue
            if column == "para_amount":
                assert cell["n_parameters"] == int(text)
            elif column in METRICS or column in NAMED_ALIKE:
                assert numbers.pop(METRICS.get(column, column)) == float(text), (key, column)
            else:
                kept = json.loads(cell["extra"])[f"published.{column}"]
                assert kept == (text if isinstance(kept, str) else float(text)), (key, column)
            compared.add(column)
        assert numbers == {}
        assert (cell["n_runs"], cell["n_converged"]) == (5, None)
    assert compared | set(PLACES) == set(ZHOU_COLUMNS) == set(rows[0])
    assert facts == found == {}


@needs_published
def test_what_the_source_lacks_is_null(half: dict[str, pl.DataFrame]) -> None:
    metrics = half["cell_metrics"]
    for column in ("sd", "standard_error", "measurement_error"):
        assert metrics[column].null_count() == metrics.height
    of_pairs = metrics.filter(pl.col("metric").str.contains("mode_connectivity|cka"))
    assert of_pairs["n"].null_count() == of_pairs.height == 3 * 1690
    assert set(metrics.filter(metric="log_trace")["n"]) == {5}
    for column in ("label_noise", "pixel_noise", "lr", "weight_decay", "lr_in_effect"):
        assert half["cells"][column].null_count() == 1690
    filled = ("experiments", "probes", "landscapes", "cells", "cell_metrics")
    for name, frame in half.items():
        assert frame.is_empty() == (name not in filled), name


@needs_published
def test_logarithms_are_stored_as_published(half: dict[str, pl.DataFrame]) -> None:
    rows = half["cell_metrics"].filter(pl.col("metric").str.starts_with("log_"))
    assert set(rows["metric"]) == {"log_top_eigenvalue", "log_trace"}
    assert set(rows["unit"]) == {"natural logarithm"}
    assert rows["method"].str.starts_with("ln of the mean over seeds").all()
    assert rows["mean"].min() < 0  # no eigenvalue, but a logarithm
    assert "top_eigenvalue" not in set(half["cell_metrics"]["metric"])


def test_the_order_of_columns_and_rows_is_free(tmp_path: Path) -> None:
    rows = zhou_rows()
    path = write_zhou(tmp_path / "a.csv")
    usual = means(tables("zhou2024", path))
    path.write_text(csv_text(rows[::-1], ZHOU_COLUMNS[::-1]))
    assert means(tables("zhou2024", path)) == usual
    path.write_bytes(b"\xef\xbb\xbf" + csv_text(rows).replace("\n", "\r\n").encode())
    assert means(tables("zhou2024", path)) == usual


def test_label_noise_is_known_if_it_is_said(tmp_path: Path) -> None:
    path = write_zhou(tmp_path / "a.csv")
    silent, said = tables("zhou2024", path), tables("zhou2024", path, label_noise=0.1)
    assert silent["cells"]["label_noise"].to_list() == [None] * 4
    assert said["cells"]["label_noise"].to_list() == [0.1] * 4
    assert json.loads(said["experiments"]["spec"].item())["load"]["label_noise"] == 0.1
    ids = [found["experiments"]["experiment_id"].item() for found in (silent, said)]
    assert ids[0] != ids[1]


def changed(column: str, value: str, line: int = 1) -> bytes:
    rows = zhou_rows()
    rows[line][column] = value
    return csv_text(rows).encode()


def without(column: str) -> bytes:
    return csv_text(zhou_rows(), [name for name in ZHOU_COLUMNS if name != column]).encode()


LINES = csv_text(zhou_rows()).splitlines()
REFUSED: dict[str, tuple[bytes, str]] = {
    "a missing column": (without("CKA"), "has no column 'CKA'; it has 'data_amount'"),
    "a missing coordinate": (without("bs"), "has no column 'bs'"),
    "a missing label": (without("bs_failure"), "has no column 'bs_failure'"),
    "a column twice": (csv_text(zhou_rows(), [*ZHOU_COLUMNS, "CKA"]).encode(), "two columns named 'CKA'"),
    "NaN": (changed("CKA", "nan"), "line 3: column 'CKA' is 'nan', which is no finite number"),
    "infinity": (changed("hessian_e", "-inf"), "column 'hessian_e' is '-inf', which is no finite"),
    "overflow": (changed("hessian_e", "1e999"), "column 'hessian_e' is '1e999', which is no finite"),
    "text as a number": (changed("train_loss", "low"), "column 'train_loss' is 'low', which is no number"),
    "an empty number": (changed("test_acc", ""), "line 3: column 'test_acc' is empty"),
    "a width that is no whole number": (changed("width", "2.5"), "'2.5', which is no whole number"),
    "a width of zero": (changed("width", "0"), "column 'width' is '0'; allowed: 1 or more"),
    "a large width": (changed("width", "1e300"), "'1e300', which is no whole number"),
    "a cell twice": (csv_text([*zhou_rows(), zhou_rows()[0]]).encode(), "line 6: the cell of line 2 again (width 2, data_amount 5000, bs 16)"),
    "a row with fewer fields": ("\n".join([*LINES[:2], "1,2,3"]).encode(), "line 3: 3 fields, and the first line has 27"),
    "a row with more fields": ("\n".join([*LINES[:2], LINES[2] + ",1"]).encode(), "line 3: 28 fields"),
    "an open quote": ("\n".join([*LINES[:2], '"' + LINES[2]]).encode(), "is no CSV file"),
    "no rows": ("\n".join(LINES[:1]).encode(), "has no rows below the names"),
    "an empty file": (b"", "is empty; a CSV file begins with the names of its columns"),
    "not UTF-8": (changed("bs_failure", "x").replace(b"x", b"\xff"), "is not UTF-8 text (byte"),
    "null characters": (changed("bs_failure", "\0"), "it has a null character"),
    "another separator": (csv_text(zhou_rows()).replace(",", ";").encode(), "has no column 'width'"),
    "a huge field": (changed("bs_failure", "x" * 200_000), "is no CSV file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused(case: str, tmp_path: Path) -> None:
    content, words = REFUSED[case]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    message = refused(tmp_path, "zhou2024", path)
    assert words in message
    assert message.startswith("a.csv")


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no file" in refused(tmp_path, "zhou2024", tmp_path / "none.csv")
    assert "it is a folder" in refused(tmp_path, "zhou2024", tmp_path)
    path = write_zhou(tmp_path / "a.csv")
    monkeypatch.setattr(delimited, "LARGEST", 10)
    assert "has more than 10 bytes" in refused(tmp_path, "zhou2024", path)
    monkeypatch.setattr(delimited, "MOST_ROWS", 1)
    with pytest.raises(PublishedError, match="more than 1 rows"):
        read_columns(b"a\n1\n2\n", "a.csv")


def test_numbers_are_read_to_the_last_digit() -> None:
    texts = ["0.1", "5e-324", "1.7976931348623157e308", "-0.30000000000000004", " 7 ", "1E3"]
    column = read_columns("\n".join(["a", *texts]).encode(), "a.csv")["a"]
    assert column.numbers() == [float(text) for text in texts]
    with pytest.raises(PublishedError, match="'1_0', which is no finite number"):
        read_columns(b"a\n1_0\n", "a.csv")["a"].numbers()
    assert math.isnan(read_columns(b"a,b\n,1\n", "a.csv")["a"].numbers(missing=True)[0])
