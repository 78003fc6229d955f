"""Backups of user files that a command is about to overwrite."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.regular import read_regular
from landscape_catalog.store.files import free_backup_name, write_file


def back_up(path: Path) -> Path:
    """Copy a file to the first free name among `<name>.bak`, `<name>.bak2`, and so on."""
    backup = free_backup_name(path)
    write_file(backup, read_regular(path))
    return backup
