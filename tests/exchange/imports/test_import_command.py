"""`landscape import` as a user calls it, and imports under Git and DVC."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from landscape_catalog.commands.ignored_files import upgraded_ignores
from tests.conftest import ROOT, run
from tests.exchange.imports.sources import write_table, write_yang, write_zhou, write_zoo

IGNORED = ["/data", "!/data/", "/data/?*", "!/data/imports/", "/data/imports/?*", "!/data/imports/*.dvc"]  # fmt: skip


def called(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "landscape_catalog", "import", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        (folder / name).touch()
    return folder


def test_what_the_command_says(project: Path, tmp_path: Path) -> None:
    """From a folder below the project's, with a path of its own."""
    (project / "below").mkdir()
    write_zhou(project / "below" / "grid.csv")
    done = called(project / "below", "zhou2024", "grid.csv", "--name", "small", "--label-noise", "0.1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "small: imported, from grid.csv (Zhou et al. 2024)"
    assert lines[1] == ("  cells    4: load.width (2 values) × temperature.batch_size (2 values)")
    assert lines[2] == "  runs     none, only means over 20 runs"
    assert lines[4] == "  in       data/imports/small"
    assert lines[5].startswith("  settings imports/small.yaml (written)")
    assert lines[6:9] == [
        "  the source lacks",
        "    single runs and pairs, and how numbers vary over them",
        "    learning rate, weight decay and schedule",
    ]
    assert lines[-4:] == [
        "Next:",
        "  landscape report --source small",
        '  landscape sql --source small "SELECT phase, count(*) FROM cells GROUP BY phase"',
        "  dvc add data/imports/small && git add data/imports/small.dvc imports/small.yaml",
    ]
    assert (project / "data" / "imports" / "small" / "manifest.json").is_file()


def test_every_format_has_a_command_and_a_default_name(project: Path, tmp_path: Path) -> None:
    table, columns = write_table(tmp_path)
    sources = {
        "yang2021": [write_yang(tmp_path / "results.tar.gz")],
        "zhou2024": [write_zhou(tmp_path / "grid.csv")],
        "table": [table, "--map", columns],
        "zoo": [write_zoo(tmp_path / "zoo")],
    }
    for form, words in sources.items():
        done = called(project, form, *map(str, words))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{form}: imported, from ")
    assert {path.name for path in (project / "data" / "imports").iterdir()} == set(sources)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["zhou2024", "none.csv"], "landscape: there is no file none.csv"),
        (["zhou2024", "grid.csv", "--name", "current"], "landscape: --name: got 'current'"),
        (["zhou2024", "grid.csv", "--label-noise", "2"], "Invalid value for '--label-noise'"),
        (["yang2021", "grid.csv"], "landscape: grid.csv is not read: it is"),
        (["table", "grid.csv"], "Missing option '--map'"),
        (["table", "grid.csv", "--map", "none.yaml"], "none.yaml:\n  (file): got no file"),
        (["zoo", "none"], "landscape: there is no folder none"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(
    words: list[str], message: str, project: Path
) -> None:
    write_zhou(project / "grid.csv")
    done = called(project, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "data").exists()
    assert not (project / "imports").exists()


def test_starting_the_command_line_imports_no_importer() -> None:
    code = "import sys, landscape_catalog.cli; print('landscape_catalog.exchange' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", [".gitignore", "landscape_catalog/commands/templates/gitignore"])
def test_the_ignored_files(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if line.lstrip("!").startswith("/data")] == IGNORED
    assert "/reports/other/" in lines


@pytest.mark.parametrize("name", [".gitignore", "landscape_catalog/commands/templates/gitignore"])
def test_dvc_sees_the_dvc_file_of_an_import(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Push, pull and garbage collection without a target take it in; Git sees nothing else."""
    from dvc.repo import Repo

    for variable in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    folder, cache = tmp_path / "repo", tmp_path / "repo" / ".dvc" / "cache"
    store = tmp_path / "store"
    held = folder / "data" / "imports" / "x" / "cells.parquet"
    hidden = ("data/catalog/c", "data/catalog/d.dvc", "data/e.dvc", "data/imports/loose",
              "data/imports/y/z.dvc", "reports/other/x.html", "reports/figures/x.svg")  # fmt: skip
    for path in (held, *(folder / one for one in hidden)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    shutil.copy(ROOT / name, folder / ".gitignore")
    run(folder, store, "git", "init", "-q")
    Repo.init(str(folder)).close()
    (folder / ".dvc" / "config").write_text(
        f"[core]\n    remote = there\n['remote \"there\"']\n    url = {tmp_path / 'there'}\n"
    )
    monkeypatch.chdir(folder)
    with Repo(str(folder)) as repo:
        repo.add("data/imports/x")
    assert under(folder, "data") == ["data/imports/x.dvc"]
    assert under(folder, "reports") == []
    run(folder, store, "git", "add", "-A")
    run(folder, store, "git", "commit", "-qm", "an import")
    with Repo(str(folder)) as repo:
        assert [stage.addressing for stage in repo.index.stages] == ["data/imports/x.dvc"]
        assert repo.push() == 2
        repo.gc(workspace=True)
        assert len([path for path in cache.rglob("*") if path.is_file()]) == 2
        shutil.rmtree(held.parent)
        repo.checkout()
        assert held.read_text() == "cells.parquet"
    shutil.rmtree(held.parent)
    shutil.rmtree(cache)
    with Repo(str(folder)) as repo:
        repo.pull()
    assert held.read_text() == "cells.parquet"


OURS = "\n".join(IGNORED)
EARLIER: dict[str, tuple[str, str]] = {
    "the first": ("/data\n", f"{OURS}\n"),
    "with a stroke": ("/x\n/data/  \n/y\n", f"/x\n{OURS}\n/y\n"),
    "only Git's": (
        "/x\n" + OURS.replace("?", "") + "\n/y",
        f"/x\n{OURS}\n/y\n",
    ),
    "with a line between": (
        "/data/*\n# mine\n!/data/imports/\n!/data/mine/\n",
        f"{OURS}\n# mine\n!/data/mine/\n",
    ),
    "reports": (
        "/reports/*.html\n/x\n",
        "/reports/*.html\n/reports/other/\n/reports/figures/\n/x\n",
    ),
    "other reports": (
        "/reports/*.html\n/reports/other/\n/reports/plots/\n",
        "/reports/*.html\n/reports/other/\n/reports/figures/\n/reports/plots/\n",
    ),
    "today's": (f"{OURS}\n/reports/*.html\n/reports/other/\n/reports/figures/", ""),
    "today's, with a line between": (OURS.replace("\n", "\n# mine\n"), ""),
    "one's own": ("/datasets/\n/reports/\n\n", ""),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("case", EARLIER)
def test_upgrade_rewrites_the_lines_of_earlier_versions(case: str) -> None:
    text, expected = EARLIER[case]
    found, changes = upgraded_ignores(text)
    assert found == (expected or text)
    assert bool(changes) == bool(expected)
    assert upgraded_ignores(found) == (found, [])


def under(folder: Path, part: str) -> list[str]:
    """The files below a folder that Git sees and does not know yet."""
    words = ["git", "status", "--porcelain", "-uall", "--", part]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    return sorted(line[3:] for line in done.stdout.splitlines())


def test_an_import_is_versioned_like_any_data(fresh_copy: tuple[Path, Path]) -> None:
    """After `dvc repro`: DVC takes the import, and Git sees its .dvc file and nothing else."""
    folder, store = fresh_copy
    write_zhou(folder.parent / "grid.csv")
    landscape = [sys.executable, "-m", "landscape_catalog"]
    for name in ("small", "other"):
        run(folder, store, *landscape, "import", "zhou2024", "../grid.csv", "--name", name)
    assert under(folder, "data") == []
    run(folder, store, "dvc", "add", "data/imports/small")
    assert under(folder, "data") == ["data/imports/small.dvc"]
    assert under(folder, "imports") == ["imports/other.yaml", "imports/small.yaml"]
    run(folder, store, "git", "add", "-A")
    run(folder, store, "git", "commit", "-qm", "an import")
    tracked = run(folder, store, "git", "ls-files", "data").stdout
    assert tracked == "data/imports/small.dvc\n"
    before = {p.name: p.read_bytes() for p in (folder / "data" / "imports" / "small").iterdir()}
    run(folder, store, "dvc", "repro")
    run(folder, store, *landscape, "import", "zhou2024", "../grid.csv", "--name", "small")
    assert "up to date" in run(folder, store, "dvc", "status", "data/imports/small.dvc").stdout
    assert under(folder, "data") == []
    shutil.rmtree(folder / "data" / "imports" / "small")
    run(folder, store, "dvc", "checkout", "data/imports/small.dvc")
    after = {p.name: p.read_bytes() for p in (folder / "data" / "imports" / "small").iterdir()}
    assert after == before


def test_a_new_study_admits_imports(tmp_path: Path) -> None:
    """As `landscape init` creates it: without the lines of earlier versions `dvc add` fails."""
    run(tmp_path, tmp_path / "store", sys.executable, "-m", "landscape_catalog", "init", "study")
    study, store = tmp_path / "study", tmp_path / "store"
    write_zhou(tmp_path / "grid.csv")
    words = ["import", "zhou2024", "../grid.csv"]
    run(study, store, sys.executable, "-m", "landscape_catalog", *words)
    ours = (study / ".gitignore").read_text()
    (study / ".gitignore").write_text(ours.replace("\n".join(IGNORED), "/data/"))
    failed = run(study, store, "dvc", "add", "data/imports/zhou2024", fails=True)
    assert "git-ignored" in failed.stdout + failed.stderr
    done = run(study, store, sys.executable, "-m", "landscape_catalog", "upgrade")
    assert ".gitignore: admits data/imports/*.dvc" in done.stdout
    assert (study / ".gitignore").read_text() == ours
    run(study, store, "dvc", "add", "data/imports/zhou2024")
    assert under(study, "data") == ["data/imports/zhou2024.dvc"]
