"""Repositories with catalogs: Git does its work, `dvc.lock` and the cache are written by hand.

What DVC itself writes is in `test_made_by_dvc.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from landscape_catalog.catalog import packed_tables
from landscape_catalog.exchange.collect.collect import Request, collect
from landscape_catalog.exchange.collect.outcome import Outcome
from landscape_catalog.paths import Project
from tests.reports.grids import Catalog

Files = dict[str, bytes]
STAGES = """\
stages:
  train:
    cmd: landscape train
    outs: [data/runs]
  aggregate:
    cmd: landscape aggregate
    deps: [data/runs]
    outs: [data/catalog]
"""
LOCK = """\
schema: '2.0'
stages:
  train:
    cmd: landscape train
    outs:
    - path: data/runs
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
  aggregate:
    cmd: landscape aggregate
    deps:
    - path: data/runs
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
    outs:
    - path: data/catalog
      hash: md5
      md5: {md5}
      size: 1
"""


@cache
def tables_of(width: int) -> dict[str, pl.DataFrame]:
    """Two cells."""
    return Catalog({"load.width": [width, 2 * width]}, seeds=2, epochs=1).tables()


def catalog(experiment: str, classification: str = "k", *, width: int = 1, **more: Any) -> Files:
    """The files of a tiny catalog; other widths give other content.

    Args:
        experiment: its experiment id.
        classification: its classification id.
        width: of its networks.
        more: further keys of the manifest, such as `schema`; None: the key is left out.
    """
    tables = tables_of(width)
    ids = {"experiment_id": experiment, "classification_id": classification}
    lit = [pl.lit(text, pl.String).alias(name) for name, text in ids.items()]
    files = packed_tables({**tables, "experiments": tables["experiments"].with_columns(lit)})
    manifest = json.loads(files["manifest.json"]) | more
    kept = {name: value for name, value in manifest.items() if value is not None}
    return {**files, "manifest.json": json.dumps(kept).encode()}


def sealed(files: Mapping[str, bytes], **more: Any) -> Files:
    """Files with a manifest that agrees with them, whatever they are."""
    hashes = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    hashes.pop("manifest.json", None)
    text = json.dumps(hashes, sort_keys=True).encode()
    manifest = {"fingerprint": hashlib.sha256(text).hexdigest(), "sha256": hashes, **more}
    return {**files, "manifest.json": json.dumps(manifest).encode()}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def object_path(cache: Path, md5: str) -> Path:
    """Where DVC's cache has an object."""
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def store(cache: Path, files: Mapping[str, bytes]) -> str:
    """Write a folder to a cache as DVC does; returns its hash."""
    entries = []
    for name, content in sorted(files.items()):
        md5 = hashlib.md5(content).hexdigest()
        write(object_path(cache, md5).parent, {md5[2:]: content})
        entries.append({"md5": md5, "relpath": name})
    listing = json.dumps(entries).encode()
    md5 = f"{hashlib.md5(listing).hexdigest()}.dir"
    write(object_path(cache, md5).parent, {md5[2:]: listing})
    return md5


def git(folder: Path, *words: str) -> str:
    """Run Git; returns what it prints."""
    identity = {
        f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", *words], cwd=folder, env=os.environ | identity, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(frozen=True)
class Study:
    """A project in a Git repository.

    Attributes:
        repository: the top folder.
        path: of the project in it.
    """

    repository: Path
    path: str = ""

    @property
    def root(self) -> Path:
        return self.repository / self.path

    @property
    def cache(self) -> Path:
        return self.root / ".dvc" / "cache"

    @property
    def collected(self) -> Path:
        return self.root / "data" / "collected"

    def start(self) -> Study:
        """Make the repository, if it is not there, and the project's first commit."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not (self.repository / ".git").exists():
            git(self.repository, "init", "-q", "-b", "main")
        write(self.root / ".dvc", {"config": b"", ".gitignore": b"/cache\n/tmp\n/config.local\n"})
        write(
            self.root, {"params.yaml": b"", "dvc.yaml": STAGES.encode(), ".gitignore": b"/data\n"}
        )
        git(self.repository, "add", "-A")
        git(self.repository, "commit", "-q", "-m", "start")
        return self

    def commit(self, files: Mapping[str, bytes], text: str = LOCK) -> Study:
        """Commit a `dvc.lock` with this catalog on the current branch."""
        (self.root / "dvc.lock").write_text(text.format(md5=store(self.cache, files)))
        git(self.repository, "add", "-A")
        git(self.repository, "commit", "-q", "-m", "a commit")
        return self

    def refs(self, catalogs: Mapping[str, Mapping[str, bytes]]) -> None:
        """Commits on `main` with these catalogs, each under a ref of its own."""
        path = f"{self.path}/dvc.lock".removeprefix("/")
        text = b""
        for ref, files in catalogs.items():
            lock = LOCK.format(md5=store(self.cache, files)).encode()
            head = f"commit {ref}\ncommitter t <t@t> 0 +0000\ndata 0\nfrom {self.head()}\n"
            text += f"{head}M 100644 inline {path}\ndata {len(lock)}\n".encode() + lock + b"\n"
        words = ["git", "fast-import", "--quiet"]
        subprocess.run(words, cwd=self.repository, input=text, check=True)

    def branch(self, name: str, files: Mapping[str, bytes]) -> str:
        """A branch with a catalog; returns its commit."""
        self.refs({f"refs/heads/{name}": files})
        return self.head(name)

    def experiment(self, name: str, files: Mapping[str, bytes]) -> str:
        """A finished DVC experiment; returns its commit."""
        base = self.head()
        ref = f"refs/exps/{base[:2]}/{base[2:]}/{name}"
        self.refs({ref: files})
        return self.head(ref)

    def head(self, name: str = "HEAD") -> str:
        return git(self.repository, "rev-parse", name)

    def collect(self, *paths: Path, **request: Any) -> Outcome:
        return collect(Project(self.root), Request(paths=paths, **request))

    def folders(self) -> dict[str, Files]:
        """The files that were collected, by folder, without `source.json`."""
        return {
            path.name: {f.name: f.read_bytes() for f in path.iterdir() if f.name != "source.json"}
            for path in sorted(self.collected.iterdir())
            if path.is_dir() and not path.name.startswith(".tmp-")
        }

    def places(self, name: str) -> list[dict[str, Any]]:
        """The places of a collected folder."""
        text = (self.collected / name / "source.json").read_text()
        places: list[dict[str, Any]] = json.loads(text)["places"]
        return places


def skipped(outcome: Outcome) -> dict[str, list[str]]:
    """Names of what was skipped, by reason."""
    return {f"{reason}": [each.name for each in found] for reason, found in outcome.skipped.items()}
