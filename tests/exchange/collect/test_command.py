"""The command line, the summary, and the lock file's reader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from landscape_catalog.commands.collect import summary
from landscape_catalog.exchange.collect.dvc_lock import catalog_hash
from landscape_catalog.exchange.collect.outcome import Outcome, Skipped
from landscape_catalog.exchange.collect.unusable import Reason
from tests.conftest import ROOT
from tests.exchange.collect.studies import Study, catalog, write

MD5 = "0123456789abcdef0123456789abcdef.dir"


def called(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "landscape_catalog", "collect", *words],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command(study: Study) -> None:
    study.commit(catalog("e1"))
    study.branch("b", {"cells.parquet": b"x"})
    study.experiment("exp-a", catalog("e2", width=2))
    below = write(study.root / "custom" / "deep", {})
    done = called(below, "--experiments", "--revs", "all")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "collected   2 experiments (2 new) from 2 revisions, in data/collected"
    assert lines[1:3] == ["new         e1-k   main", "new         e2-k   exp-a"]
    assert [line.split()[0] for line in lines[3:]] == ["skipped", "skipped"]
    again = called(below, "--experiments")
    assert again.stdout.splitlines()[0].startswith("collected   2 experiments (0 new)")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "does not exist"),
        (("--remote", "nowhere"), "--remote: got 'nowhere'"),
        (("--revs", "nowhere"), "--revs: got 'nowhere'"),
        (("--nowhere",), "No such option"),
    ],
)
def test_bad_input(study: Study, words: tuple[str, ...], message: str) -> None:
    done = called(study.root, *words)
    assert done.returncode == 2 and message in done.stderr
    assert not study.collected.exists()


def test_outside_a_project(tmp_path: Path) -> None:
    done = called(tmp_path)
    assert done.returncode == 2 and "there is no project here" in done.stderr


def test_starting_the_command_line_loads_neither_dvc_nor_polars() -> None:
    code = "import sys, landscape_catalog.cli; print({'dvc', 'polars', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


def test_the_summary_counts_and_names_the_first() -> None:
    outcome = Outcome()
    for number in range(12):
        outcome.experiments[f"e{number}"] = [f"r{number}.{i}" for i in range(5)]
    outcome.new = [f"e{number}" for number in range(11)]
    outcome.current = ["main"]
    outcome.skipped[Reason.MISSING] = [Skipped(f"m{i}", f"detail {i}") for i in range(4)]
    outcome.skipped[Reason.QUEUED] = [Skipped("q", "it has no result")]
    lines = summary(outcome, "data/collected").splitlines()
    assert lines[0] == "collected   12 experiments (11 new) from 60 revisions, in data/collected"
    assert lines[1] == "new         e0   r0.0, r0.1, r0.2 and 2 more"
    assert lines[11] == "            and 1 more"
    assert lines[12] == "current     1 revision with the content of data/catalog: main"
    assert lines[13:] == [
        "skipped     missing cache: 4   m0, m1, m2 and 1 more   (detail 0)",
        "skipped     queued experiment: 1   q   (it has no result)",
    ]


LOCKS = {
    "this repository's": (ROOT / "dvc.lock").read_text(),
    "every kind of command and parameter": f"""\
schema: '2.0'
stages:
  a@1:
    cmd:
    - echo "outs:"
    - >-
      two
      lines

      and an empty one
    deps:
    - path: data/catalog
      hash: md5
      md5: {MD5.replace("0", "1")}
    params:
      params.yaml:
        text: "a
          b"
        block: |
          outs:
          - path: data/catalog

        empty:
        list:
        - outs:
          - path: data/catalog
    outs:
    - path: data/other
      md5: {MD5.replace("0", "2")}
    - path: data/catalog
      md5: {MD5}
      cmd: x
""",
    "outputs before the rest": f"""\
stages:
  a:
    outs:
    - path: data/catalog
      md5: {MD5}
    cmd: data
    deps:
    - path: x

  b:
    cmd: y""",
    "another style": f"""\
stages: {{a: {{cmd: x, outs: [{{path: data/catalog, md5: {MD5}}}]}}}}
""",
    "another indent": f"""\
stages:
    a:
        cmd: >
          x
        outs:
            - md5: {MD5}
              path: data/catalog
""",
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_is_read_as_yaml_would_be(name: str) -> None:
    """What is left out for speed changes nothing: all of it is parsed here."""
    stages = YAML(typ="safe").load(LOCKS[name])["stages"].values()
    outputs = [output for stage in stages for output in stage.get("outs", ())]
    (expected,) = (output["md5"] for output in outputs if output["path"] == "data/catalog")
    assert catalog_hash(LOCKS[name].encode()) == expected
    assert catalog_hash(LOCKS[name].replace("\n", "\r\n").encode()) == expected
