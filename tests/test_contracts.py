"""Generated files are up to date, public names are complete, documented things exist."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
from pathlib import Path
from types import FunctionType

import jsonschema
import pytest
from ruamel.yaml import YAML

from landscape_catalog.cli import app
from landscape_catalog.commands.schemas import schema_files
from landscape_catalog.errors import SpecError
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.reading import parse_experiment
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.runner.registry import EXECUTORS
from tests.conftest import ROOT

PURE = ("metrics", "models", "tasks", "training", "graphs", "phases")
FORBIDDEN = {"dvc", "duckdb", "polars", "altair", "typer", "pathlib", "os", "ruamel"}


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_schemas_are_up_to_date(name: str) -> None:
    assert (ROOT / "schemas" / name).read_text() == schema_files()[name], "run `make schemas`"


FUNCTIONS = ("good:network", "package.module:Class.method")
NOT_FUNCTIONS = ("abc", "abc:", ":abc", "a b:c", "1a:b", "a:b:c")
# Names in params.yaml: path in the experiment, names that the schema accepts, names that it refuses.
NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dataset.name": (("digits", "cifar10", *FUNCTIONS), ("digit", *NOT_FUNCTIONS)),
    "dataset.task": (("auto", "translation", *FUNCTIONS), ("regression", *NOT_FUNCTIONS)),
    "model.name": (("resnet18", "vgg11", *FUNCTIONS), ("resnet", *NOT_FUNCTIONS)),
    "measure.custom.0.function": (FUNCTIONS, NOT_FUNCTIONS),
    "report.panels.0": (
        ("cka", "train_loss", "n_epochs", "custom.sharpness.increase"),
        ("foo", "", "custom", "custom.a", "custom.a.b.c", "custom.1.a", "customs.a.b"),
    ),
    "execution.engine": (tuple(EXECUTORS), ("zz", "threads", "")),
}


@pytest.mark.parametrize("path", NAMES)
def test_the_schema_accepts_the_names_that_the_experiment_accepts(path: str) -> None:
    validator = jsonschema.Draft202012Validator(
        json.loads(schema_files()["experiment.schema.json"])
    )

    def errors(name: str) -> list[str]:
        content = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
        metric = {"name": "mine", "scope": "run", "function": "good:metric"}
        content["measure"]["custom"], content["report"]["panels"] = [metric], ["cka", "trace"]
        *parents, key = (int(part) if part.isdigit() else part for part in path.split("."))
        section = content
        for parent in parents:
            section = section[parent]
        section[key] = name
        found = [error.json_path for error in validator.iter_errors(content)]
        if path != "execution.engine":  # which is looked up when a stage starts
            try:
                parse_experiment(json.dumps(content))
            except SpecError:
                assert found, name
            else:
                assert not found, name
        return found

    accepted, refused = NAMES[path]
    assert {name: errors(name) for name in accepted} == {name: [] for name in accepted}
    assert all(errors(name) for name in refused)


def test_the_schema_refuses_a_panel_that_is_listed_twice() -> None:
    panels = json.loads(schema_files()["experiment.schema.json"])["$defs"]["Report"]["properties"]
    validator = jsonschema.Draft202012Validator(panels["panels"])
    assert validator.is_valid(["cka", "trace"])
    assert validator.is_valid(None)
    assert not validator.is_valid(["cka", "cka"])
    assert not validator.is_valid([])


def test_no_schema_is_obsolete() -> None:
    assert {path.name for path in (ROOT / "schemas").iterdir()} == set(schema_files())


def test_every_field_is_described() -> None:
    def undescribed(schema: dict, where: str = "") -> list[str]:
        found = []
        for name, part in schema.get("properties", {}).items():
            if "description" not in part:
                found.append(f"{where}.{name}")
        for name, part in schema.get("$defs", {}).items():
            found += undescribed(part, name)
        return found

    for name, text in schema_files().items():
        if name.endswith(".json"):
            assert undescribed(json.loads(text)) == []


def test_the_default_experiment_names_every_parameter_with_a_comment() -> None:
    text = (ROOT / "params.yaml").read_text()
    assert text.splitlines()[0] == "# yaml-language-server: $schema=schemas/experiment.schema.json"
    data = YAML(typ="safe").load(text)

    def keys(model: type, part: dict, path: str) -> None:
        for name, field in model.model_fields.items():
            assert name in part, f"{path}{name} is not in params.yaml"
            if hasattr(field.annotation, "model_fields"):
                keys(field.annotation, part[name], f"{path}{name}.")

    keys(Experiment, data, "")
    values = [line for line in text.splitlines() if re.match(r"\s+\w+: \S", line)]
    assert [line for line in values if "#" not in line] == []


def test_the_size_of_the_default_grid() -> None:
    grid = open_workspace(ROOT).grid
    sizes = {axis.path: len(axis.values) for axis in grid.axes}
    assert sizes["load.width"] >= 4
    assert sizes["temperature.batch_size"] >= 4
    assert len(grid.runs) >= 32


def test_stages_in_dvc_are_commands_and_their_dependencies_exist() -> None:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    commands = {command.callback.__name__ for command in app.registered_commands}
    for name, stage in stages.items():
        assert stage["cmd"] == f"landscape {name}"
        assert name in commands
        for path in stage["deps"]:
            assert path.startswith("data/") or (ROOT / path).exists(), path


def test_file_names_are_composed_without_touching_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def touched(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"the disk was accessed: {args}")

    project = Project(Path("/nowhere"))
    with monkeypatch.context() as patch:
        for name in ("stat", "lstat", "open", "listdir", "scandir", "mkdir", "access", "readlink"):
            patch.setattr(os, name, touched)
        for name, value in vars(Project).items():
            if isinstance(value, property):
                assert isinstance(getattr(project, name), Path)
        assert project.shown(project.runs) == "data/runs"


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_touch_no_files_and_no_services(room: str) -> None:
    for path in (ROOT / "landscape_catalog" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & FORBIDDEN, path


@pytest.mark.parametrize(
    "module", ["tasks", "training", "phases", "catalog", "datasets", "reports"]
)
def test_exports_exist_and_are_documented(module: str) -> None:
    loaded = importlib.import_module(f"landscape_catalog.{module}")
    assert loaded.__all__ == sorted(
        loaded.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    for name in loaded.__all__:
        item = getattr(loaded, name)
        assert not isinstance(item, (type, FunctionType)) or item.__doc__, name


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in app.registered_commands:
        assert f"landscape {command.callback.__name__}" in readme


def test_links_in_documents_resolve() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_no_document_contains_a_local_path() -> None:
    for path in Path(ROOT).rglob("*.md"):
        if ".venv" not in path.parts:
            assert "/home/" not in path.read_text()


def imported_files(start: Path) -> set[Path]:
    """Files of the package that a module imports, directly or indirectly, anywhere in its code."""
    package, found, todo = ROOT / "landscape_catalog", set(), [start]
    while todo:
        path = todo.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "landscape_catalog"
            ):
                base = package.joinpath(*node.module.split(".")[1:])
                todo += [base.with_suffix(".py"), base / "__init__.py"]
                todo += [base / f"{alias.name}.py" for alias in node.names]
                todo += [base / alias.name / "__init__.py" for alias in node.names]
    return found


@pytest.mark.parametrize("stage", ["prepare", "train", "measure", "aggregate", "report"])
def test_a_stage_depends_on_the_code_that_it_uses(stage: str) -> None:
    known = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"][stage]["deps"]
    neutral = {"errors.py", "paths.py", "machine.py", "regular.py", "__init__.py", "_lazy.py"}
    for path in imported_files(ROOT / "landscape_catalog" / "pipeline" / stage / "stage.py"):
        name = path.relative_to(ROOT).as_posix()
        covered = any(
            name == dependency or name.startswith(f"{dependency}/") for dependency in known
        )
        assert covered or path.name in neutral, (
            f"{stage} uses {name}, which is not a dependency in dvc.yaml"
        )


def test_documents_state_the_numbers_of_the_default_experiment() -> None:
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    readme, thresholds = (
        (ROOT / "README.md").read_text(),
        (ROOT / "docs" / "thresholds.md").read_text(),
    )
    rule, curve = params["classify"], params["measure"]["connectivity"]
    edge = 2 * (1 + params["train"]["momentum"]) / params["temperature"]["lr"]
    assert rule["hessian"]["threshold"] == pytest.approx(edge, abs=0.05)
    assert f"top eigenvalue {rule['hessian']['threshold']:g}**" in readme
    assert f"training loss, {rule['train_loss']:g}**" in readme
    assert f"CKA, {rule['cka']['threshold']:g}**" in readme
    assert f"{params['train']['epochs']} epochs, five seeds" in readme
    assert f"/ {params['temperature']['lr']:g} = {rule['hessian']['threshold']:g}" in thresholds
    assert f"| epochs | {params['train']['epochs']} | 150 |" in thresholds
    assert (
        f"{curve['epochs']} epochs, batch size {curve['batch_size']}, lr {curve['lr']:g}"
        in thresholds
    )
    assert f"at most {params['measure']['hessian']['max_iterations']} iterations" in thresholds
