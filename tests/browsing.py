"""Pages in a real browser: the system's Chromium, driven by Playwright, without a network."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60_000  # milliseconds; processes of other tests may hold the CPU
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb")
# What can be seen of charts, from the marks of their SVG.
SEEN = """
window.seen = {
  box: (one, root) => {
    const r = one.getBoundingClientRect(), o = root.getBoundingClientRect();
    return {x: r.x + r.width / 2 - o.x, y: r.y + r.height / 2 - o.y, width: r.width, height: r.height};
  },
  marks: (id, kind) => {
    const svg = document.querySelector(`#${CSS.escape(id)} svg`);
    if (!svg) return [];
    return [...svg.querySelectorAll(`g.mark-${kind}.role-mark:not([class*=_brush]) > *`)].map(one => ({
      ...seen.box(one, svg), text: one.textContent, fill: one.getAttribute("fill"),
      stroke: one.getAttribute("stroke"), strokeWidth: Number(one.getAttribute("stroke-width") ?? 0),
      dash: one.getAttribute("stroke-dasharray"), d: one.getAttribute("d"),
      opacity: Number(one.getAttribute("opacity") ?? 1) * Number(one.getAttribute("fill-opacity") ?? 1)}));
  },
  cells: id => seen.marks(id, "rect").filter(({fill, strokeWidth}) =>
    fill && fill !== "none" && fill !== "transparent" && strokeWidth <= 1),
  frames: id => seen.marks(id, "rect").filter(({stroke, fill, strokeWidth}) =>
    stroke === "#1d1d1d" && (!fill || fill === "none" || fill === "transparent") && strokeWidth > 2.5),
  place: (id, {x, y}) => {
    const grid = seen.cells(id), left = Math.min(...grid.map(c => c.x)), top = Math.min(...grid.map(c => c.y));
    const right = Math.max(...grid.map(c => c.x)), low = Math.max(...grid.map(c => c.y));
    return [(x - left) / (right - left), (y - top) / (low - top)].map(v => Math.round(100 * v) / 100);
  },
  framed: id => seen.frames(id).map(one => seen.place(id, one)),
  shown: () => [...document.querySelectorAll(".chart")].filter(one => one.checkVisibility()
    && one.dataset.state === "drawn").map(one => one.id),
  text: id => [...document.querySelectorAll(`#${CSS.escape(id)} svg .mark-text.role-mark text`)]
    .filter(one => Number(one.getAttribute("opacity") ?? 1) > 0).map(one => one.textContent),
};
"""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """The browser; a test that needs it is skipped where there is none."""
    driver = pytest.importorskip("playwright.sync_api")
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("no Chromium here")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(FLAGS))
        yield browser
        browser.close()


class Visits:
    """Opens pages, each with a profile of its own, and keeps what their consoles say."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.problems: list[str] = []
        self._contexts: list[Any] = []

    def open(self, path: Path, *, width: int = 1440, height: int = 900, dark: bool = False) -> Any:
        """A page from a file, without a network; its first charts are drawn."""
        scheme = "dark" if dark else "light"
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, offline=True, color_scheme=scheme
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(SEEN)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._request)
        page.goto(path.as_uri())
        if page.locator(".chart").count():
            page.locator(".chart").first.scroll_into_view_if_needed()
            wait(page, "document.querySelector('.chart').dataset.state === 'drawn'")
            page.evaluate("scrollTo(0, 0)")
        return page

    def close(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.problems.append(f"asks for {request.url}")


def wait(page: Any, expression: str, argument: Any = None) -> Any:
    """Wait until a JavaScript expression is true, and return its value."""
    return page.wait_for_function(expression, arg=argument).json_value()


def draw_all(page: Any) -> list[str]:
    """Open all that is collapsed, draw every chart, and return the ids."""
    page.evaluate(
        "() => { document.querySelectorAll('details').forEach(one => one.open = true);"
        " document.querySelectorAll('[hidden]:not(aside)').forEach(one => one.hidden = false);"
        " dispatchEvent(new Event('beforeprint')); }"
    )
    wait(
        page,
        "[...document.querySelectorAll('.chart')].every(one => ['drawn', 'failed'].includes("
        "one.dataset.state))",
    )
    slots = "[...document.querySelectorAll('.chart')]"
    assert (
        page.evaluate(f"{slots}.filter(one => one.dataset.state !== 'drawn').map(o => o.id)") == []
    )
    return list(page.evaluate(f"{slots}.map(one => one.id)"))


def cell_of(page: Any, chart: str, column: float, row: float) -> tuple[float, float]:
    """Where a cell is in the window, by its share of the grid from left and from top."""
    page.locator(f"#{chart}").scroll_into_view_if_needed()
    found = page.evaluate(
        """([id, column, row]) => {
          const svg = document.querySelector(`#${id} svg`).getBoundingClientRect();
          const near = seen.cells(id).map(one => {
            const [x, y] = seen.place(id, one);
            return {one, far: Math.hypot(x - column, y - row)};
          }).sort((a, b) => a.far - b.far)[0].one;
          return [svg.x + near.x, svg.y + near.y];
        }""",
        [chart, column, row],
    )
    return found[0], found[1]
