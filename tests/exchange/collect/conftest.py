"""A study whose `main` has no catalog yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exchange.collect.studies import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "a study").start()
