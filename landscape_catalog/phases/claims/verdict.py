"""The rule of verdicts: intervals compared with margins that were fixed in advance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from landscape_catalog.phases.claims.claim import Claim, Effect, Part, UntestableError
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.margins import number
from landscape_catalog.phases.claims.registry import CLAIMS
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.schema.parameters import parameter
from landscape_catalog.schema.words import enumerated

TAIL = 0.05
"""Probability, at most, that any claim that is false is called supported."""

Verdict = Literal["supported", "not supported", "cannot be tested"]
Finding = Literal["supported", "undecided", "too small", "contradicted"]
_ORDER: tuple[Finding, ...] = ("supported", "undecided", "too small", "contradicted")


@dataclass(frozen=True)
class JudgedPart:
    """A part of a claim along one axis, with its effect, interval and finding.

    Attributes:
        part: the part.
        along: path of the axis; empty for an effect of all cells at once.
        effect: as it was measured.
        low, high: limits of its interval.
        finding: whether the interval is where the margin says.
    """

    part: Part
    along: str
    effect: Effect
    low: float
    high: float
    finding: Finding

    @property
    def axis(self) -> str:
        """The title of the axis; empty for an effect of all cells at once."""
        return parameter(self.along).title if self.along else ""

    @property
    def interval(self) -> str:
        """The interval as text."""
        return f"{number(self.low)} to {number(self.high)}"

    @property
    def why(self) -> str:
        """The finding as a sentence with its numbers."""
        margin = self.part.margin
        words = {
            "supported": f"the whole interval is {margin.words}",
            "undecided": f"the interval is not wholly {margin.words}",
            "too small": f"the whole interval is below {number(margin.value)}: too small to count",
            "contradicted": "the whole interval is beyond the margin on the other side",
        }[self.finding]
        note = f"; {self.effect.note}" if self.effect.note else ""
        along = f", along {self.axis}" if self.part.is_by_axis else ""
        return (
            f"{self.part.name}{along}: {number(self.effect.value)} ({self.interval}) "
            f"{self.part.unit}, over {self.effect.n_units} {self.part.units} in "
            f"{self.effect.n_blocks} blocks; {words}{note}"
        )


@dataclass(frozen=True)
class JudgedClaim:
    """A claim with its verdict.

    Attributes:
        claim: the claim.
        verdict: supported if every part is along every axis on which it can be tested; cannot be
            tested if the data do not allow it for some part.
        why: what decides, as a sentence.
        parts: the effects, a part along one axis after the other; empty if the claim cannot be
            tested.
        confidence: of each part's interval.
        untested: the axes along which a part has too little data, as sentences.
    """

    claim: Claim
    verdict: Verdict
    why: str
    parts: tuple[JudgedPart, ...]
    confidence: float | None
    untested: tuple[str, ...] = ()

    @property
    def deciding(self) -> JudgedPart | None:
        """The part that decides: the first with the worst finding; None if nothing was tested."""
        if not self.parts:
            return None
        return max(self.parts, key=lambda one: _ORDER.index(one.finding))

    @property
    def by_axis(self) -> tuple[JudgedPart, ...]:
        """The part that decides, and the same effect along the other axes."""
        deciding = self.deciding
        if deciding is None:
            return ()
        others = (one for one in self.parts if one.part is deciding.part and one is not deciding)
        return (deciding, *others)


def judge_claims(diagram: Diagram, claims: Sequence[Claim] = CLAIMS) -> list[JudgedClaim]:
    """Judge claims on a phase diagram.

    Every claim that can be tested shares the error probability `TAIL` equally (Bonferroni): each
    limit of an interval is beyond the true value with probability `TAIL` / number of such claims. A
    claim is supported if the whole interval of each of its parts is where its margin says, along
    each axis by itself. Parts and axes need no further correction, since all of them have to hold.
    An axis with too little data for a part is listed, and does not count.

    Args:
        diagram: the cells of one experiment, with phases.
        claims: those to judge.
    """
    grid = Grid(diagram)
    measured = [_measured(grid, claim) for claim in claims]
    n_tested = sum(not isinstance(one, str) for one in measured)
    tail = TAIL / max(1, n_tested)
    return [_judged(claim, one, tail) for claim, one in zip(claims, measured)]


@dataclass(frozen=True)
class _Measured:
    """The effects of a claim's parts along their axes, and those with too little data."""

    effects: tuple[tuple[Part, str, Effect], ...]
    untested: tuple[str, ...]


def _measured(grid: Grid, claim: Claim) -> _Measured | str:
    """The effects of a claim, or why it cannot be tested."""
    missing = claim.needs.missing(grid)
    if missing:
        return f"it needs {enumerated(missing)}"
    effects: list[tuple[Part, str, Effect]] = []
    untested: list[str] = []
    for part in claim.parts:
        found, reasons = _along_each(grid, part)
        if not found:
            return "; ".join(dict.fromkeys(reasons.values()))
        effects += found
        untested += [
            f"{part.name}, along {parameter(path).title}: {reason}"
            for path, reason in reasons.items()
        ]
    return _Measured(tuple(effects), tuple(untested))


def _along_each(grid: Grid, part: Part) -> tuple[list[tuple[Part, str, Effect]], dict[str, str]]:
    """The effect of a part along each of its axes, and by path why others cannot be tested."""
    effects: list[tuple[Part, str, Effect]] = []
    reasons: dict[str, str] = {}
    for path in part.along(grid):
        try:
            effects.append((part, path, part.measure(grid, path)))
        except UntestableError as reason:
            reasons[path] = f"{reason}"
    return effects, reasons


def _judged(claim: Claim, measured: _Measured | str, tail: float) -> JudgedClaim:
    if isinstance(measured, str):
        return JudgedClaim(claim, "cannot be tested", measured, (), None)
    parts = tuple(_judged_part(*one, tail) for one in measured.effects)
    supported = all(part.finding == "supported" for part in parts)
    verdict: Verdict = "supported" if supported else "not supported"
    judged = JudgedClaim(claim, verdict, "", parts, 1 - 2 * tail, measured.untested)
    return replace(judged, why=_why(judged))


def _judged_part(part: Part, along: str, effect: Effect, tail: float) -> JudgedPart:
    low, high = effect.interval(tail)
    margin = part.margin
    finding: Finding = "undecided"
    if margin.contains(low, high):
        finding = "supported"
    elif margin.opposite(low, high):
        finding = "contradicted"
    elif margin.short(high):
        finding = "too small"
    return JudgedPart(part, along, effect, low, high, finding)


def _why(judged: JudgedClaim) -> str:
    deciding = judged.deciding
    assert deciding is not None
    words = {
        "supported": "shown",
        "undecided": "not shown",
        "too small": "not shown, and the effect is too small to count",
        "contradicted": "contradicted",
    }[deciding.finding]
    return f"{words}: {deciding.why}"
