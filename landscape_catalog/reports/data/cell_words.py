"""A cell in words: its numbers with errors, its notes, and how to train it again."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from landscape_catalog.reports.data.axes import label
from landscape_catalog.schema.tables import Row

NOT_CONVERGED = "not converged"  # status of an estimate; a run that has not converged is NC
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")  # text that an override of Hydra takes as it is


def format_mean(number: Row) -> str:
    """A mean with its standard deviation, count, measurement error, and any caveat, as text.

    >>> number = {"mean": 1.23456, "sd": 0.1, "n": 3, "measurement_error": 0.02, "reason": None}
    >>> format_mean(number)
    '1.235 ± 0.1 (sd, n = 3), measurement error 0.02'
    >>> format_mean(number | {"sd": None, "n": 1, "measurement_error": 0.0})
    '1.235 (n = 1)'
    >>> format_mean(number | {"mean": 242.81, "sd": 236.2})
    '242.8 ± 236 (sd, n = 3), measurement error 0.02'
    >>> format_mean(number | {"mean": None, "n": 0, "reason": "no run has converged"})
    'missing: no run has converged'
    """
    reason = number["reason"]
    n = number["n"]
    if number["mean"] is None or n == 0:
        return f"missing: {reason}" if reason else "missing"
    sd, error = number["sd"], number["measurement_error"]
    counted = "" if n is None else f"n = {n}"
    alone = f" ({counted})" if counted else ""
    spread = alone if sd is None else f" ± {_short(sd)} (sd, {counted})"
    measured = f", measurement error {error:.1g}" if error else ""
    return f"{number['mean'] + 0.0:.4g}{spread}{measured}" + (f"; {reason}" if reason else "")


def _short(sd: float) -> str:
    """Two significant digits, or a whole number, up to where only an exponent is short."""
    return f"{sd:.0f}" if 99.5 <= sd < 1e5 else f"{sd:.2g}"


def override(path: str, value: Any) -> str:
    """A parameter as an override of `dvc exp run`, for a shell.

    >>> override("load.width", 8), override("load.samples", None)
    ('-S load.width=8', '-S load.samples=null')
    >>> print(override("temperature.kind", "leaky relu"))
    -S 'temperature.kind="leaky relu"'
    """
    words = "null" if value is None else label(value)
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        words = json.dumps(value, ensure_ascii=False)
    return f"-S {shlex.quote(f'{path}={words}')}"


def cell_texts(cell: Row, connectivity: Row | None) -> Row:
    """Variant, phase, reason, runs and notes of a cell.

    Args:
        cell: of the catalog.
        connectivity: its mode connectivity; None if there is none.
    """
    notes = []
    if cell["lr_in_effect"] != cell["lr"]:
        notes.append(f"effective learning rate {label(cell['lr_in_effect'])}")
    if cell["ambiguous"]:
        notes.append("the sign of mode connectivity is ambiguous")
    if connectivity is not None and connectivity["status"] == NOT_CONVERGED:
        notes.append(f"the fit of a curve has not converged ({connectivity['reason']})")
    if cell["doubtful"]:
        notes.append("classified as flat, but training loss > 10 times the median of flat cells")
    return {
        "variant": cell["variant"],
        "phase": cell["phase"],
        "reason": cell["reason"],
        "runs": _runs(cell["n_runs"], cell["n_converged"]),
        "note": "; ".join(notes),
    }


def _runs(n_runs: int | None, n_converged: int | None) -> str:
    """How many runs have converged, as far as it is known."""
    if n_converged is None:
        return "unknown" if n_runs is None else f"{n_runs}, convergence unknown"
    return f"{n_converged} of {n_runs} converged"
