"""One browser for all tests here, and a page of its own for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import Visits, chromium
from tests.reports.catalogs import page_of

Visit = Callable[..., Any]


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Closed after these tests: while it is open, its event loop runs in this thread."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a catalog's page, written once."""
    folder = tmp_path_factory.mktemp("pages")

    def file_of(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(page_of(name))
        return path

    return file_of


@pytest.fixture
def visit(browser: Any, written: Callable[[str], Path]) -> Iterator[Visit]:
    """Opens the page of a catalog or a file; nothing may be said on its console."""
    visits = Visits(browser)

    def open_page(name: str | Path, **settings: Any) -> Any:
        return visits.open(written(name) if isinstance(name, str) else name, **settings)

    yield open_page
    visits.close()
    assert visits.problems == []
