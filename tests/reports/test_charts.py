"""The report: orientation, colours, tooltips, and the page in a real browser without network."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.catalog import CELL_METRICS, read_tables
from landscape_catalog.reports import build_page, charts
from landscape_catalog.reports.frame import ReportData, report_data
from landscape_catalog.schemas.experiment import Report


@pytest.fixture
def tables(finished: tuple[Path, Path]) -> dict[str, Any]:
    return read_tables(finished[0] / "data" / "catalog")


@pytest.fixture
def data(tables: dict[str, Any]) -> ReportData:
    return report_data(tables)


def test_the_papers_orientation(tables: dict[str, Any]) -> None:
    """Width rises to the right, batch size falls upwards (the first row is the hottest)."""
    data = report_data(tables)
    assert (data.x.path, data.x.labels) == ("load.width", ["1", "2"])
    assert (data.y.path, data.y.labels) == ("temperature.batch_size", ["16", "32"])


def with_column(tables: dict[str, Any], column: str, values: list[float]) -> dict[str, Any]:
    import polars as pl

    return {**tables, "cells": tables["cells"].with_columns(pl.Series(column, values))}


@pytest.mark.parametrize(
    ("path", "values", "labels"),
    [
        ("load.label_noise", [0.0, 0.2, 0.1, 0.3], ["0.3", "0.2", "0.1", "0"]),
        ("load.samples", [100, 400, 200, 300], ["100", "200", "300", "400"]),
        ("load.pixel_noise", [0.0, 9.0, 5.0, 1.0], ["9", "5", "1", "0"]),
    ],
)
def test_orientation_of_loads(
    tables: dict[str, Any], path: str, values: list[float], labels: list[str]
) -> None:
    changed = with_column(tables, path.split(".")[1], values)
    assert report_data(changed, x=path).x.labels == labels


@pytest.mark.parametrize("path", ["temperature.lr", "temperature.weight_decay"])
def test_orientation_of_temperatures(tables: dict[str, Any], path: str) -> None:
    changed = with_column(tables, path.split(".")[1], [0.01, 0.3, 0.1, 0.03])
    assert report_data(changed, y=path).y.labels == ["0.3", "0.1", "0.03", "0.01"]


def test_the_seven_panels_of_figure_2(data: ReportData) -> None:
    assert [panel.key for panel in charts.PANELS] == [
        "test_accuracy", "train_loss", "top_eigenvalue", "trace", "mode_connectivity", "cka", "l2_distance",
    ]  # fmt: skip
    for panel in charts.PANELS:
        spec = charts.metric_panel(data, panel).to_dict()
        axes = spec["layer"][0]["encoding"]
        assert axes["x"]["sort"] == data.x.labels
        assert axes["y"]["sort"] == data.y.labels
        titles = {entry["title"] for entry in axes["tooltip"]}
        assert {metric.replace("_", " ") for metric in CELL_METRICS} <= {
            title.split(",")[0] for title in titles
        }


def test_connectivity_diverges_around_zero(data: ReportData) -> None:
    (panel,) = (panel for panel in charts.PANELS if panel.key == "mode_connectivity")
    scale = charts.metric_panel(data, panel).to_dict()["layer"][1]["encoding"]["color"]["scale"]
    low, high = scale["domain"]
    assert low == -high < 0
    assert scale["scheme"] == "redblue"
    assert scale["reverse"]


def test_every_phase_has_a_colour(data: ReportData) -> None:
    scale = charts.phase_diagram(data).to_dict()["layer"][0]["encoding"]["color"]["scale"]
    assert scale["domain"] == ["I", "II", "III", "IV-A", "IV-B", "NC", "unclassified"]
    assert len(set(scale["range"])) == 7


def test_a_third_axis_becomes_facets(tables: dict[str, Any]) -> None:
    import json

    import polars as pl

    axes = json.loads(tables["experiments"]["axes"][0]) + [
        {"path": "load.label_noise", "values": [0, 0.2]}
    ]
    changed = with_column(tables, "label_noise", [0.0, 0.0, 0.2, 0.2])
    changed["experiments"] = tables["experiments"].with_columns(axes=pl.lit(json.dumps(axes)))
    data = report_data(changed)
    assert data.facets == ["label noise 0", "label noise 0.2"]
    assert charts.phase_diagram(data).to_dict()["facet"]["sort"] == data.facets
    assert 'id="curves-1"' in build_page(changed, Report())


def test_the_page_is_a_function_of_the_catalog(tables: dict[str, Any]) -> None:
    assert build_page(tables, Report()) == build_page(tables, Report())
    assert "A &lt;b&gt; title" in build_page(tables, Report(title="A <b> title"))


def test_the_page_needs_no_network(finished: tuple[Path, Path]) -> None:
    page = (finished[0] / "reports" / "phases.html").read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?https?:", page)
    assert len(page) < 3_000_000


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no Chromium and ChromeDriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run",
                 "disable-background-networking", "disable-component-update", "disable-sync",
                 f"user-data-dir={tmp_path / 'profile'}", "window-size=1300,2400",
                 "host-resolver-rules=MAP * ~NOTFOUND"):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


def data_phases(folder: Path) -> list[str]:
    return read_tables(folder / "data" / "catalog")["phases"]["phase"].to_list()


def test_in_a_browser_without_network(
    browser: Any, finished: tuple[Path, Path], tmp_path: Path
) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.set_network_conditions(offline=True, latency=0, throughput=0)
    browser.get((finished[0] / "reports" / "phases.html").as_uri())
    names = ["phases", *(panel.key for panel in charts.PANELS), "curves-0", "training-0"]
    for name in names:
        WebDriverWait(browser, 20).until(
            lambda found, name=name: found.find_elements(By.CSS_SELECTOR, f"#{name} svg .mark-rect path, #{name} svg .mark-line path")
        )  # fmt: skip
    cells = browser.find_elements(By.CSS_SELECTOR, "#phases svg .mark-text text")
    assert {cell.text for cell in cells} >= set(data_phases(finished[0]))
    problems = [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"]
    assert not problems
    shot = tmp_path / "report.png"
    browser.save_screenshot(str(shot))
    width, height = struct.unpack(">II", shot.read_bytes()[16:24])
    assert (width, height) > (1000, 1000)
