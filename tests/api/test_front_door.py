"""The names that `import landscape_catalog` provides, and the packages that it does not load."""

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
    "diagnose_checkpoints",
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


def test_public_names() -> None:
    """A public name has to stay, so add one only on purpose, here and to docs/python.md."""
    assert sorted(lc.__all__) == PUBLIC
    assert dir(lc) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    value = getattr(lc, name)
    assert getattr(value, "__doc__", None)
    page = (ROOT / "docs" / "python.md").read_text()
    assert f"lc.{name}" in page or f"`{name}`" in page


def test_an_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="curvature"):
        lc.curvature  # noqa: B018


def test_the_version_is_that_of_the_package() -> None:
    written = f'version = "{lc.__version__}"'
    assert written in (ROOT / "pyproject.toml").read_text()


def loaded_by(code: str) -> set[str]:
    """Packages that a fresh interpreter has loaded after running some code."""
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_importing_loads_no_heavy_package() -> None:
    assert loaded_by("import landscape_catalog") & set(HEAVY) == set()


def test_torch_is_loaded_only_for_names_that_need_it() -> None:
    assert "torch" in loaded_by("from landscape_catalog import hessian")
    assert "torch" not in loaded_by("from landscape_catalog import Estimate, classify")


def test_opening_a_catalog_or_an_experiment_does_not_load_torch() -> None:
    code = (
        "import landscape_catalog as lc\nlc.open_catalog\nlc.Experiment.load('params.yaml').cells"
    )
    assert "torch" not in loaded_by(code)
