"""Commands find their project from any folder in it, and the shared store relative to it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from landscape_catalog.cli import app
from landscape_catalog.commands import STAGES
from landscape_catalog.commands.preset_app import presets
from landscape_catalog.commands.project_root import find_project
from landscape_catalog.commands.study_files import template
from landscape_catalog.errors import UserError
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.store.location import store_root
from tests.conftest import ROOT, TINY_PARAMS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with another one in a subfolder, and a subfolder with only one of the files."""
    for folder in ("outer", "outer/custom/deep/er", "outer/inner/data", "outer/half"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("outer", "outer/inner"):
        (tmp_path / folder / "params.yaml").write_text(TINY_PARAMS)
        (tmp_path / folder / "dvc.yaml").write_text(template("stages.yaml").replace("recipes", "x"))
    (tmp_path / "outer" / "half" / "params.yaml").write_text("{}")
    (tmp_path / "outer" / "study" / "custom").mkdir(parents=True)
    for name in ("params.yaml", "recipes.json"):
        (tmp_path / "outer" / "study" / name).write_text("{}")
    (tmp_path / "outer" / "study without params" / "custom").mkdir(parents=True)
    for name in ("dvc.yaml", "recipes.json"):
        (tmp_path / "outer" / "study without params" / name).write_text("{}")
    return tmp_path / "outer"


@pytest.mark.parametrize(
    ("start", "root"),
    [
        (".", "."),
        ("custom", "."),
        ("custom/deep/er", "."),
        ("half", "."),
        ("inner", "inner"),
        ("inner/data", "inner"),
        ("study/custom", "study"),
        ("study without params/custom", "study without params"),
        ("..", None),
    ],
)
def test_the_nearest_project(start: str, root: str | None, project: Path) -> None:
    expected = None if root is None else (project / root).resolve()
    assert find_project((project / start).resolve()) == expected


OUTSIDE = [
    *([name] for name in sorted(STAGES)),
    ["phases"],
    ["facts"],
    ["claims"],
    ["plan"],
    ["status"],
    ["upgrade"],
    ["preset", "use", "fig02-standard"],
    ["sql", "SELECT 1"],
    ["sql", "-"],
    ["sql"],
    ["report", "--source", "somebody"],
    ["report", "--compare", "current", "somebody"],
    ["report", "--index"],
    ["figure"],
    ["figure", "phases", "--layout", "paper"],
    ["collect"],
    ["schemas"],
]
ANYWHERE = [
    ["preset", "list"],
    ["preset", "show", "fig02-standard"],
    ["preset", "table"],
    ["schemas", "folder of schemas"],
    ["init", "study"],
]


def test_outside_any_project_commands_say_so_and_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file of the two is no project: another program's `dvc.yaml`, a copied `params.yaml`."""
    names = {
        (*group, command.name or command.callback.__name__)  # type: ignore[union-attr]
        for group, typer_app in (((), app), (("preset",), presets))
        for command in typer_app.registered_commands
    }
    asked = {tuple(words[: 2 if words[0] == "preset" else 1]) for words in OUTSIDE + ANYWHERE}
    assert asked == names
    for file in (None, "params.yaml", "dvc.yaml"):
        folder = tmp_path / f"with {file}"
        folder.mkdir()
        if file is not None:
            (folder / file).write_text("{}")
        monkeypatch.chdir(folder)
        for words in OUTSIDE:
            result = CliRunner().invoke(app, words)
            assert isinstance(result.exception, UserError), (words, result.output)
            assert "there is no project here" in str(result.exception)
            assert "`landscape init FOLDER` creates one" in str(result.exception)
            assert result.exception.exit_code == 2
        assert [path.name for path in folder.iterdir()] == ([file] if file else [])
    for words in ANYWHERE:
        assert CliRunner().invoke(app, words).exit_code == 0, words


def test_commands_in_a_subfolder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSCAPE_STORE", "../store")
    cli = CliRunner()
    said = {}
    for folder in (".", "custom/deep"):
        monkeypatch.chdir(project / folder)
        done = [
            cli.invoke(app, words)
            for words in (["plan"], ["status"], ["preset", "show", "fig02-standard"])
        ]
        assert [result.exit_code for result in done] == [0, 0, 0]
        said[folder] = [result.output for result in done]
    assert said["."] == said["custom/deep"]
    assert "params.yaml.bak" in cli.invoke(app, ["preset", "use", "fig02-standard"]).output
    assert "Preset fig02-standard" in (project / "params.yaml").read_text()
    assert list((project / "custom" / "deep").iterdir()) == [project / "custom" / "deep" / "er"]
    assert cli.invoke(app, ["schemas"]).exit_code == 0
    assert (project / "schemas" / "catalog.sql").is_file()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("~", "{home}"),
        ("~/runs of mine", "{home}/runs of mine"),
        ("store", "{root}/store"),
        ("./store/", "{root}/store"),
        ("../store", "{parent}/store"),
        ("a/../b", "{root}/b"),
        ("/absolute/store", "/absolute/store"),
        ("data2", "{root}/data2"),
        (".", "{root}"),
    ],
)
def test_where_the_store_is(
    given: str, expected: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LANDSCAPE_STORE", given)
    monkeypatch.chdir(project / "custom")
    places = {"home": tmp_path / "home", "root": project, "parent": project.parent}
    assert store_root(Project(project)) == Path(expected.format(**places))
    assert store_root(Project(Path(".."))).is_absolute()


@pytest.mark.parametrize(
    "given",
    ["data", "./data/", "data/runs", "x/../data", "{root}/data", "custom", "mine/store", "link",
     "~no_such_user/store"],
)  # fmt: skip
def test_where_the_store_cannot_be(
    given: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stages clean up `data/`, and depend on `custom/` and `mine/`."""
    (project / "link").symlink_to("data")
    given = given.format(root=project)
    monkeypatch.setenv("LANDSCAPE_STORE", given)
    with pytest.raises(UserError) as error:
        open_workspace(project)
    assert str(error.value).startswith(f"LANDSCAPE_STORE: got {given!r}; allowed: ")
    assert not (project / "data").exists()


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name", [".gitattributes", "landscape_catalog/commands/templates/gitattributes"]
)
def test_git_rewrites_no_bytes_that_ids_contain(name: str, tmp_path: Path) -> None:
    """In a clone on a machine that converts line ends, as Git for Windows does."""
    contents = {
        "mine/pairs.de": b"eins\r\nzwei\n",
        "mine/deep/er/table.csv": b"1\r\n2\r\n",
        "custom/words.txt": b"a\r\nb\n",
        "custom/net.py": b"x = 1\n",
        "custom/package/part.py": b"y = 1\n",
        "params.yaml": b"a: 1\n",
    }
    source = tmp_path / "source"
    for path, content in contents.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(content)
    shutil.copy(ROOT / name, source / ".gitattributes")
    git(source, "init", "-q")
    git(source, "config", "core.autocrlf", "true")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "start")
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", "source", "clone")
    assert {path: (tmp_path / "clone" / path).read_bytes() for path in contents} == contents


@pytest.mark.parametrize("name", [".gitignore", "landscape_catalog/commands/templates/gitignore"])
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_git_ignores_data_also_as_a_link(name: str, kind: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "-q")
    shutil.copy(ROOT / name, source / ".gitignore")
    if kind == "link":
        (tmp_path / "disk").mkdir()
        (source / "data").symlink_to(tmp_path / "disk")
    else:
        (source / "data").mkdir()
    (source / "data" / "x").touch()
    assert git(source, "status", "--porcelain") == "?? .gitignore\n"
