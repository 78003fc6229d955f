"""Backups of user files that a command is about to overwrite."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from landscape_catalog.store.files import write_file


def back_up(path: Path) -> Path:
    """Copy a file to the first free name among `<name>.bak`, `<name>.bak2`, and so on."""
    numbers = itertools.chain([""], itertools.count(2))
    names = (path.with_name(f"{path.name}.bak{number}") for number in numbers)
    backup = next(name for name in names if not os.path.lexists(name))
    write_file(backup, path.read_bytes())
    return backup
