"""`catalog.duckdb`: written for other clients, and replaced only if it is as it was left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from landscape_catalog.catalog import build_database
from tests.catalog.test_query import write_tables


class Files:
    def __init__(self, folder: Path) -> None:
        self.tables = folder / "data" / "catalog"
        self.database = folder / "data" / "catalog.duckdb"
        self.note = folder / ".landscape" / "catalog.duckdb.json"

    def build(self) -> None:
        build_database(self.tables, self.database, self.note)

    def names(self) -> set[str]:
        return {path.name for path in self.database.parent.iterdir()} - {"catalog"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables and the file built from them."""
    folder = tmp_path_factory.mktemp("built")
    files = Files(folder)
    write_tables(files.tables)
    files.build()
    return folder


@pytest.fixture
def files(built: Path, tmp_path: Path) -> Files:
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return Files(tmp_path)


def is_whole(database: Path) -> bool:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def add_a_table(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 42 AS answer")


def change_a_value(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "UPDATE core.experiments SET dataset = 'x'; INSERT INTO core.epochs (run_id) VALUES ('x')"
        )


def damage(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[5000] ^= 1
    database.write_bytes(content)


def leave_a_log(database: Path) -> None:
    Path(f"{database}.wal").write_bytes(b"what a client had not written yet")


def link_elsewhere(database: Path) -> None:
    other = database.with_name("elsewhere.duckdb")
    database.rename(other)
    database.symlink_to(other.name)


def folder_instead(database: Path) -> None:
    database.unlink()
    database.mkdir()


def test_what_is_as_it_was_left_is_replaced(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    former = files.database.stat().st_ino
    files.build()
    files.database.unlink()
    files.build()
    assert files.names() == {"catalog.duckdb"}
    assert files.database.stat().st_ino != former or is_whole(files.database)
    assert not caplog.records


@pytest.mark.parametrize(
    "change",
    [add_a_table, change_a_value, damage, leave_a_log, link_elsewhere, folder_instead],
    ids=lambda change: change.__name__,
)
def test_what_others_changed_is_kept(
    change: Callable[[Path], None], files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    change(files.database)
    is_folder = files.database.is_dir()
    content = b"" if is_folder else files.database.read_bytes()
    files.build()
    assert is_whole(files.database)
    assert not files.database.is_symlink()
    kept = files.database.with_name("catalog.duckdb.bak")
    assert kept.is_dir() if is_folder else kept.read_bytes() == content
    assert Path(f"{kept}.wal").exists() == (change is leave_a_log)
    (said,) = [record.getMessage() for record in caplog.records]
    assert "kept as catalog.duckdb.bak" in said
    caplog.clear()
    files.build()
    assert not caplog.records


def test_backups_are_never_overwritten(files: Files) -> None:
    for _ in range(3):
        add_a_table(files.database)
        files.build()
    assert files.names() == {"catalog.duckdb"} | {f"catalog.duckdb.bak{n}" for n in ("", 2, 3)}


def test_without_the_note_it_may_be_anybodys(files: Files) -> None:
    files.note.unlink()
    files.build()
    assert files.names() == {"catalog.duckdb", "catalog.duckdb.bak"}


def test_what_another_program_writes_to_is_left_alone(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    holds = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.read(); c.execute('CREATE TABLE mine AS SELECT 42'); c.close()"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", holds, str(files.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "open\n"
    files.build()
    assert "open in another program and was left as it is" in caplog.text
    program.communicate(timeout=60)
    with duckdb.connect(str(files.database), read_only=True) as connection:
        assert connection.execute("FROM mine").fetchone() == (42,)
    files.build()
    assert files.names() == {"catalog.duckdb", "catalog.duckdb.bak"}


def test_readers_do_not_hinder(files: Files) -> None:
    with duckdb.connect(str(files.database), read_only=True) as reader:
        files.build()
        assert reader.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    assert files.names() == {"catalog.duckdb"}
