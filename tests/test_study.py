"""Studies: what `landscape init` creates, what `landscape upgrade` changes, and the wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from landscape_catalog.commands.init import init_study
from landscape_catalog.commands.plan import describe_plan
from landscape_catalog.commands.presets import find_preset, preset_text
from landscape_catalog.commands.schemas import schema_files
from landscape_catalog.commands.study_files import TEMPLATES, template
from landscape_catalog.commands.upgrade import upgrade_study
from landscape_catalog.errors import (
    LandscapeError,
    RecipesError,
    SpecError,
    StorageError,
    UserError,
)
from landscape_catalog.experiment.reading import read_experiment
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.aggregate.stage import run_aggregate
from landscape_catalog.pipeline.measure.stage import run_measure
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.report.stage import run_report
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.pipeline.train.stage import run_train
from landscape_catalog.schema.identity import RECIPES
from landscape_catalog.store.recipes_file import installed_recipes, is_study
from tests.conftest import ROOT

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "t"), ("EMAIL", "t@example.org"))
}
OPENERS = [describe_plan, run_prepare, run_train, run_measure, run_aggregate, run_report]
STAGES = ["prepare", "train", "measure", "aggregate", "report"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A freshly created study; tests that modify it use `study`."""
    folder = tmp_path_factory.mktemp("new") / "a study"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in IDENTITY.items():
            patch.setenv(name, value)
        init_study(folder)
    yield folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "study")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def change_recipes(study: Path, **changes: Any) -> None:
    path = study / "recipes.json"
    content = json.loads(path.read_text())
    recipes = {**content["recipes"], **changes.pop("recipes", {})}
    path.write_text(json.dumps({**content, **changes, "recipes": recipes}))


# Creation


def test_a_study_is_a_committed_repository(made: Path) -> None:
    tracked = set(git(made, "ls-files").split())
    made_by_dvc = {".dvc/.gitignore"}
    assert tracked == {
        *TEMPLATES.values(),
        *made_by_dvc,
        "recipes.json",
        "schemas/experiment.schema.json",
    }
    assert git(made, "status", "--porcelain") == ""
    assert git(made, "rev-list", "--count", "HEAD").strip() == "1"
    assert [path.name for path in made.parent.iterdir()] == [made.name], "something is left over"


def test_its_experiment_is_the_default_one(made: Path) -> None:
    assert read_experiment(made / "params.yaml") == read_experiment(ROOT / "params.yaml")
    assert open_workspace(made).grid.runs == open_workspace(ROOT).grid.runs


def test_its_editor_finds_the_schema(made: Path) -> None:
    first_line = (made / "params.yaml").read_text().splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first_line)
    assert named is not None
    schema = (made / named[1]).read_text()
    assert schema == schema_files()["experiment.schema.json"]


def test_its_recipes_are_those_installed(made: Path) -> None:
    installed = installed_recipes()
    content = json.loads((made / "recipes.json").read_text())
    assert content == {"version": installed.version, "recipes": installed.recipes}


def test_its_readme_names_commands_and_is_short(made: Path) -> None:
    text = (made / "README.md").read_text()
    assert len(text.splitlines()) <= 15
    assert {"landscape plan", "dvc repro", "landscape upgrade"} <= set(
        re.findall(r"(?:dvc|landscape) (?:plan|repro|upgrade)", text)
    )


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("params.yaml", "params.yaml"),
        ("dvcignore", ".dvcignore"),
        ("gitattributes", ".gitattributes"),
        ("mine/README.md", "mine/README.md"),
        ("dvc/config", ".dvc/config"),
        ("dvc/plots/cells.json", ".dvc/plots/cells.json"),
        ("dvc/plots/logarithmic.json", ".dvc/plots/logarithmic.json"),
    ],
)
def test_templates_equal_the_files_of_the_project(name: str, ours: str) -> None:
    assert template(name) == (ROOT / ours).read_text(), "run `make schemas`"


def test_its_stages_equal_those_of_the_project_except_for_the_code() -> None:
    """`recipes.json` replaces the package's source."""
    ours, theirs = load((ROOT / "dvc.yaml").read_text()), load(template("stages.yaml"))
    assert list(theirs["stages"]) == list(ours["stages"]) == STAGES
    for name, stage in ours["stages"].items():
        outside = [dep for dep in stage["deps"] if not dep.startswith("landscape_catalog/")]
        assert sorted(theirs["stages"][name].pop("deps")) == sorted([*outside, "recipes.json"])
        del stage["deps"]
    assert theirs == ours


def test_a_preset_replaces_the_default_experiment(tmp_path: Path) -> None:
    init_study(tmp_path / "study", "fig03-lr-decay", "smoke")
    text = (tmp_path / "study" / "params.yaml").read_text()
    assert text == preset_text(find_preset("fig03-lr-decay"), "smoke")
    assert open_workspace(tmp_path / "study").grid.cells
    init_study(tmp_path / "at paper", "fig03-lr-decay")
    text = (tmp_path / "at paper" / "params.yaml").read_text()
    assert text == preset_text(find_preset("fig03-lr-decay"), "paper")


def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Including the current folder, which must not be replaced under the shell."""
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    said = init_study(Path())
    assert "cd " not in said
    assert tmp_path.stat().st_ino == before
    assert (tmp_path / ".git").is_dir()
    assert not list(tmp_path.glob(".tmp-*"))
    assert open_workspace(tmp_path).grid.runs


def test_parent_folders_are_created(tmp_path: Path) -> None:
    assert "cd " in init_study(tmp_path / "one" / "two")
    assert (tmp_path / "one" / "two" / "dvc.yaml").is_file()


def test_without_a_git_identity_nothing_is_committed_and_a_message_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*IDENTITY, "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    said = init_study(tmp_path / "study")
    assert "staged but not committed" in said
    assert "user.email" in said
    assert "dvc.yaml" in git(tmp_path / "study", "diff", "--cached", "--name-only")


def test_init_within_a_git_hook(made: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Git sets variables that point hooks to their repository; the study must ignore them."""
    monkeypatch.setenv("GIT_DIR", str(made / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(made / ".git" / "index"))
    init_study(tmp_path / "study")
    assert (tmp_path / "study" / ".git" / "index").is_file()


# Refusals


def refusal(folder: Path, *words: Any, kind: type[LandscapeError] = SpecError) -> str:
    """The single message of a refusal, which must leave everything unchanged."""
    before = sorted(path for path in folder.parent.rglob("*"))
    with pytest.raises(kind) as error:
        init_study(folder, *words)
    assert sorted(path for path in folder.parent.rglob("*")) == before
    return str(error.value)


def test_existing_files_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    said = refusal(folder)
    assert f"{folder}: got a folder that is not empty; allowed: a new or empty folder" in said
    assert "got a file" in refusal(folder / "notes.txt")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert "got a file" in refusal(tmp_path / "dangling")


def test_an_unknown_preset_and_a_scale_alone_are_refused(tmp_path: Path) -> None:
    assert "did you mean `fig03-lr-decay`?" in refusal(tmp_path / "study", "fig3")
    assert "--scale: got 'small'" in refusal(tmp_path / "study", None, "small")


def test_a_refusal_ends_with_code_2_and_one_message(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "landscape_catalog", "init", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert re.fullmatch(r"landscape: landscape init:\n  \.: got .*; allowed: .*\n", done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("notes.txt/study", "there is a file where a folder is needed"),
        ("x" * 300, "file name too long"),
        ("new/" + "x" * 300, "file name too long"),
    ],
)
def test_a_folder_that_cannot_be_created(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError) as error:
        init_study(tmp_path / name)
    assert str(error.value) == f"landscape init: cannot create {tmp_path / name}: {reason}"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a file system of Linux")
@pytest.mark.parametrize("folder", ["/proc/foo", "/proc/foo/bar"])
def test_a_file_system_without_new_folders(folder: str) -> None:
    with pytest.raises(StorageError) as error:
        init_study(Path(folder))
    reason = "the file system does not allow new folders there"
    assert str(error.value) == f"landscape init: cannot create {folder}: {reason}"


@pytest.mark.parametrize("name", ["study", "a folder/study"])
def test_init_in_another_repository_says_so(name: str, tmp_path: Path) -> None:
    """It stays a repository of its own, since DVC would need its root to be that of Git."""
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    said = init_study(outer / name)
    assert f"It lies within the Git repository {outer}, " in said
    assert git(outer / name, "rev-parse", "--show-toplevel").strip() == str(outer / name)
    assert "within the Git repository" not in init_study(tmp_path / "study")


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    said = refusal(tmp_path / "study", kind=UserError)
    assert "`git` was not found" in said


@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_nothing_behind(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    broken = tools / "git"
    broken.write_text('#!/bin/sh\n[ "$1" = add ] && echo no room >&2 && exit 3\nexec "$GIT" "$@"\n')
    broken.chmod(0o755)
    monkeypatch.setenv("GIT", shutil.which("git") or "")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "home" / "study"
    (folder if there else folder.parent).mkdir(parents=True)
    said = refusal(folder, kind=LandscapeError)
    assert "`git add --all` failed: no room" in said


# Other versions


@pytest.mark.parametrize("opens", OPENERS, ids=lambda function: function.__name__)
def test_another_version_stops_every_stage(opens: Callable[[Path], Any], study: Path) -> None:
    change_recipes(study, version="0.0.1")
    with pytest.raises(RecipesError, match=r"version 0\.0\.1 -> .*`landscape upgrade`") as error:
        opens(study)
    assert error.value.exit_code == 2
    assert not (study / "data").exists()


def test_another_recipe_stops_a_stage(study: Path) -> None:
    change_recipes(study, recipes={"curve_fit": 1, "former": 1})
    content = json.loads((study / "recipes.json").read_text())
    del content["recipes"]["distance"]
    (study / "recipes.json").write_text(json.dumps(content))
    with pytest.raises(RecipesError) as error:
        open_workspace(study)
    curve_fit = installed_recipes().recipes["curve_fit"]
    assert f"recipe curve_fit 1 -> {curve_fit}" in str(error.value)
    assert "recipe distance is new, recipe former is removed" in str(error.value)
    assert "version" not in str(error.value).split(". ")[0]


def test_a_raised_recipe_stops_stages_until_the_study_is_upgraded(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a new version of the package were installed."""
    runs = open_workspace(study).grid.runs
    former = RECIPES["phases"]
    monkeypatch.setitem(RECIPES, "phases", former + 1)
    with pytest.raises(RecipesError, match=f"recipe phases {former} -> {former + 1}"):
        open_workspace(study)
    upgrade_study(study)
    assert open_workspace(study).grid.runs == runs, "a rule of phases changes no run"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": "1", "recipes": {"a": "x"}}', "<<<", '{"a": ' * 5000]
)
def test_a_damaged_file_stops_a_stage_and_is_upgraded(text: str, study: Path) -> None:
    path = study / "recipes.json"
    path.write_text(text)
    with pytest.raises(RecipesError, match="`landscape upgrade`"):
        open_workspace(study)
    upgrade_study(study)
    assert path.read_text() == installed_recipes().text()
    open_workspace(study)


@pytest.mark.parametrize("opens", OPENERS, ids=lambda function: function.__name__)
def test_a_missing_file_stops_every_stage(opens: Callable[[Path], Any], study: Path) -> None:
    """The stages depend on it, so it has been deleted."""
    (study / "recipes.json").unlink()
    with pytest.raises(RecipesError, match=r"^recipes\.json is missing.*git restore") as error:
        opens(study)
    assert "`landscape upgrade`" in str(error.value)
    assert error.value.exit_code == 2
    assert not (study / "data").exists()


def test_a_missing_file_is_written_by_an_upgrade(study: Path) -> None:
    (study / "recipes.json").unlink()
    assert "recipes.json: written" in upgrade_study(study)
    assert git(study, "status", "--porcelain") == ""
    assert open_workspace(study).grid.runs


@pytest.mark.parametrize(
    ("stages", "depends"),
    [
        (None, False),
        ("", False),
        ("stages: {}", False),
        ("# recipes.json\nstages: {a: {cmd: b}}", False),
        ("stages: {a: {cmd: b, deps: [data, other/recipes.json]}}", False),
        ("stages: {a: {cmd: b, outs: [recipes.json]}}", False),
        ("stages: [  # recipes.json", False),
        ("stages: 3  # recipes.json", False),
        ("stages: {a: 3}  # recipes.json", False),
        ("stages: {a: {cmd: b, deps: [data]}, c: {cmd: d, deps: [recipes.json]}}", True),
        ("stages: {a: {cmd: b, deps: [./recipes.json]}}", True),
        ("stages: {a: {foreach: [1], do: {cmd: b, deps: [recipes.json]}}}", True),
    ],
)
def test_a_project_whose_stages_depend_on_the_file_is_a_study(
    stages: str | None, depends: bool, tmp_path: Path
) -> None:
    if stages is not None:
        (tmp_path / "dvc.yaml").write_text(stages)
    assert is_study(Project(tmp_path)) == depends
    (tmp_path / "recipes.json").write_text("{}")
    assert is_study(Project(tmp_path))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "dvc.yaml cannot be read: it is a named pipe, not a regular file"),
        (Path.mkdir, "dvc.yaml cannot be read: it is a folder, not a regular file"),
        (lambda path: path.write_bytes(b"a: \xff"), r"dvc.yaml is not UTF-8 text \(byte 4\)"),
        (lambda path: path.write_text("stages: 3"), "dvc.yaml: it is not a mapping with `stages`"),
    ],
    ids=["pipe", "folder", "bytes", "number"],
)
def test_stages_that_cannot_be_upgraded(
    make: Callable[[Path], object], words: str, study: Path
) -> None:
    (study / "dvc.yaml").unlink()
    make(study / "dvc.yaml")
    with pytest.raises(UserError, match=words):
        upgrade_study(study)


def test_an_upgrade_goes_to_the_installed_version(study: Path) -> None:
    change_recipes(study, version="0.0.1", recipes={"curve_fit": 1})
    said = upgrade_study(study)
    assert "recipes.json: version 0.0.1 -> " in said
    assert "recipe curve_fit 1 -> " in said
    assert "dvc.yaml" not in said
    assert "schema" not in said
    assert git(study, "status", "--porcelain") == "", "it is as it was made"
    assert "already" in upgrade_study(study)


def test_an_upgrade_rewrites_stages_and_schema_and_keeps_user_files(study: Path) -> None:
    path, schema = study / "dvc.yaml", study / "schemas" / "experiment.schema.json"
    former = path.read_text().replace("[report]", "[report, load]").replace("data/runs", "runs")
    former += "  talk:\n    cmd: python talk.py  # figures for the talk\n    deps: [data/catalog]\n"
    path.write_text(former)
    schema.unlink()
    said = upgrade_study(study)
    assert "dvc.yaml: rewrote train, measure, aggregate, report;" in said
    assert "experiment.schema.json: rewritten" in said
    assert path.read_text().startswith(template("stages.yaml").rstrip())
    assert "# figures for the talk" in path.read_text()
    assert load(path.read_text())["stages"]["talk"] == load(former)["stages"]["talk"]
    assert (study / "dvc.yaml.bak").read_text() == former
    assert schema.is_file()
    assert "already" in upgrade_study(study)


def test_an_upgrade_keeps_dependencies_that_the_user_added(study: Path) -> None:
    path = study / "dvc.yaml"
    (study / "notes.txt").write_text("of the user")
    document = load(path.read_text())
    document["stages"]["train"]["deps"] += ["notes.txt", "gone.txt"]
    document["stages"]["train"]["cmd"] = "landscape train # of an earlier version"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    assert "dvc.yaml: rewrote train;" in upgrade_study(study)
    expected = load(template("stages.yaml"))["stages"]
    expected["train"]["deps"].append("notes.txt")
    assert load(path.read_text())["stages"] == expected
    assert "already" in upgrade_study(study)


def test_an_upgrade_adds_attributes_and_keeps_those_of_the_user(study: Path) -> None:
    path = study / ".gitattributes"
    path.unlink()
    assert ".gitattributes: written" in upgrade_study(study)
    assert git(study, "status", "--porcelain") == ""
    path.write_text("* -text\n")
    assert "already" in upgrade_study(study)
    assert path.read_text() == "* -text\n"


def test_an_upgrade_restores_missing_stages(study: Path) -> None:
    (study / "dvc.yaml").unlink()
    assert "dvc.yaml: written" in upgrade_study(study)
    assert git(study, "status", "--porcelain") == ""


@pytest.mark.parametrize("text", ["stages: [", "[]", "stages: 3"])
def test_unreadable_stages_are_left_alone(text: str, study: Path) -> None:
    change_recipes(study, version="0.0.1")
    (study / "dvc.yaml").write_text(text)
    with pytest.raises(UserError, match=r"dvc\.yaml"):
        upgrade_study(study)
    assert (study / "dvc.yaml").read_text() == text
    assert json.loads((study / "recipes.json").read_text())["version"] == "0.0.1"


def test_this_project_is_not_a_study() -> None:
    assert not (ROOT / "recipes.json").exists()
    with pytest.raises(UserError, match=r"there is no recipes\.json here"):
        upgrade_study(ROOT)


# From the wheel

TINY = """\
dataset: {name: digits, test_samples: 100}
model: {name: resnet18}
load: {width: [2], samples: 64}
temperature: {batch_size: 16, lr: 0.05}
train: {epochs: 20, seeds: 2}
measure:
  hessian: {samples: 16, max_iterations: 2}
  connectivity: {epochs: 1, batch_size: 64, points: 3}
  similarity: {samples: 32}
classify: {}
report: {title: From the wheel}
execution: {device: cpu, workers: 1}
variants: {}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the files that it needs."""
    base = tmp_path_factory.mktemp("wheel")
    source = base / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "landscape_catalog", source / "landscape_catalog", ignore=ignored)
    pip(base, "wheel", str(source), "--no-build-isolation", "-w", str(base))
    (built,) = base.glob("*.whl")
    return built


def pip(folder: Path, command: str, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", command, "-q", "--no-deps"]
        + list(words),
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )


def test_the_wheel_contains_every_file_of_the_package(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in name}
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "landscape_catalog").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == files


@pytest.mark.slow
def test_a_study_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Install, init, refuse another version, upgrade, and run `dvc repro` up to the report."""
    installed, folder = tmp_path / "installed", tmp_path / "a study"
    pip(tmp_path, "install", "--target", str(installed), str(wheel))
    commands = [installed / "bin", Path(sys.executable).parent, os.environ["PATH"]]
    environment = {
        **os.environ,
        **IDENTITY,
        "PYTHONPATH": str(installed),
        "PATH": os.pathsep.join(map(str, commands)),
        "LANDSCAPE_STORE": str(tmp_path / "store"),
        "DVC_NO_ANALYTICS": "1",
    }

    def run(*words: str, code: int | None = 0, cwd: Path = folder) -> str:
        done = subprocess.run(
            words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
        )
        output = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{output}"
        return output

    run("landscape", "init", str(folder), cwd=tmp_path)
    where = run(sys.executable, "-c", "import landscape_catalog as lc; print(lc.__file__)").strip()
    assert Path(where).is_relative_to(installed), "the checkout runs, not the wheel"
    assert Path(shutil.which("landscape", path=environment["PATH"]) or "").is_relative_to(installed)

    (folder / "params.yaml").write_text(TINY)
    change_recipes(folder, version="0.0.1")
    assert "`landscape upgrade`" in run("landscape", "train", code=2)
    assert "version 0.0.1 -> " in run("landscape", "upgrade")
    run("dvc", "repro")
    assert "From the wheel" in (folder / "reports" / "phases.html").read_text()
    (phases,) = json.loads(run("landscape", "sql", "--format", "json", "FROM phases"))
    assert phases["phase"] in ("I", "II", "III", "IV-A", "IV-B"), phases

    assert json.loads(run("dvc", "status", "--json")) == {}
    change_recipes(folder, version="0.0.1")
    assert sorted(json.loads(run("dvc", "status", "--json"))) == sorted(STAGES)


@pytest.mark.parametrize("is_set", [True, False])
def test_an_upgrade_says_which_default_measures_anew(is_set: bool, study: Path) -> None:
    path = study / "params.yaml"
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if is_set or not line.startswith("  batch_norm:")]
    assert "batch_norm: false" in "".join(kept), "a comment names the argument of VGG"
    path.write_text("".join(kept))
    (study / "recipes.json").unlink()
    assert ("measure.batch_norm is not set" in upgrade_study(study)) != is_set
    assert "already" in upgrade_study(study)
