"""Ends of curves: a run is the end of many, and a worker evaluates it once.

It remembers numbers, and no weights, for as long as it lives. An end of our own networks is the
same to the bit whichever curve it is evaluated with, so nothing depends on who has done which job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from landscape_catalog.metrics.numerics.curves.points import CurvePoint
from landscape_catalog.pipeline.shared.measurements import Needed

_points: dict[tuple[str, str, int, int], CurvePoint] = {}


def known_ends(needed: Needed, batch_size: int, seed: int) -> list[CurvePoint]:
    """The ends of a pair's curves that this worker has evaluated already.

    Args:
        needed: of the pair.
        batch_size: of recomputing batch-norm statistics.
        seed: of their shuffle.
    """
    keys = _keys(needed, batch_size, seed)
    return [replace(_points[k], t=t) for t, k in zip((0.0, 1.0), keys) if k in _points]


def keep_ends(needed: Needed, batch_size: int, seed: int, points: Sequence[CurvePoint]) -> None:
    """Remember the first and the last point of a curve, of our own networks alone.

    Others may round in another way with other neighbours.
    """
    if needed.custom_code:
        return
    _points.update(zip(_keys(needed, batch_size, seed), (points[0], points[-1])))


def _keys(needed: Needed, batch_size: int, seed: int) -> list[tuple[str, str, int, int]]:
    return [(run.run_id, needed.snapshot, batch_size, seed) for run in needed.runs]
