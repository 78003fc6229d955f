"""The page: its text, that it is self-contained, and that every chart draws in a real browser."""

from __future__ import annotations

import functools
import json
import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from altair.utils.schemapi import SchemaValidationError, debug_mode

from landscape_catalog.catalog import read_tables
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports import build_page
from landscape_catalog.reports.figures import make_figures
from tests.reports.grids import Catalog

GRID = {"load.width": [1, 2, 8], "temperature.batch_size": [16, 32]}
SMALL = {**GRID, "load.width": [1, 2]}
RICH = Catalog(
    {**GRID, "load.width": [1, 2, 8, 64], "load.label_noise": [0.0, 0.1]},
    variants=("base", "decay"),
    connectivity=("primary", "small.rate[0]"),
    similarity=("primary", "alpha 0.5"),
    snapshots=("last", "best_test"),
    not_converged=lambda cell: cell["width"] == 8 and cell["batch_size"] == 16,
)
OWN = Catalog(
    {
        "load.extra.reaction_rate": [0.0, 1.0, 10.0],
        "temperature.extra.activation": ["relu", "tanh"],
        "load.extra.skip": [False, True],
    },
    kind="points",
    unit="squared residual",
)
CATALOGS = {
    "rich": RICH,
    "own": OWN,
    "one cell and seed": Catalog({}, seeds=1),
    "nothing converged": Catalog(GRID, variants=("base", "decay"), not_converged=lambda cell: True),
    "text": Catalog(GRID, kind="text", unit="nats", seeds=2),
}


@pytest.fixture
def tables(finished: tuple[Path, Path]) -> dict[str, Any]:
    return read_tables(finished[0] / "data" / "catalog")


def test_the_page_is_a_function_of_the_catalog(tables: dict[str, Any]) -> None:
    assert build_page(tables, Report()) == build_page(tables, Report())
    assert "A &lt;b&gt; title" in build_page(tables, Report(title="A <b> title"))


def test_the_page_needs_no_network(finished: tuple[Path, Path]) -> None:
    page = (finished[0] / "reports" / "phases.html").read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?https?:", page)
    assert len(page) < 3_000_000


@functools.cache
def page_of(name: str) -> str:
    return build_page(CATALOGS[name].tables(), Report())


@pytest.mark.parametrize("name", CATALOGS)
def test_every_chart_is_valid(name: str) -> None:
    """Vega-Lite's schema allows what is embedded, which the page itself does not check."""
    charts = make_figures(CATALOGS[name].tables(), Report()).charts
    assert charts
    embedded_charts = embedded(page_of(name), "charts")
    for key, chart in charts.items():
        assert json.loads(json.dumps(chart.to_dict(validate=True))) == embedded_charts[key]


def test_an_invalid_chart_is_noticed() -> None:
    (name, chart), *_ = make_figures(CATALOGS["rich"].tables(), Report()).charts.items()
    with debug_mode(False):
        wrong = chart.properties(width="broad")
        assert wrong.to_dict(validate=False)["width"] == "broad", name
    with pytest.raises(SchemaValidationError):
        wrong.to_dict()


def embedded(page: str, name: str) -> dict[str, Any]:
    """The constant `tables` or `charts` of the page's script."""
    (line,) = re.findall(rf"^const {name} = (.*);$", page, re.MULTILINE)
    return json.loads(line)


@pytest.mark.parametrize("name", CATALOGS)
def test_every_chart_has_a_slot_and_every_slot_a_chart(name: str) -> None:
    page = page_of(name)
    charts = embedded(page, "charts")
    assert sorted(re.findall(r'<div id="([^"]+)" class="chart">', page)) == sorted(charts)
    named = set(re.findall(r'"data": \{"name": "([^"]+)"', json.dumps(charts)))
    assert named == set(embedded(page, "tables"))


def test_a_large_grid_stays_small() -> None:
    widths, sizes = list(range(1, 15)), list(range(16, 29))
    axes = {"load.width": widths, "temperature.batch_size": sizes}
    page = build_page(Catalog(axes, seeds=5, epochs=150).tables(), Report())
    assert len(page.encode()) < 2_000_000


def test_quantities_are_described_in_their_unit() -> None:
    page = page_of("text")
    assert "mode connectivity &lt; −1 nats" in page
    assert "Training loss in nats along the fitted Bezier curve" in page
    assert "of training error" not in page
    images = page_of("rich")
    assert "mode connectivity &lt; −1 % of training error" in images
    assert "Training error in % along the fitted Bezier curve" in images


@pytest.mark.parametrize(
    ("verdicts", "failed", "unknown"),
    [
        ([True, True, True, True], None, None),
        ([True, False, True, True], "1 of 4 curves", None),
        ([None, None, None, None], None, "4 of 4 curves"),
        ([False, None, False, True], "2 of 4 curves", "1 of 4 curves"),
    ],
)
def test_fits_that_may_not_have_converged_are_counted(
    verdicts: list[bool | None], failed: str | None, unknown: str | None
) -> None:
    tables = Catalog(SMALL).tables()
    verdict = pl.Series(verdicts, dtype=pl.Boolean)
    tables["curves"] = tables["curves"].with_columns(converged=verdict)
    page = build_page(tables, Report())
    begin = "Curves whose fit has not converged: "
    assert (begin in page) == (failed is not None)
    assert failed is None or f"{begin}{failed}." in page
    begin = "Curves of which it is not known whether their fit has converged: "
    assert (begin in page) == (unknown is not None)
    assert unknown is None or f"{begin}{unknown}." in page
    assert ("Faded: the fit has not converged" in page) == (False in verdicts)


def test_empty_sections_are_left_out() -> None:
    page = page_of("one cell and seed")
    assert "Slices" not in page
    assert "Gain of the variants" not in page
    assert "No cell has two converged runs" in page
    rich = page_of("rich")
    assert "<h2>Slices</h2>" in rich
    assert "<h2>Gain of the variants</h2>" in rich
    assert "is well connected at" in rich


def test_secondary_probes_are_collapsed() -> None:
    page = page_of("rich")
    collapsed = re.search(
        r"<details><summary>the small\.rate\[0\] one.*?</details>", page, re.DOTALL
    )
    assert collapsed
    assert 'id="curves-0-probe-1"' in collapsed.group()
    assert 'id="curves-0"' not in collapsed.group()


def test_text_of_a_catalog_cannot_end_the_script() -> None:
    rich = Catalog(GRID, similarity=("primary", "</script><!--<b>"))
    page = build_page(rich.tables(), Report())
    assert page.count("</script>") == 1
    assert "<b>" not in page.split("<script")[0]


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


def draw(browser: Any, page: Path) -> list[str]:
    """Open a page, expand everything, and return its chart elements once all have been drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.set_network_conditions(offline=True, latency=0, throughput=0)
    browser.get(page.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    slots: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('.chart')].map(slot => slot.id)"
    )
    empty = (
        "return [...document.querySelectorAll('.chart')].filter(slot => !slot.querySelector("
        "'svg .mark-rect path, svg .mark-line path, svg .mark-symbol path')).map(slot => slot.id)"
    )
    WebDriverWait(browser, 60).until(
        lambda found: not found.execute_script(empty), f"empty: {browser.execute_script(empty)}"
    )
    problems = [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"]
    assert not problems
    return slots


def texts(browser: Any, slot: str) -> set[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(text => text.textContent)"
    return set(browser.execute_script(script, f"#{slot} svg .mark-text text"))


def test_in_a_browser_without_network(
    browser: Any, finished: tuple[Path, Path], tables: dict[str, Any], tmp_path: Path
) -> None:
    slots = draw(browser, finished[0] / "reports" / "phases.html")
    assert {"phases", "test_accuracy", "l2_distance", "curves-0", "training-0"} <= set(slots)
    phases = set(tables["phases"]["phase"].to_list())
    assert texts(browser, "phases") >= {"?" if name == "unclassified" else name for name in phases}
    shot = tmp_path / "report.png"
    browser.save_screenshot(str(shot))
    width, height = struct.unpack(">II", shot.read_bytes()[16:24])
    assert (width, height) > (1000, 1000)


def test_variants_probes_and_facets_in_a_browser(browser: Any, tmp_path: Path) -> None:
    for name in CATALOGS:
        page = tmp_path / f"{name}.html"
        page.write_text(page_of(name))
        slots = draw(browser, page)
        if name == "rich":
            assert {"gain-0", "gain-1", "slice-trace", "cka_probe_1", "curves-3-probe-1"} <= set(
                slots
            )
            for slot in ("phases", "cka", "mode_connectivity_probe_1", "test_accuracy_best_test"):
                assert "NC" in texts(browser, slot)
