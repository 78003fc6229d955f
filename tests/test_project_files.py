"""Files for contributors: they agree with the package and with each other."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT

PACKAGE = ROOT / "landscape_catalog"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def load(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text())


def test_the_citation_matches_the_version(project: dict[str, Any]) -> None:
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


def test_the_changelog_starts_with_unreleased_changes_and_the_version(
    project: dict[str, Any],
) -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == project["version"]


def test_the_lock_file_lists_the_stages_of_today() -> None:
    stages, locked = load("dvc.yaml")["stages"], load("dvc.lock")["stages"]
    assert list(locked) == list(stages)
    for name, stage in stages.items():
        assert locked[name]["cmd"] == stage["cmd"]
        assert [entry["path"] for entry in locked[name]["deps"]] == sorted(stage["deps"]), name


def test_the_workflow_calls_the_same_checks(project: dict[str, Any]) -> None:
    steps = load(".github/workflows/ci.yml")["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]
    (version,) = [step["with"]["python-version"] for step in steps if "with" in step]
    assert project["requires-python"] == f">={version}"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def rooms_in_order() -> list[str]:
    """The rooms from top to bottom, as the guide lists them."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    order = guide.split("## Where things go")[1].split("\n\n")[1]
    return re.findall(r"`(\w+)(?:\.py)?`", order)


def test_rooms_are_named_in_the_guide() -> None:
    """Every room of the package, so that a new one gets its place in the order."""
    rooms = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    rooms |= {p.stem for p in PACKAGE.glob("*.py")} - {"__main__"}
    assert sorted(rooms_in_order()) == sorted(rooms)


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at the top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", rooms_in_order())
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    rank = {name: place for place, name in enumerate(rooms_in_order())}
    single = PACKAGE / f"{room}.py"
    files = [single] if single.exists() else list((PACKAGE / room).rglob("*.py"))
    assert files
    for path in files:
        for module in imported(path):
            package, _, rest = module.partition(".")
            other = rest.partition(".")[0]
            if package == PACKAGE.name and other in rank:
                assert rank[other] >= rank[room], f"{path.name} imports {module}"


def test_rooms_and_dependencies_are_described(project: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = text.partition("\n## Subpackages\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)(?:\.py)?`", rooms, re.MULTILINE) == rooms_in_order()
    table = text.partition("\n## Dependencies\n")[2].partition("\n## ")[0]
    described = re.findall(r"^\| ([\w., -]+) \|", table, re.MULTILINE)[1:]
    named = [name for row in described for name in row.split(", ")]
    extras = project["optional-dependencies"]
    entries = project["dependencies"] + [
        e for name in extras if name != "dev" for e in extras[name]
    ]
    needed = [re.match(r"[\w.-]+", entry)[0] for entry in entries]  # type: ignore[index]
    assert sorted(named) == sorted(needed)


def test_targets_and_links_of_the_guide_exist() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    targets = re.findall(r"(?:^|`)make (\w+)", guide, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert {"test", "schemas", "bench"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", guide):
        assert (ROOT / link).exists(), link
