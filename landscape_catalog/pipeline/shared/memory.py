"""What predictions of memory share: the sizes of networks, and what a pass over them takes."""

from __future__ import annotations

from collections.abc import Iterable

from landscape_catalog.experiment.grid import Cell
from landscape_catalog.models.registry import footprint
from landscape_catalog.models.spec import Footprint

BYTES = 4  # of a float32
# Measured as peak resident sizes of ResNet18 and VGG11 at widths 2 to 64, on 8 x 8 and 32 x 32.
ACTIVATIONS = 2.2  # saved values, and as much again in gradients and in layouts of kernels
EVALUATION = 10
EVALUATION_BATCH = {"images": 1000, "points": 1000, "text": 100}
PADDED_TOKENS = 50  # of a sentence in a batch


def network_footprint(cell: Cell) -> Footprint | None:
    """What a cell's network keeps in memory; None for a custom network, whose size is not known."""
    if cell.network is None:
        return None
    return footprint(**cell.network, lengths=(PADDED_TOKENS, PADDED_TOKENS))


def evaluation_values(cell: Cell, counted: Footprint) -> int:
    """Number of values that the evaluation of a batch takes."""
    return EVALUATION * EVALUATION_BATCH[cell.landscape.data.facts.kind] * counted.largest


def one_of_each_size(cells: Iterable[Cell]) -> list[Cell]:
    """One cell for each size of network and data."""
    found: dict[tuple[str, int, int, str], Cell] = {}
    for cell in cells:
        landscape = cell.landscape
        size = (cell.variant, landscape.width, landscape.data.samples, str(cell.model_args))
        found.setdefault(size, cell)
    return list(found.values())
