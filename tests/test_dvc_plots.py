"""The plots of `dvc plots`: their templates give charts with titles, units and every point."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import vl_convert
from dvc_render.vega import VegaRenderer  # type: ignore[import-untyped]
from ruamel.yaml import YAML

from landscape_catalog.commands.study_files import TEMPLATES, template
from tests.conftest import ROOT
from tests.reports.svg import texts

STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
PLOTS: dict[str, dict[str, Any]] = {
    path: properties for plot in STAGES["aggregate"]["plots"] for path, properties in plot.items()
}
ROWS = {
    "training": [{"epoch": str(k), "train_loss": str(2.0 / 10**k)} for k in range(1, 5)],
    "connectivity": [{"t": str(k / 4), "train_error": str(3 + k)} for k in range(5)],
    "cells": [
        {"mode_connectivity": str(mc), "test_accuracy": str(90 + k), "phase": phase, "width": "1"}
        for k, (mc, phase) in enumerate([(-20.0, "I"), (0.0, "IV-B"), (8.0, "II")])
    ],
}


@pytest.mark.parametrize("path", PLOTS)
def test_a_plot_of_two_revisions(path: str) -> None:
    name, properties = Path(path).stem, PLOTS[path]
    rows = [{**row, "rev": rev} for rev in ("workspace", "HEAD") for row in ROWS[name]]
    renderer = VegaRenderer(rows, path, template_dir=str(ROOT / ".dvc" / "plots"), **properties)
    spec = renderer.get_filled_template()
    assert "<DVC_METRIC" not in str(spec)
    shown = [one.words for one in texts(vl_convert.vegalite_to_svg(spec, vl_version="5.8"))]
    assert {properties["title"], properties["x_label"], properties["y_label"]} <= set(shown)
    assert {"workspace", "HEAD"} <= set(shown)
    if name == "training":
        assert "0.01" in shown, "the loss is logarithmic"
    if name == "cells":
        assert {"I", "II", "IV-B"} <= set(shown)


def test_axes_are_columns_of_the_data(finished: tuple[Path, Path]) -> None:
    for path, properties in PLOTS.items():
        with (finished[0] / path).open() as file:
            columns = next(csv.reader(file))
        assert {properties["x"], properties["y"]} <= set(columns)


def test_studies_have_the_templates() -> None:
    named = {properties["template"] for properties in PLOTS.values()} - {"simple"}
    assert {f"dvc/plots/{name}.json" for name in named} < set(TEMPLATES)
    theirs = YAML(typ="safe").load(template("stages.yaml"))["stages"]["aggregate"]
    assert theirs["plots"] == STAGES["aggregate"]["plots"]


def test_dvc_finds_no_pipeline_but_the_project_s() -> None:
    found = [p.relative_to(ROOT).as_posix() for p in ROOT.glob("landscape_catalog/**/dvc.yaml")]
    assert found == []
