"""How fast the report is in a browser: `python -m benchmarks.report_page [PAGE ...]`.

Without pages, those of two made-up catalogs are built: 13 x 13 x 10 published cells, and 15 x 15
cells of five seeds with histories and curves. Printed as JSON, with the goals in brackets: the size
of the page (below 5 MB), seconds from opening the file to the first drawn diagram (below 3), and
milliseconds from a key that selects a cell, and from a slider that moves, until the browser has
painted what follows in all charts in sight (medians below 100). CPU: of the page's main thread,
which other programs on the machine do not slow down. Chromium and Playwright are needed.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports import build_page
from tests.browsing import chromium
from tests.reports.grids import Catalog

WIDTHS = [2**k for k in range(13)]
SIZES = [8 * k for k in range(1, 16)]
OPENINGS, MOVES = 5, 25
RUN_TABLES = ("runs", "epochs", "pairs", "curves", "curve_points", "hessians", "densities")
# Views redraw in microtasks, that is, before the next frame, in which a reader sees the change.
TIMED = """
async ([kind, step]) => {
  const seen = () => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
  await seen();
  const begin = performance.now();
  if (kind === "select") {
    const key = ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"][step % 4];
    const press = new KeyboardEvent("keydown", {key, bubbles: true});
    document.querySelector("#phases-0").dispatchEvent(press);
  } else {
    const slider = document.querySelector("input[data-setting]");
    slider.value = String(500 + 20 * (1 + step % 20));
    slider.dispatchEvent(new Event("input", {bubbles: true}));
  }
  await seen();
  return performance.now() - begin;
}"""


def published_cells() -> dict[str, pl.DataFrame]:
    """13 x 13 x 10 cells of which only means are known."""
    noise = [round(0.1 * k, 1) for k in range(10)]
    axes = {"load.width": WIDTHS, "temperature.batch_size": SIZES[:13], "load.label_noise": noise}
    tables = Catalog(axes, epochs=1, seeds=2).tables()
    return tables | {name: tables[name].clear() for name in RUN_TABLES}


def own_cells() -> dict[str, pl.DataFrame]:
    """15 x 15 cells of five seeds."""
    axes = {"load.width": list(range(1, 16)), "temperature.batch_size": SIZES}
    return Catalog(axes, seeds=5, epochs=150).tables()


def measure(browser: Any, path: Path) -> dict[str, Any]:
    """Size, time to the first diagram, and the time of each interaction."""
    opened, page = [], None
    for _ in range(OPENINGS):
        if page is not None:
            page.close()
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("#phases-0 canvas, #phases-0 svg")
        page.wait_for_selector("#phases-0[data-state=drawn]")
        opened.append(time.perf_counter() - start)
    page.wait_for_function(
        "[...document.querySelectorAll('.chart')].every(one => one.dataset.state !== 'drawing')"
    )
    found: dict[str, Any] = {
        "page": path.name,
        "megabytes [5]": round(path.stat().st_size / 1e6, 2),
        "seconds to the diagram [3]": round(statistics.median(opened), 2),
    }
    clock = page.context.new_cdp_session(page)
    clock.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    clock.send("Performance.enable")
    kinds = ("select", "slide") if page.locator("input[data-setting]").count() else ("select",)
    for kind in kinds:
        times, busy = [], []
        for step in range(MOVES):
            before = cpu_seconds(clock)
            times.append(page.evaluate(TIMED, [kind, step]))
            busy.append(1000 * (cpu_seconds(clock) - before))
        found[f"ms to {kind} [100]"] = round(statistics.median(times), 1)
        found[f"ms to {kind}, CPU"] = round(statistics.median(busy), 1)
    page.close()
    return found


def cpu_seconds(clock: Any) -> float:
    """Time of the page's main thread so far."""
    metrics = clock.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def main(names: list[str]) -> None:
    """Build the pages unless some are given, and measure each."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        paths = [Path(name).resolve() for name in names]
        for name, made in (("published", published_cells), ("own", own_cells)) if not paths else ():
            paths.append(Path(folder) / f"{name}.html")
            paths[-1].write_text(build_page(made(), Report()))
        for path in paths:
            print(json.dumps(measure(browser, path)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
