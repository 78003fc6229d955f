"""How the phases of published grids lie, by the default thresholds and by those of the grid itself.

    python benchmarks/phase_layout.py PROJECT NAME ...

Each NAME is an import of the project (docs/imports.md). One line per diagram of width and batch
size: how many cells each phase has; the share of cells that are in the paper's order, with flat
cells colder than sharp ones in every column, and poorly connected cells narrower than connected
ones in every row of flat cells; the share of cells in the region that the paper's figures show
(`figure_regions.py`), with Cohen's kappa; by what factor the median training loss falls from sharp
to flat along a column; the phase of the best cell; and the share of labels that `auto` leaves as
they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.auto_thresholds import RULE
from benchmarks.figure_regions import agreement, figure_regions
from landscape_catalog.catalog.classification import READ, classified
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.sources import source_named
from landscape_catalog.catalog.thresholds import found_thresholds
from landscape_catalog.paths import Project
from landscape_catalog.phases import Rule, Yang2021
from landscape_catalog.phases.diagram import Diagram

PHASES = ("I", "II", "III", "IV-A", "IV-B")
SHARP, POOR = ("I", "II"), ("I", "III")
WIDTH, BATCH = "load.width", "temperature.batch_size"


def layout(project: Project, name: str) -> Iterator[str]:
    """The lines of Markdown about one import."""
    tables = source_named(project, name).tables(READ)
    rules: dict[str, Rule] = {"defaults": Yang2021(), "`auto`": RULE}
    diagrams, before = {}, None
    for title, rule in rules.items():
        found = classified(tables, rule)
        diagrams[title] = diagram_of(found)
        for one in found_thresholds(found["experiments"].row(0, named=True)):
            yield f"- `{one.name}`: {one.words}"
    yield ""
    head = [
        "",
        "",
        *PHASES,
        "?",
        "in order: sharp",
        "connected",
        "in region",
        "loss",
        "best",
        "same",
    ]
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for facet, cells in _facets(next(iter(diagrams.values()))):
        before = None
        for title, diagram in diagrams.items():
            labels = np.array(diagram.phases)
            same = "" if before is None else f"{np.mean(labels[cells] == before[cells]):.0%}"
            yield f"| {' | '.join([facet, title, *_row(diagram, labels, cells), same])} |"
            before = labels


def _facets(diagram: Diagram) -> Iterator[tuple[str, np.ndarray]]:
    """Each diagram of width and batch size: the value of what else varies, and its cells."""
    others = [axis for axis in diagram.axes if axis.path not in (WIDTH, BATCH)]
    if not others:
        yield "all", np.arange(len(diagram))
    for axis in others:
        places = diagram.places[:, diagram.axis(axis.path)]
        for i, value in enumerate(axis.values):
            yield f"{value:,}", np.flatnonzero(places == i)


def _row(diagram: Diagram, labels: np.ndarray, cells: np.ndarray) -> list[str]:
    chosen = np.zeros(len(diagram), dtype=bool)
    chosen[cells] = True
    counts = [int((labels[cells] == phase).sum()) for phase in PHASES]
    sharp, poor = np.isin(labels, SHARP), np.isin(labels, POOR)
    known = np.isin(labels, PHASES)
    columns = [line[chosen[line] & known[line]] for line in diagram.lines(BATCH)]
    rows = [line[chosen[line] & known[line] & ~sharp[line]] for line in diagram.lines(WIDTH)]
    accuracy = diagram.mean("test_accuracy")
    accuracy = np.where(chosen & known & np.isfinite(accuracy), accuracy, -np.inf)
    share, kappa = agreement(labels, figure_regions(diagram, columns))
    factor = _fall(diagram.mean("train_loss"), sharp, columns)
    return [
        *map(str, counts),
        str(len(cells) - sum(counts)),
        f"{_in_order(sharp, columns):.1%}",
        f"{_in_order(~poor, rows):.1%}",
        f"{share:.1%} ({kappa:.2f})",
        f"÷ {factor:.0f}",
        str(labels[accuracy.argmax()]),
    ]


def _in_order(upper: np.ndarray, lines: list[np.ndarray]) -> float:
    """The share of cells that need not change so that in each line the upper ones come last."""
    wrong = total = 0
    for line in lines:
        last = upper[line]
        before = np.concatenate([[0], np.cumsum(last)])
        after = np.concatenate([np.cumsum(~last[::-1])[::-1], [0]])
        wrong += int((before + after).min())
        total += len(line)
    return 1 - wrong / total


def _fall(losses: np.ndarray, sharp: np.ndarray, columns: list[np.ndarray]) -> float:
    """The median over columns of the factor between the losses of sharp and flat cells."""
    factors = [
        float(np.median(losses[line][sharp[line]]) / np.median(losses[line][~sharp[line]]))
        for line in columns
        if sharp[line].any() and not sharp[line].all()
    ]
    return float(np.median(factors))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    for name in arguments.names:
        print(f"\n{name}\n")
        for line in layout(Project(arguments.project), name):
            print(line)


if __name__ == "__main__":
    main()
