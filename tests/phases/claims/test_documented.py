"""docs/claims.md says of every claim what the code does."""

from __future__ import annotations

import pytest

from landscape_catalog.phases.claims import CLAIMS, REVISIONS, Claim
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_every_claim_is_documented_with_its_effects_and_margins(claim: Claim) -> None:
    assert f"**`{claim.name}`.** {claim.statement}" in PAGE
    for part in claim.parts:
        assert f"| {part.name} | {part.unit} | {part.margin.words} |" in PAGE


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_every_claim_has_a_verdict_on_the_published_grids(claim: Claim) -> None:
    table = PAGE.partition("## Verdicts")[2]
    assert f"| `{claim.name}` |" in table


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_of_the_tests_is_documented(revision: str) -> None:
    said = PAGE.partition("## What was changed after the first run")[2]
    assert f"**{revision[0].upper()}{revision[1:]}.**" in said
