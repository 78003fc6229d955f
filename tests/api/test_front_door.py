"""What `import landscape_catalog` offers, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import landscape_catalog as lc
from tests.conftest import ROOT

PUBLIC = [
    "Catalog",
    "Classification",
    "Data",
    "Estimate",
    "Experiment",
    "Perturbation",
    "Samples",
    "Task",
    "__version__",
    "cka",
    "classify",
    "errors",
    "estimates",
    "evaluate",
    "hessian",
    "l2_distance",
    "line_barrier",
    "mode_connectivity",
    "open_catalog",
    "spectral_density",
]
HEAVY = ("torch", "polars", "duckdb", "altair", "dvc", "numpy", "pydantic", "sklearn")


def test_the_public_names_are_these() -> None:
    """A new name is public for good: add it here, to docs/python.md, and on purpose."""
    assert sorted(lc.__all__) == PUBLIC
    assert dir(lc) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(lc, name)
    assert getattr(value, "__doc__", None)
    page = (ROOT / "docs" / "python.md").read_text()
    assert f"lc.{name}" in page or f"`{name}`" in page


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="curvature"):
        lc.curvature  # noqa: B018


def test_the_version_is_the_package_s() -> None:
    written = f'version = "{lc.__version__}"'
    assert written in (ROOT / "pyproject.toml").read_text()


def loaded_by(code: str) -> set[str]:
    """Packages that a fresh interpreter has loaded after some code."""
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_importing_loads_nothing_heavy() -> None:
    assert loaded_by("import landscape_catalog") & set(HEAVY) == set()


def test_a_name_loads_what_it_needs() -> None:
    assert "torch" in loaded_by("from landscape_catalog import hessian")
    assert "torch" not in loaded_by("from landscape_catalog import Estimate, classify")


def test_neither_the_catalog_nor_an_experiment_loads_torch_before_a_network_does() -> None:
    code = (
        "import landscape_catalog as lc\nlc.open_catalog\nlc.Experiment.load('params.yaml').cells"
    )
    assert "torch" not in loaded_by(code)
