"""Files for those who carry on: they agree with the package and with each other."""

from __future__ import annotations

import os
import re
import tomllib
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def load(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text())


def test_the_citation_is_of_this_version(project: dict[str, Any]) -> None:
    citation = load("CITATION.cff")
    assert citation["title"] == project["name"]
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == project["license"]


def test_the_paper_is_cited_as_in_the_readme() -> None:
    (paper,) = load("CITATION.cff")["references"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    names = [f"{author['given-names']} {author['family-names']}" for author in paper["authors"]]
    assert f"{', '.join(names)}: *{paper['title']}*, NeurIPS {paper['year']}" in readme
    assert f"({paper['url']})" in readme


def test_the_changelog_starts_with_what_is_unreleased_and_has_this_version(
    project: dict[str, Any],
) -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == project["version"]


def test_the_workflow_calls_the_same_checks(project: dict[str, Any]) -> None:
    steps = load(".github/workflows/ci.yml")["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]
    (version,) = [step["with"]["python-version"] for step in steps if "with" in step]
    assert project["requires-python"] == f">={version}"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_rooms_are_named_in_the_guide() -> None:
    """Every room of the package, so that a new one is given its place in the order."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    order = guide.split("## Where things go")[1].split("\n\n")[1]
    rooms = {p.parent.name for p in (ROOT / "landscape_catalog").glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"`(\w+)`", order))


def test_what_the_guide_names_is_there() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    targets = re.findall(r"(?:^|`)make (\w+)", guide, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert {"test", "schemas", "bench"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", guide):
        assert (ROOT / link).exists(), link
