"""A project with custom code, whose modules are unloaded after each test."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from landscape_catalog.paths import Project


class Own:
    """A project with custom modules in `custom/`."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.written: set[str] = set()
        project.custom.mkdir()

    def path(self, module: str) -> Path:
        """The file of a module; dots separate folders."""
        return self.project.custom.joinpath(*module.split(".")).with_suffix(".py")

    def write(self, module: str, text: str) -> None:
        """Write a module and unload an older version of it."""
        path = self.path(module)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.written.add(module.partition(".")[0])
        self.forget()

    def forget(self) -> None:
        """Unload the custom modules, so that they are imported again."""
        for name in [name for name in sys.modules if name.partition(".")[0] in self.written]:
            del sys.modules[name]

    def expected_checksum(self, module: str) -> str:
        """For a single-file module: SHA-256 of its name, a null byte, and the SHA-256 of the file."""
        path = self.path(module)
        content = hashlib.sha256(path.read_bytes()).digest()
        return hashlib.sha256(path.name.encode() + b"\0" + content).hexdigest()


@pytest.fixture
def custom_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Own]:
    """An empty project; its modules are unloaded afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("LANDSCAPE_STORE", str(tmp_path / "store"))
    folder = tmp_path / "project of mine"
    folder.mkdir()
    own = Own(Project(folder))
    yield own
    own.forget()
