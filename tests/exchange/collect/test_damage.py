"""Catalogs that cannot be collected: each is named with its reason, and the others are collected."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.catalog.versions import SCHEMA_VERSION
from landscape_catalog.exchange.collect.contents import read_contents, read_manifest
from landscape_catalog.exchange.collect.unusable import Reason, UnusableError
from tests.exchange.collect.studies import (
    LOCK,
    Files,
    Study,
    catalog,
    git,
    object_path,
    sealed,
    skipped,
    store,
    write,
)


def with_experiments(frame: pl.DataFrame) -> Files:
    """A sealed catalog with this table."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return sealed(catalog("bad") | {"experiments.parquet": buffer.getvalue()})


def ids(experiment: object, classification: object, rows: int = 1) -> Files:
    row = {"experiment_id": experiment, "classification_id": classification}
    return with_experiments(pl.DataFrame([row] * rows, schema=dict.fromkeys(row, pl.String)))


def manifest(**changes: object) -> Files:
    return catalog("bad", **changes)


def without(name: str) -> Files:
    return {key: value for key, value in catalog("bad").items() if key != name}


BAD: dict[str, tuple[Callable[[], Files], str, str]] = {
    "a newer version": (
        lambda: manifest(schema=SCHEMA_VERSION + 1),
        "newer schema",
        f"up to {SCHEMA_VERSION}",
    ),
    "a version that is a text": (lambda: manifest(schema="1"), "damaged catalog", "valid schema"),
    "a negative version": (lambda: manifest(schema=-1), "damaged catalog", "valid schema"),
    "a version that is true": (lambda: manifest(schema=True), "damaged catalog", "valid schema"),
    "no manifest": (lambda: without("manifest.json"), "older schema", "manifest.json"),
    "no table experiments": (
        lambda: sealed({"cells.parquet": b""}),
        "older schema",
        "`experiments`",
    ),
    "no classification_id": (
        lambda: with_experiments(pl.DataFrame({"experiment_id": ["bad"]})),
        "older schema",
        "`classification_id`",
    ),
    "a missing file": (lambda: without("cells.parquet"), "damaged catalog", "cells.parquet"),
    "other bytes": (
        lambda: catalog("bad") | {"cells.parquet": b"other"},
        "damaged catalog",
        "cells.parquet",
    ),
    "a path upwards": (
        lambda: sealed(catalog("bad") | {"../x.parquet": b"x"}),
        "damaged catalog",
        "'../x.parquet'",
    ),
    "an absolute path": (
        lambda: sealed(catalog("bad") | {"/tmp/x.parquet": b"x"}),
        "damaged catalog",
        "'/tmp/x.parquet'",
    ),
    "a hidden file": (
        lambda: sealed(catalog("bad") | {".x.parquet": b"x"}),
        "damaged catalog",
        "'.x.parquet'",
    ),
    "a program": (lambda: sealed(catalog("bad") | {"x.py": b"x"}), "damaged catalog", "'x.py'"),
    "source.json": (
        lambda: sealed(catalog("bad") | {"source.json": b"{}"}),
        "damaged catalog",
        "'source.json'",
    ),
    "another fingerprint": (lambda: manifest(fingerprint="0" * 64), "damaged catalog", "finger"),
    "no checksums": (lambda: manifest(sha256=None), "damaged catalog", "checksums"),
    "checksums of no kind": (lambda: manifest(sha256={"x": 1}), "damaged catalog", "checksums"),
    "no JSON": (lambda: catalog("bad") | {"manifest.json": b"{"}, "damaged catalog", "JSON"),
    "deep JSON": (
        lambda: catalog("bad") | {"manifest.json": b"[" * 100_000},
        "damaged catalog",
        "JSON",
    ),
    "a list": (lambda: catalog("bad") | {"manifest.json": b"[]"}, "damaged catalog", "JSON"),
    "no Parquet": (
        lambda: sealed(catalog("bad") | {"experiments.parquet": b"PAR1"}),
        "damaged catalog",
        "experiments.parquet",
    ),
    "no row": (lambda: ids("bad", "k", rows=0), "damaged catalog", "no row"),
    "two rows": (lambda: ids("bad", "k", rows=2), "damaged catalog", "more than one row"),
    "an id that is a path": (lambda: ids("../bad", "k"), "damaged catalog", "'../bad'"),
    "an empty id": (lambda: ids("", "k"), "damaged catalog", "''"),
    "no id": (lambda: ids(None, "k"), "damaged catalog", "None"),
    "no classification": (lambda: ids("bad", None), "not classified", "no phases"),
}


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, dict[str, tuple[str, str]]]:
    """A study with a branch for each fault, and reason and detail of what was skipped."""
    study = Study(tmp_path_factory.mktemp("damage") / "a study").start()
    study.commit(catalog("good"))
    branches = {
        f"refs/heads/{fault.replace(' ', '-')}": make() for fault, (make, *_) in BAD.items()
    }
    study.refs(branches)
    outcome = study.collect()
    assert outcome.new == ["good-k"]
    found = {
        each.name: (f"{reason}", each.detail)
        for reason, several in outcome.skipped.items()
        for each in several
    }
    return study, found


@pytest.mark.parametrize("fault", BAD)
def test_a_catalog_that_is_not_what_it_says(
    collected: tuple[Study, dict[str, tuple[str, str]]], fault: str, tmp_path: Path
) -> None:
    study, found = collected
    make, reason, detail = BAD[fault]
    assert found[fault.replace(" ", "-")][0] == reason
    assert detail in found[fault.replace(" ", "-")][1]
    assert set(study.folders()) == {"good-k"}
    files = {name: content for name, content in make().items() if "/" not in name}
    if {"manifest.json", "experiments.parquet"} <= files.keys():  # else it is no catalog at all
        folder = write(tmp_path / "elsewhere", files)
        assert skipped(study.collect(folder, revs="main")) == {reason: [str(folder)]}
    assert set(study.folders()) == {"good-k"}


def test_nothing_is_written_by_names_in_a_manifest(
    collected: tuple[Study, dict[str, tuple[str, str]]],
) -> None:
    study, _ = collected
    above = {path.name for path in study.collected.parent.iterdir()}
    assert above == {"collected"}
    assert {path.name for path in study.collected.iterdir() if path.name[0] != "."} == {
        "good-k",
        "index.json",
    }
    assert not Path("/tmp/x.parquet").exists()


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_table_of_experiments(data: st.DataObject) -> None:
    """Whatever is changed in the file, it is refused, or the ids are valid ones."""
    content = bytearray(catalog("bad")["experiments.parquet"])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    files = Held(sealed(catalog("bad") | {"experiments.parquet": bytes(content)}))
    try:
        found = read_contents(files, read_manifest(files))
    except UnusableError as error:
        assert error.reason in (Reason.DAMAGED, Reason.OLDER, Reason.UNCLASSIFIED)
    else:
        assert all(re.fullmatch(r"\w+", text) for text in found.ids)


class Held:
    """Files in memory."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def read(self, name: str) -> bytes:
        return self.files[name]


def test_an_older_version_is_collected_as_it_is(study: Study) -> None:
    old, marked = catalog("old", schema=None), catalog("new", width=2, schema=1)
    assert b"schema" not in old["manifest.json"]
    study.commit(old)
    study.branch("marked", marked)
    study.collect()
    assert study.folders() == {"old-k": old, "new-k": marked}


def test_files_that_the_manifest_does_not_list_are_left_out(study: Study) -> None:
    files = catalog("e")
    study.commit(files | {".DS_Store": b"x", "notes.txt": b"y"}).collect()
    assert study.folders() == {"e-k": files}


def listing_of(cache: Path, files: Files) -> Path:
    return object_path(cache, store(cache, files))


def table_of(cache: Path, files: Files) -> Path:
    entries = json.loads(listing_of(cache, files).read_text())
    (md5,) = (entry["md5"] for entry in entries if entry["relpath"] == "cells.parquet")
    return object_path(cache, md5)


OBJECTS: dict[str, tuple[Callable[[Path, Files], Path], bytes | None, str]] = {
    "a lost listing": (listing_of, None, "missing cache"),
    "a lost table": (table_of, None, "missing cache"),
    "a cut listing": (listing_of, b"[", "damaged catalog"),
    "an empty listing": (listing_of, b"", "damaged catalog"),
    "a changed table": (table_of, b"x", "damaged catalog"),
}


@pytest.mark.parametrize("fault", OBJECTS)
def test_a_damaged_cache(study: Study, fault: str) -> None:
    find, content, reason = OBJECTS[fault]
    good, bad = catalog("good"), catalog("bad", width=2)
    study.commit(good)
    study.branch("bad", bad)
    path = find(study.cache, bad)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert skipped(study.collect()) == {reason: ["bad"]}
    assert study.folders() == {"good-k": good}
    store(study.cache, bad)  # as `dvc fetch` does
    assert study.collect().new == ["bad-k"]
    assert study.folders() == {"good-k": good, "bad-k": bad}


@pytest.mark.parametrize(
    ("listing", "detail"),
    [
        (b"{}", "no list"),
        (b"[1]", "no list"),
        (b'[{"md5": "../../../etc/passwd", "relpath": "manifest.json"}]', "no list"),
        (b'[{"relpath": "manifest.json"}]', "no list"),
        (b"[" * 100_000, "no list"),
    ],
)
def test_a_listing_that_is_none(study: Study, listing: bytes, detail: str) -> None:
    md5 = hashlib.md5(listing).hexdigest() + ".dir"
    write(object_path(study.cache, md5).parent, {md5[2:]: listing})
    study.commit(catalog("e"), LOCK.replace("{md5}", md5) + "# {md5}")
    ((found,),) = study.collect().skipped.values()
    assert detail in found.detail


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no catalog"),
        ("stages: {{}}", "no catalog"),
        (LOCK.replace("data/catalog", "data/others"), "no catalog"),
        (LOCK.replace("{md5}", "no hash"), "no catalog"),
        (LOCK.replace("{md5}", "[data/catalog]"), "no catalog"),
        (LOCK.replace("  aggregate:", "  aggregate: {{"), "unreadable dvc.lock"),
        (f"<<<<<<< HEAD\n{LOCK}=======\n{LOCK}>>>>>>> b\n", "unreadable dvc.lock"),
        ("data/catalog", "unreadable dvc.lock"),
        ("- data/catalog", "unreadable dvc.lock"),
        ("stages: data/catalog", "unreadable dvc.lock"),
        ("stages:\n  a: data/catalog\n", "no catalog"),
        ("data/catalog: &a [*a]", "unreadable dvc.lock"),
        ("{{data/catalog: 1, " + "[" * 1_000, "unreadable dvc.lock"),
    ],
)
def test_a_lock_file_that_tells_nothing(study: Study, text: str, reason: str) -> None:
    study.commit(catalog("e"), text)
    outcome = study.collect()
    assert skipped(outcome) == {reason: ["main"]}
    assert skipped(study.collect()) == {reason: ["main"]}


def test_a_lock_file_that_is_no_text_or_no_file(study: Study) -> None:
    study.commit(catalog("e"))
    (study.root / "dvc.lock").write_bytes(b"data/catalog \xff")
    git(study.repository, "commit", "-qam", "bytes")
    assert skipped(study.collect()) == {"unreadable dvc.lock": ["main"]}
    (study.root / "dvc.lock").unlink()
    (study.root / "dvc.lock").symlink_to("/etc/passwd")
    git(study.repository, "commit", "-qam", "a link")
    assert skipped(study.collect()) == {"no catalog": ["main"]}
