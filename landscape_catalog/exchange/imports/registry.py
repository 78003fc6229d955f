"""All importers, each with the number of its recipe.

A recipe is raised when the importer reads the same file into other numbers: the ids of everything
imported hash it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from landscape_catalog.exchange.imports.grid import PublishedGrid
from landscape_catalog.exchange.imports.table import read_table
from landscape_catalog.exchange.imports.yang2021 import read_yang2021
from landscape_catalog.exchange.imports.zhou2024 import read_zhou2024


@dataclass(frozen=True)
class Importer:
    """An importer of one format.

    Attributes:
        name: of the format, and of an import without a name of its own.
        recipe: number of its recipe.
        read: takes the path and the format's options, and returns what it has read.
    """

    name: str
    recipe: int
    read: Callable[..., PublishedGrid]


IMPORTERS: dict[str, Importer] = {
    importer.name: importer
    for importer in (
        Importer("yang2021", 1, read_yang2021),
        Importer("zhou2024", 1, read_zhou2024),
        Importer("table", 1, read_table),
    )
}
