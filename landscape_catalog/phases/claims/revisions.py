"""What was changed in the tests of the claims after they had been run on data, in order.

docs/claims.md has each with the verdicts that it changed.
"""

from __future__ import annotations

REVISIONS: tuple[str, ...] = (
    "the error is measured around a linear trend along the grid's axes",
    "each axis is judged by itself",
)
"""Each revision as a clause; statements, effects and margins are as they were first committed."""


def revisions_words() -> str:
    """What was fixed before any data were seen and what was not, as sentences."""
    changed = "; ".join(f"({i}) {words}" for i, words in enumerate(REVISIONS, start=1))
    return (
        "Statements, effects and margins were fixed before any data were seen. The tests were "
        f"changed after runs on published data: {changed}."
    )
