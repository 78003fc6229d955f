"""axe-core finds nothing serious on a page, in light and dark, with and without the drawer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browsing import draw_all
from tests.reports.browser.conftest import Visit


def serious(page: Any) -> list[str]:
    """The serious and critical violations, with the first elements that have them."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [
        f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def open_drawer(page: Any) -> None:
    page.locator("#phases-0").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#drawer h2")
    page.wait_for_timeout(300)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_with_everything(visit: Visit, dark: bool) -> None:
    page = visit("linked", dark=dark)
    draw_all(page)
    assert serious(page) == []
    open_drawer(page)
    assert serious(page) == []


def test_the_default_page(visit: Visit, finished: tuple[Path, Path]) -> None:
    page = visit(finished[0] / "reports" / "phases.html")
    draw_all(page)
    assert serious(page) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["one cell and seed", "nothing converged", "rich", "no curves", "long names"]
)
def test_other_pages_on_a_phone(visit: Visit, name: str) -> None:
    page = visit(name, width=390)
    draw_all(page)
    open_drawer(page)
    assert serious(page) == []
