"""The rule of verdicts: intervals that hold together, compared with margins fixed in advance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from landscape_catalog.phases.claims.claim import Claim, Effect, Part, UntestableError
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.margins import number
from landscape_catalog.phases.claims.registry import CLAIMS
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.schema.words import enumerated

TAIL = 0.05
"""Probability that any claim that is false is called supported; likewise contradicted."""

Verdict = Literal["supported", "not supported", "cannot be tested"]
Finding = Literal["supported", "undecided", "too small", "contradicted"]
_ORDER: tuple[Finding, ...] = ("supported", "undecided", "too small", "contradicted")


@dataclass(frozen=True)
class JudgedPart:
    """A part of a claim with its effect, interval and finding."""

    part: Part
    effect: Effect
    low: float
    high: float
    finding: Finding

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
        return (
            f"{self.part.name}: {number(self.effect.value)} ({self.interval}) "
            f"{self.part.unit}, over {self.effect.n_units} {self.part.units} in "
            f"{self.effect.n_blocks} blocks; {words}{note}"
        )


@dataclass(frozen=True)
class JudgedClaim:
    """A claim with its verdict.

    Attributes:
        claim: the claim.
        verdict: supported if every part is; cannot be tested if the data do not allow it.
        why: what decides, as a sentence.
        parts: the effects; empty if the claim cannot be tested.
        confidence: of each part's interval.
    """

    claim: Claim
    verdict: Verdict
    why: str
    parts: tuple[JudgedPart, ...]
    confidence: float | None

    @property
    def deciding(self) -> JudgedPart | None:
        """The part that decides: the first with the worst finding; None if nothing was tested."""
        if not self.parts:
            return None
        return max(self.parts, key=lambda one: _ORDER.index(one.finding))


def judge_claims(diagram: Diagram, claims: Sequence[Claim] = CLAIMS) -> list[JudgedClaim]:
    """Judge claims on a phase diagram.

    Every claim that can be tested shares the error probability `TAIL` equally (Bonferroni): each
    limit of an interval is beyond the true value with probability `TAIL` / number of such claims. A
    claim is supported if the whole interval of each of its parts is where its margin says. Parts
    need no further correction, since all of them have to hold.

    Args:
        diagram: the cells of one experiment, with phases.
        claims: those to judge.
    """
    grid = Grid(diagram)
    measured = [_measured(grid, claim) for claim in claims]
    n_tested = sum(not isinstance(one, str) for one in measured)
    tail = TAIL / max(1, n_tested)
    return [_judged(claim, one, tail) for claim, one in zip(claims, measured)]


def _measured(grid: Grid, claim: Claim) -> list[Effect] | str:
    """The effects of a claim, or why it cannot be tested."""
    missing = claim.needs.missing(grid)
    if missing:
        return f"it needs {enumerated(missing)}"
    try:
        return [part.measure(grid) for part in claim.parts]
    except UntestableError as reason:
        return f"{reason}"


def _judged(claim: Claim, measured: list[Effect] | str, tail: float) -> JudgedClaim:
    if isinstance(measured, str):
        return JudgedClaim(claim, "cannot be tested", measured, (), None)
    parts = tuple(_judged_part(part, effect, tail) for part, effect in zip(claim.parts, measured))
    supported = all(part.finding == "supported" for part in parts)
    judged = JudgedClaim(
        claim, "supported" if supported else "not supported", "", parts, 1 - 2 * tail
    )
    return JudgedClaim(claim, judged.verdict, _why(judged), parts, judged.confidence)


def _judged_part(part: Part, effect: Effect, tail: float) -> JudgedPart:
    low, high = effect.interval(tail)
    margin = part.margin
    finding: Finding = "undecided"
    if margin.contains(low, high):
        finding = "supported"
    elif margin.opposite(low, high):
        finding = "contradicted"
    elif margin.short(high):
        finding = "too small"
    return JudgedPart(part, effect, low, high, finding)


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
