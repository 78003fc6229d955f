"""Keeping what a user wrote when a command rewrites a file."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from landscape_catalog.store.files import write_file


def keep_former(path: Path) -> Path:
    """Copy a file to the first free name of `<name>.bak`, `<name>.bak2` and so on."""
    numbers = itertools.chain([""], itertools.count(2))
    names = (path.with_name(f"{path.name}.bak{number}") for number in numbers)
    former = next(name for name in names if not os.path.lexists(name))
    write_file(former, path.read_bytes())
    return former
