"""Catalogs of earlier schema versions are read, and those of later ones are refused."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from landscape_catalog.catalog import TABLES, packed_tables, read_tables
from landscape_catalog.catalog.parquet import MANIFEST, read_manifest
from landscape_catalog.catalog.sources import current_source
from landscape_catalog.catalog.tables import TYPES
from landscape_catalog.catalog.thresholds import rule_in_effect
from landscape_catalog.catalog.versions import SCHEMA_VERSION
from landscape_catalog.errors import LandscapeError, MissingArtifactError
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.phases import rule_of
from landscape_catalog.reports import build_page
from landscape_catalog.schema.identity import checksum
from tests.catalog.asking import ask
from tests.conftest import ROOT
from tests.reports.grids import Catalog
from tests.unpacking import unpack_archive

ARCHIVES = ROOT / "tests" / "archive"
CATALOGS = ARCHIVES / "catalogs"
VERSIONED = sorted(path.name for path in CATALOGS.glob("*.tar.xz"))
UNMARKED = sorted(path.name for path in ARCHIVES.glob("*.tar.xz"))
# Of the columns of every version, names and kinds. A change of columns takes a new version.
COLUMNS = {
    1: "4251114937b90af4717dbb16e7048ef1e119b6699b73d06ae9cc0ce6831992ad",
    2: "39756c6f14ee4073579c4e9f8fd9042c0b33d0007d8724503eda0a19f1a780a3",
}
# Columns of version 0 that have another name now.
RENAMED = {"eigenvalue": "grid_value"}


def unpacked(archive: Path, folder: Path) -> Path:
    unpack_archive(archive, folder)
    return folder / "data" / "catalog" if (folder / "data").exists() else folder


def columns_of_today() -> str:
    found = {name: [[c.name, c.kind] for c in table.columns] for name, table in TABLES.items()}
    return checksum(found)


def test_a_change_of_columns_takes_a_new_version() -> None:
    assert columns_of_today() == COLUMNS[SCHEMA_VERSION], (
        "columns differ from those of this version: raise SCHEMA_VERSION, add a step to "
        "catalog/versions.py, a catalog to tests/archive/catalogs, and the checksum here"
    )


def test_there_is_a_catalog_of_every_version() -> None:
    assert [f"version-{i}.tar.xz" for i in range(SCHEMA_VERSION + 1)] == VERSIONED
    lines = (CATALOGS / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in map(str.split, lines)}
    assert sums == {
        name: hashlib.sha256((CATALOGS / name).read_bytes()).hexdigest() for name in VERSIONED
    }


@pytest.mark.parametrize("name", VERSIONED + UNMARKED)
def test_older_catalogs_are_read(name: str, tmp_path: Path) -> None:
    archive = CATALOGS / name if name in VERSIONED else ARCHIVES / name
    folder = unpacked(archive, tmp_path)
    version = int(name[len("version-")]) if name in VERSIONED else 0
    assert read_manifest(folder).version == version
    tables = read_tables(folder)
    for table, frame in tables.items():
        assert dict(frame.schema) == {c.name: TYPES[c.kind] for c in TABLES[table].columns}
        path = folder / f"{table}.parquet"
        if not path.exists():
            assert frame.is_empty()
            continue
        stored = pl.read_parquet(path).rename(
            {old: new for old, new in RENAMED.items() if table == "densities"}, strict=False
        )
        reals = pl.col(pl.Float64)
        stored = stored.with_columns(pl.when(reals.is_finite()).then(reals))
        assert_frame_equal(frame.select(stored.columns), stored)
    found = json.loads(tables["experiments"]["thresholds"].item())
    assert [one["fallback"] for one in found] == [True] * (4 if version == 2 else 0)
    assert not rule_in_effect(tables["experiments"].row(0, named=True)).is_automatic
    metric = tables["experiments"]["performance_metric"].item()
    assert metric == ("test_loss" if name.startswith(("text", "convection")) else "test_accuracy")
    cells = ask("SELECT phase, classification_id FROM cells", tables=folder)
    assert cells["phase"].to_list() == tables["phases"]["phase"].to_list() or cells.height
    assert build_page(tables, Report()).startswith("<!doctype html>")


def test_the_phases_of_an_older_catalog_are_those_that_it_stores(tmp_path: Path) -> None:
    folder = unpacked(CATALOGS / "version-0.tar.xz", tmp_path)
    rule = rule_of(json.loads(read_tables(folder)["experiments"]["classify"].item()))
    stored = pl.read_parquet(folder / "phases.parquet")
    found = ask("SELECT cell_id, phase FROM cells ORDER BY cell_id", tables=folder)
    assert_frame_equal(found, stored.select("cell_id", "phase").sort("cell_id"))
    assert {phase.name for phase in rule.phases} >= set(stored["phase"])


def rewrite(folder: Path, **changes: object) -> None:
    """Change entries of a manifest; None removes one."""
    path = folder / MANIFEST
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tables = Catalog({"load.width": [1, 2]}).tables()
    for name, content in packed_tables(tables).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_a_catalog_states_its_version(folder: Path) -> None:
    assert json.loads((folder / MANIFEST).read_text())["schema"] == SCHEMA_VERSION
    assert current_source(folder).manifest.version == SCHEMA_VERSION


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (SCHEMA_VERSION + 1, "newer version of landscape_catalog: its tables have schema"),
        (10**6, "Install a newer one"),
        (-1, "manifest.json is damaged"),
        ("1", "manifest.json is damaged"),
        (1.5, "manifest.json is damaged"),
    ],
)
def test_versions_that_are_refused(version: object, words: str, folder: Path) -> None:
    rewrite(folder, schema=version)
    with pytest.raises(LandscapeError, match=words):
        read_tables(folder)


def replace_table(folder: Path, name: str, frame: pl.DataFrame) -> None:
    """Another content of a table, with a manifest that knows it."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    (folder / f"{name}.parquet").write_bytes(buffer.getvalue())
    hashes = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*.parquet")
    }
    fingerprint = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
    rewrite(folder, sha256=hashes, fingerprint=fingerprint)


def test_only_unmarked_catalogs_may_lack_columns(folder: Path) -> None:
    frame = pl.read_parquet(folder / "runs.parquet").drop("computed")
    replace_table(folder, "runs", frame)
    with pytest.raises(MissingArtifactError, match="table `runs` has no column `computed`"):
        read_tables(folder)
    rewrite(folder, schema=None)
    assert read_tables(folder)["runs"]["computed"].null_count() == frame.height


def test_columns_that_no_version_has_are_refused(folder: Path) -> None:
    replace_table(folder, "runs", pl.read_parquet(folder / "runs.parquet").with_columns(other=1))
    for schema in (SCHEMA_VERSION, None):
        rewrite(folder, schema=schema)
        with pytest.raises(MissingArtifactError, match="`other` in table `runs`"):
            read_tables(folder)


def test_a_table_that_every_version_has_is_missed(folder: Path, tmp_path: Path) -> None:
    for name, schema, lacks in (
        ("criteria", SCHEMA_VERSION, "no table `criteria`"),
        ("runs", None, "no table `runs`"),
    ):
        copy = tmp_path / f"copy of {name}"
        copy.mkdir()
        for path in folder.glob("*.*"):
            shutil.copy(path, copy)
        (copy / f"{name}.parquet").unlink()
        replace_table(copy, "probes", pl.read_parquet(copy / "probes.parquet"))
        rewrite(copy, schema=schema)
        with pytest.raises(MissingArtifactError, match=lacks):
            read_tables(copy)
    rewrite(copy, schema=None)
