"""The paper's claims judged on a catalog, as records for the command line, JSON and Polars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.phases.claims import JudgedClaim, JudgedPart, judge_claims
from landscape_catalog.schema.tables import Row

_PART = {
    "part": pl.String(),
    "along": pl.String(),
    "finding": pl.String(),
    "effect": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "unit": pl.String(),
    "aim": pl.String(),
    "margin": pl.Float64(),
    "n_units": pl.Int64(),
    "units": pl.String(),
    "n_blocks": pl.Int64(),
}
SCHEMA: dict[str, pl.DataType] = {
    "claim": pl.String(),
    "statement": pl.String(),
    "source": pl.String(),
    "verdict": pl.String(),
    **{name: kind for name, kind in _PART.items() if name != "finding"},
    "confidence": pl.Float64(),
    "why": pl.String(),
    "untested": pl.List(pl.String()),
    "parts": pl.List(pl.Struct(_PART)),
}
"""Columns of `claims_frame`; those of a part are of the one that decides, and the axis."""


def judged_claims(tables: Mapping[str, pl.DataFrame]) -> list[JudgedClaim]:
    """The claims judged on the tables of one experiment; none if there is no experiment.

    Args:
        tables: at least those in `catalog.diagram.READ`.
    """
    return [] if tables["experiments"].is_empty() else judge_claims(diagram_of(tables))


def claim_record(judged: JudgedClaim) -> Row:
    """A judged claim as plain values, by the names of `SCHEMA`."""
    deciding = judged.deciding
    decides = dict.fromkeys(_PART) if deciding is None else _part_record(deciding)
    decides.pop("finding")
    return {
        "claim": judged.claim.name,
        "statement": judged.claim.statement,
        "source": judged.claim.source,
        "verdict": judged.verdict,
        **decides,
        "confidence": judged.confidence,
        "why": judged.why,
        "untested": list(judged.untested),
        "parts": [_part_record(part) for part in judged.parts],
    }


def _part_record(judged: JudgedPart) -> dict[str, Any]:
    part = judged.part
    return {
        "part": part.name,
        "along": judged.along or None,
        "finding": judged.finding,
        "effect": _real(judged.effect.value),
        "low": _real(judged.low),
        "high": _real(judged.high),
        "unit": part.unit,
        "aim": part.margin.aim,
        "margin": _real(part.margin.value),
        "n_units": judged.effect.n_units,
        "units": part.units,
        "n_blocks": judged.effect.n_blocks,
    }


def _real(value: float | None) -> float | None:
    """As a column of reals takes it: limits at the end of a range are integers."""
    return None if value is None else float(value)


def claims_frame(judged: list[JudgedClaim]) -> pl.DataFrame:
    """One row per claim, with the columns of `SCHEMA`."""
    return pl.DataFrame([claim_record(one) for one in judged], schema=SCHEMA)
