"""Every file whose content is part of an id is a dependency of DVC, or refused."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from pathlib import Path

import numpy as np
import pytest

from landscape_catalog.commands.init import init_study
from landscape_catalog.errors import CodeError, DataError, UserError
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.dependencies import CODE_STAGES, DATA_STAGES, unwatched
from landscape_catalog.pipeline.shared.workspace import open_workspace
from tests.conftest import run
from tests.experiment.conftest import Own, custom_code
from tests.pipeline.test_custom_code import DATA, GOOD_NETWORK, PARAMS, allow

__all__ = ["custom_code"]  # a fixture

STAGES = """\
stages:
  prepare: {cmd: landscape prepare, deps: [custom, mine, ./src/lib/, one.npz, linked]}
  train: {cmd: landscape train, deps: [custom, src/lib]}
  measure: {cmd: [nice landscape measure, echo done], deps: [custom, src/lib]}
  aggregate: {cmd: python -m landscape_catalog aggregate, deps: [custom, src/lib]}
"""


def project_with(folder: Path, stages: str = STAGES) -> Project:
    for name in ("custom", "mine", "src/lib", "elsewhere"):
        (folder / name).mkdir(parents=True)
    (folder / "dvc.yaml").write_text(stages)
    (folder / "linked").symlink_to("elsewhere")
    (folder / "mine" / "link").symlink_to("../elsewhere")
    (folder / "elsewhere" / "x.npz").touch()
    (folder / "mine" / "link.npz").symlink_to("../elsewhere/x.npz")
    (folder / ".dvcignore").write_text("*.tmp\n/mine/drafts/\n!mine/kept.tmp\n")
    (folder / "mine" / "deeper").mkdir()
    (folder / "mine" / "deeper" / ".dvcignore").write_text("*.npz\n")
    return Project(folder)


@pytest.mark.parametrize(
    "path",
    ["mine/x.npz", "mine/a/b.npz", "custom/x", "one.npz", "src/lib/x", "linked/x.npz",
     "mine/../mine/x", "./mine/x", "mine/link.npz", "mine/kept.tmp", "{root}/mine/x.npz"],
)  # fmt: skip
def test_a_file_that_dvc_watches(path: str, tmp_path: Path) -> None:
    project = project_with(tmp_path / "project")
    assert unwatched(Path(path.format(root=project.root)), project, DATA_STAGES) is None


def test_an_ignore_file_that_is_a_pipe_hides_nothing(tmp_path: Path) -> None:
    project = project_with(tmp_path / "project")
    (project.root / ".dvcignore").unlink()
    os.mkfifo(project.root / ".dvcignore")
    assert unwatched(Path("mine/x.npz"), project, DATA_STAGES) is None


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("data/x.npz", "no dependency of DVC holds it"),
        ("x.npz", "no dependency of DVC holds it"),
        ("mine.de", "no dependency of DVC holds it"),
        ("mine2/x.npz", "no dependency of DVC holds it"),
        ("mine/../x.npz", "no dependency of DVC holds it"),
        ("../mine/x.npz", "no dependency of DVC holds it"),
        ("/dev/zero", "no dependency of DVC holds it"),
        ("one.npz.bak", "no dependency of DVC holds it"),
        ("mine/link/x.npz", "it is in a linked folder, which DVC does not follow"),
        ("mine/x.tmp", ".dvcignore hides it from DVC"),
        ("mine/drafts/x.npz", ".dvcignore hides it from DVC"),
        ("mine/deeper/x.npz", "mine/deeper/.dvcignore hides it from DVC"),
    ],
)
def test_a_file_that_dvc_does_not_watch(path: str, why: str, tmp_path: Path) -> None:
    project = project_with(tmp_path / "project")
    said = unwatched(Path(path), project, DATA_STAGES)
    assert said is not None
    assert said.startswith(f"{why}, and `dvc repro` would not notice that it changes.")
    assert said.endswith("or add it to the `deps` of `prepare` in dvc.yaml")


@pytest.mark.parametrize(
    ("stages", "watched"),
    [
        (STAGES, True),
        (STAGES.replace("aggregate, deps: [custom, src/lib]", "aggregate, deps: [custom]"), False),
        (STAGES.replace("./src/lib/", "src/other"), False),
        ("stages: {}", True),
        ("stages: {mine: {cmd: echo landscape, deps: [x]}}", True),
        ("stages: [", True),
        ("stages: {p: {cmd: landscape prepare, wdir: src, deps: [lib]}}", True),
        ("stages: {p: {cmd: 'cd \\' landscape prepare', deps: []}}", True),
        ("stages: {p: {cmd: landscape prepare}}", False),
    ],
)
def test_code_is_a_dependency_of_every_stage_that_uses_it(
    stages: str, watched: bool, tmp_path: Path
) -> None:
    project = project_with(tmp_path / "project", stages)
    said = unwatched(Path("src/lib/net.py"), project, CODE_STAGES)
    assert (said is None) == watched
    assert said is None or "`prepare`, `train`, `measure` and `aggregate` in dvc.yaml" in said
    project.stages.unlink()
    assert unwatched(Path("src/lib/net.py"), project, CODE_STAGES) is None, "not run by DVC"


def write_arrays(path: Path, seed: int = 0) -> None:
    generator = np.random.Generator(np.random.Philox(key=seed))
    images = generator.integers(0, 256, (300, 8, 8), dtype=np.uint8)
    path.parent.mkdir(exist_ok=True)
    np.savez(path, images=images, labels=np.arange(300) % 10)


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("{name: arrays, path: data/x.npz}", "dataset.path: got data/x.npz: no dependency"),
        ("{name: arrays, path: mine/x.npz, test_path: x.npz}", "dataset.test_path: got x.npz: no"),
        ("{name: text_pairs, path: mine}", "dataset.path: got mine.de: no dependency"),
        ("{name: arrays, path: /dev/zero}", "dataset.path: got /dev/zero: no dependency"),
    ],
)
def test_a_path_outside_every_dependency(dataset: str, said: str, tmp_path: Path) -> None:
    """Before the file is opened."""
    project = project_with(tmp_path / "project")
    write_arrays(project.root / "mine" / "x.npz")
    text = PARAMS.format(dataset="digits", task="auto", model="resnet18", load="", similarity="{}")
    text = text.replace("{name: digits, ", f"{dataset[:-1]}, ")
    project.params.write_text(text)
    with pytest.raises(DataError) as error:
        open_workspace(project.root)
    assert str(error.value).startswith(said)


def test_a_function_whose_files_are_outside(custom_code: Own) -> None:
    project = custom_code.project
    project.stages.write_text(STAGES)
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    data = textwrap.dedent(DATA) + "data.files = ('data/mine.txt',)\n"
    custom_code.write("own_data", data)
    text = PARAMS.format(
        dataset='"own_data:data"', model='"own_network:network"', task="auto", load="",
        similarity="{}",
    )  # fmt: skip
    project.params.write_text(text)
    with pytest.raises(UserError, match=r"^own_data:data: its `files`: got data/mine.txt: no dep"):
        open_workspace(project.root)
    project.mine.mkdir()
    (project.mine / "mine.txt").write_text("a")
    custom_code.write("own_data", data.replace("data/mine", "mine/mine"))
    assert open_workspace(project.root).grid.data


def test_a_listed_package_outside(
    custom_code: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = custom_code.project
    project.stages.write_text(STAGES.replace("src/lib", "../site"))
    package = tmp_path / "site" / "outsider.py"
    package.parent.mkdir()
    package.write_text(textwrap.dedent(GOOD_NETWORK))
    monkeypatch.syspath_prepend(tmp_path / "site")
    custom_code.written.add("outsider")
    allow(project, "outsider")
    text = PARAMS.format(
        dataset="digits", model='"outsider:network"', task="auto", load="", similarity="{}"
    )
    project.params.write_text(text)
    assert open_workspace(project.root).grid.runs
    project.stages.write_text(STAGES)
    with pytest.raises(CodeError, match=r"^outsider:network: it is defined in .* no dependency"):
        open_workspace(project.root)


def test_the_way_out_fits_what_is_not_watched(tmp_path: Path) -> None:
    project = project_with(tmp_path / "project")
    ways = [
        ("x.npz", DATA_STAGES, "Move it to mine/, or add it to the `deps` of `prepare`"),
        (
            "net.py",
            CODE_STAGES,
            "Move it to custom/, or add it to the `deps` of `prepare`, `train`",
        ),
        ("../site/net.py", CODE_STAGES, "Add it, or the folder of its package, to the `deps` of"),
    ]
    for path, stages, words in ways:
        assert words in (unwatched(Path(path), project, stages) or "")


@pytest.mark.slow
def test_dvc_prepares_again_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the stages of a new study, unedited: a data file, a file that a function declares, code."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "t")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "t@example.org")
    study, store = tmp_path / "study", tmp_path / "store"
    init_study(study)
    write_arrays(study / "mine" / "x.npz")
    (study / "mine" / "more.txt").write_text("1")
    (study / "custom" / "own_data.py").write_text(
        textwrap.dedent(DATA) + "data.files = 'mine/more.txt'\n"
    )
    text = PARAMS.format(dataset="arrays", model="resnet18", task="auto", load="", similarity="{}")
    text = text.replace("name: arrays,", "name: arrays, path: mine/x.npz,")
    own = PARAMS.format(
        dataset='"own_data:data"', model="resnet18", task="auto", load="", similarity="{}"
    )

    def status() -> dict[str, object]:
        found: dict[str, object] = json.loads(
            run(study, store, "dvc", "status", "--json", "prepare").stdout
        )
        return found

    def data_ids() -> set[str]:
        run(study, store, "dvc", "repro", "prepare")
        assert status() == {}
        return {path.name for path in (study / "data" / "prepared").iterdir()}

    (study / "params.yaml").write_text(text)
    before = data_ids()
    write_arrays(study / "mine" / "x.npz", seed=1)
    assert status() == {"prepare": [{"changed deps": {"mine": "modified"}}]}
    after = data_ids()
    assert after != before
    (study / "params.yaml").write_text(own)
    before = data_ids()
    (study / "mine" / "more.txt").write_text("2")
    assert status() == {"prepare": [{"changed deps": {"mine": "modified"}}]}
    assert data_ids() != before
    shutil.rmtree(study)
