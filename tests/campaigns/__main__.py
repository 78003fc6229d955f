"""Run campaigns and print how their cases ended, as a table in Markdown."""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.campaigns.campaigns import CAMPAIGNS, Campaign
from tests.campaigns.outcome import Outcome

LONGEST_CASE = 300.0


def main() -> int:
    """Run the campaigns that the command line names; returns 1 if a case ended badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CAMPAIGNS)}; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of each campaign's cases")
    parser.add_argument("--case", help="NAME:NUMBER, a single case")
    given = parser.parse_args()
    single, _, number = (given.case or "").partition(":")
    names = [single] if single else given.names or list(CAMPAIGNS)
    print("| campaign | cases | right | refused in words | traceback | no end | wrong | seconds |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    bad: list[Outcome] = []
    for name in names:
        campaign = CAMPAIGNS[name]
        n = max(1, round(given.share * campaign.n_cases))
        started = time.monotonic()
        found = run(campaign, given.seed, [int(number)] if single else list(range(n)))
        kinds = Counter(outcome.kind for outcome in found)
        counts = [kinds[kind] for kind in ("right", "refused", "traceback", "hang", "wrong")]
        seconds = round(time.monotonic() - started)
        print("|", " | ".join(map(str, [name, len(found), *counts, seconds])), "|", flush=True)
        bad += [outcome for outcome in found if not outcome.is_good]
        if single:
            print(*found, sep="\n", file=sys.stderr)
    for outcome in bad:
        print(f"\n{outcome.case}: {outcome.kind}\n{outcome.said}", file=sys.stderr)
    return int(bool(bad))


def run(campaign: Campaign, seed: int, numbers: list[int]) -> list[Outcome]:
    """Run these cases of a campaign, each from the seed and its own number."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        case = campaign.prepared(Path(folder))
        for number in numbers:
            # For what blocks where no signal interrupts it.
            faulthandler.dump_traceback_later(LONGEST_CASE, exit=True)
            found.append(case(number, random.Random(f"{seed} {number}")))
            faulthandler.cancel_dump_traceback_later()
    return found


if __name__ == "__main__":
    sys.exit(main())
