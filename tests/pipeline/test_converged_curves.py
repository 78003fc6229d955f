"""Curves of automatic length and checked curves from `params.yaml` to the report's tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from landscape_catalog.catalog import read_tables
from landscape_catalog.paths import Project
from tests.stages import SERIAL, plan, run_stages, write_project

pytestmark = pytest.mark.slow

PARAMS = """\
dataset: {{name: digits}}
model: {{name: resnet18}}
load: {{width: 2, samples: 64}}
temperature: {{batch_size: [8, 16], lr: 0.1}}
train: {{epochs: 10, seeds: 2}}
measure:
  hessian: {{samples: 16, max_iterations: 2}}
  similarity: {{samples: 32}}
  connectivity: {probes}
classify: {{}}
report: {{}}
variants: {{}}
"""
PLAIN = "{name: plain, epochs: 50, batch_size: 32}"
HALF = "{name: half, epochs: 25, batch_size: 32}"
CHECKED = "{name: checked, epochs: 50, batch_size: 32, check: true, convergence: CONVERGENCE}"
AUTO = "{name: auto, epochs: auto, max_epochs: 50, batch_size: 32, convergence: 1.0e-6}"


def params(*probes: str) -> str:
    return PARAMS.format(probes=f"[{', '.join(probes)}]") + SERIAL


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A project with curves of 50 and of 25 epochs, a checked one and one of automatic length."""
    folder = tmp_path_factory.mktemp("converged")
    checked = CHECKED.replace("CONVERGENCE", "1000")
    project = write_project(folder / "project", params(PLAIN, HALF, checked, AUTO))
    run_stages(project, folder / "store")
    return project, folder / "store"


def curves(project: Path, probe: str) -> list[dict[str, Any]]:
    tables = read_tables(Project(project).catalog)
    found = tables["curves"].filter(pl.col("probe") == probe)
    return found.drop("probe").rows(named=True)


def status(project: Path, probe: str) -> set[tuple[str, str]]:
    """Status and reason of mode connectivity in each cell."""
    metrics = read_tables(Project(project).catalog)["cell_metrics"]
    of_probe = (pl.col("metric") == "mode_connectivity") & (pl.col("probe") == probe)
    return set(metrics.filter(of_probe).select("status", "reason").rows())


LENGTHS = ("fit_length", "length_unit", "shorter_length", "shorter_mode_connectivity", "converged")


def test_each_curve_says_what_it_was_compared_with(measured: tuple[Path, Path]) -> None:
    project, _ = measured
    plain, half = curves(project, "primary"), curves(project, "half")
    assert len(plain) == len(half) == 2
    for probe, convergence in (("checked", 1000), ("auto", 1e-6)):
        for one, unchecked, shorter in zip(curves(project, probe), plain, half, strict=True):
            assert {k: v for k, v in one.items() if k not in LENGTHS} == {
                k: v for k, v in unchecked.items() if k not in LENGTHS
            }
            change = abs(unchecked["mode_connectivity"] - shorter["mode_connectivity"])
            assert [one[name] for name in LENGTHS] == [
                50, "epochs", 25, shorter["mode_connectivity"], change < convergence,
            ]  # fmt: skip
    for probe, found in (("primary", plain), ("half", half)):
        length = 50 if probe == "primary" else 25
        for row in found:
            assert [row[name] for name in LENGTHS] == [length, "epochs", None, None, None]
        assert status(project, probe) == {("ok", None)}


def test_the_status_of_a_cell_is_that_of_its_curve(measured: tuple[Path, Path]) -> None:
    project, _ = measured
    assert status(project, "checked") == {("ok", None)}
    verdicts = [row["converged"] for row in curves(project, "auto")]
    assert False in verdicts, "the case needs a curve that still changes"
    reasons = [reason for state, reason in status(project, "auto") if state == "not converged"]
    assert len(reasons) == verdicts.count(False)
    numbers = (
        r"1 of 1: mc \S+ with 25 epochs, \S+ with 50: they differ by \S+, not by less than 1e-06"
    )
    assert all(re.fullmatch(numbers, reason) for reason in reasons)


def test_a_stricter_check_measures_nothing_again(measured: tuple[Path, Path]) -> None:
    project, store = measured
    verdicts = [row["converged"] for row in curves(project, "auto")]
    checked = CHECKED.replace("CONVERGENCE", "1.0e-6")
    (project / "params.yaml").write_text(params(PLAIN, HALF, checked, AUTO))
    assert re.search(r"measurements  \d+: \d+ done, 0 to make", plan(project, store))
    said = run_stages(project, store, "measure", "aggregate", "report")
    assert ", 0 made," in said
    assert [row["converged"] for row in curves(project, "checked")] == verdicts


def test_the_first_probe_decides_what_the_report_warns_of(measured: tuple[Path, Path]) -> None:
    project, store = measured
    (project / "params.yaml").write_text(params(AUTO, PLAIN))
    run_stages(project, store, "measure", "aggregate", "report")
    failed = [row["converged"] for row in curves(project, "primary")].count(False)
    page = Project(project).report.read_text()
    assert f"Curves whose fit has not converged: {failed} of 2 curves." in page
    assert "not known whether their fit has converged" not in page
    pairs = read_tables(Project(project).catalog)["pairs"]
    assert pairs["fits_converged"].to_list().count(False) == failed
    assert set(pairs["fit_length"]) == {50}
