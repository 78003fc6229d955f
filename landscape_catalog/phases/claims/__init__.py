"""The empirical claims of Yang et al. 2021, judged on a phase diagram."""

from landscape_catalog.phases.claims.claim import Claim, Needs, Part, UntestableError
from landscape_catalog.phases.claims.margins import number
from landscape_catalog.phases.claims.registry import CLAIMS
from landscape_catalog.phases.claims.revisions import REVISIONS, revisions_words
from landscape_catalog.phases.claims.verdict import TAIL, JudgedClaim, JudgedPart, judge_claims

__all__ = [
    "CLAIMS",
    "REVISIONS",
    "TAIL",
    "Claim",
    "JudgedClaim",
    "JudgedPart",
    "Needs",
    "Part",
    "UntestableError",
    "judge_claims",
    "number",
    "revisions_words",
]
