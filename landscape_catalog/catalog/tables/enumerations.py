"""Closed vocabularies of columns, each an enumeration in DuckDB."""

from __future__ import annotations

from typing import get_args

from landscape_catalog.experiment.training import SNAPSHOTS
from landscape_catalog.metrics.estimate import ErrorKind
from landscape_catalog.phases import NC, RULES, UNCLASSIFIED


def phase_names() -> list[str]:
    """The names of the phases of all rules, each once."""
    own = [phase for rule in RULES.values() for phase in rule.own_phases]
    return list(dict.fromkeys(phase.name for phase in (*own, NC, UNCLASSIFIED)))


ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "phase_name": tuple(phase_names()),
    "estimate_status": ("ok", "not converged", "missing"),
    "run_status": ("converged", "NC"),
    "stop_reason": ("calm", "epochs", "updates", "diverged"),
    "error_kind": get_args(ErrorKind),
    "error_combination": ("exact", "independent", "joint", "correlated", "bound", "unknown"),
    "snapshot_name": tuple(SNAPSHOTS),
    "relation": ("<", ">", ">="),
    "how_trained": ("grouped", "alone"),
    "source_kind": ("current", "imported", "collected"),
}
"""The values of each enumeration, in the order by which DuckDB sorts them."""
