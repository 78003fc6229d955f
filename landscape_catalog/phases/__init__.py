"""Phases: which runs have converged, and which phase a cell is in."""

from landscape_catalog.phases.classify import (
    PHASES,
    CellMeasures,
    Phase,
    Verdict,
    classify,
    doubtful_flat,
)
from landscape_catalog.phases.convergence import not_converged_reason

__all__ = [
    "PHASES",
    "CellMeasures",
    "Phase",
    "Verdict",
    "classify",
    "doubtful_flat",
    "not_converged_reason",
]
