"""The index: a page with a line for each experiment of the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from landscape_catalog.phases import SURE
from landscape_catalog.reports.data.overview import Overview
from landscape_catalog.reports.page.document import document
from landscape_catalog.reports.page.embed import resource
from landscape_catalog.reports.page.markup import hint, section, text
from landscape_catalog.schema.words import counted

TITLE = "Experiments of this catalog"
COLUMNS = ("Experiment", "Data", "Network", "Grid", "Phases", "Sure labels", "Best cell", "Report")
SORTED = COLUMNS[:7]


@dataclass(frozen=True)
class Entry:
    """A line of the index.

    Attributes:
        name: of the source.
        kind: `current`, `imported` or `collected`.
        overview: what is in it; None if it cannot be read.
        problem: why it cannot be read.
        page: its report, relative to the index; empty if there is none yet.
        command: the command that writes the report.
        same: other sources with the same content.
    """

    name: str
    kind: str
    overview: Overview | None = None
    problem: str = ""
    page: str = ""
    command: str = ""
    same: tuple[str, ...] = ()


def build_index(entries: Sequence[Entry], others: Sequence[tuple[str, str]] = ()) -> str:
    """The index as HTML.

    Args:
        entries: the lines, in order.
        others: title and place, relative to the index, of reports that are of no line, such as
            those of two experiments compared.
    """
    n_cells = sum(entry.overview.n_cells for entry in entries if entry.overview is not None)
    words = (
        f"{counted(len(entries), 'experiment')} with {counted(n_cells, 'cell')}. A label is sure "
        f"if as many fresh seeds would give it again with a probability of at least {SURE:.0%}. "
        "Headings sort."
    )
    heads = "".join(_head(i, name) for i, name in enumerate(COLUMNS))
    lines = "".join(map(_line, entries))
    table = f'<table class="index"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>'
    body = [
        "<main>",
        f"<header><h1>{text(TITLE)}</h1>{hint(words)}</header>",
        section(f'<div class="wide">{table}</div>'),
        _others(others),
        "</main>",
    ]
    script = f"<script type='module'>{resource('scripts/index.js')}\n</script>"
    return document(TITLE, body, script, ("style.css", "index.css"))


def _others(others: Sequence[tuple[str, str]]) -> str:
    """Links to further reports, if there are any."""
    if not others:
        return ""
    items = "".join(
        f'<li><a href="{text(quote(place))}">{text(title)}</a></li>' for title, place in others
    )
    return section(f"<h2>Comparisons and revisions</h2><ul>{items}</ul>")


def _head(place: int, name: str) -> str:
    inner = f'<button type="button">{text(name)}</button>' if name in SORTED else text(name)
    return f'<th scope="col" data-column="{place}">{inner}</th>'


def _line(entry: Entry) -> str:
    known = entry.overview
    if known is None:
        first = _first(entry.name, entry)
        rest = f'<td colspan="6" class="problem">{text(entry.problem)}</td>'
        return f"<tr>{first}{rest}<td></td></tr>"
    n_sure = "unknown" if known.sure is None else f"{known.sure} of {known.n_cells}"
    share = -1.0 if known.sure is None or not known.n_cells else known.sure / known.n_cells
    best = f"<strong>{text(known.best)}</strong><br>{text(known.best_at)}" if known.best else "none"
    return (
        "<tr>"
        + _first(known.title, entry)
        + _cell(1, text(known.dataset), known.dataset)
        + _cell(2, text(known.network), known.network)
        + _cell(3, text(" × ".join(known.axes)), known.n_cells)
        + _cell(4, _bar(known), _share_of_last(known))
        + _cell(5, text(n_sure), share)
        + _cell(6, best, "" if known.best_value is None else known.best_value)
        + _cell(7, _report(entry), "")
        + "</tr>"
    )


def _first(title: str, entry: Entry) -> str:
    """Title, name, and what else has the same content."""
    also = f"; the same as {', '.join(entry.same)}" if entry.same else ""
    kind = "" if entry.kind == entry.name else f", {entry.kind}"
    said = f'<span class="hint">{text(f"{entry.name}{kind}{also}")}</span>'
    return (
        f'<th scope="row" data-name="{text(COLUMNS[0])}" data-sort="{text(title)}">{text(title)}'
        f"<br>{said}</th>"
    )


def _cell(column: int, inner: str, key: object) -> str:
    return f'<td data-name="{text(COLUMNS[column])}" data-sort="{text(key)}">{inner}</td>'


def _share_of_last(known: Overview) -> float:
    """By what phases are sorted: the share of cells in the last phase, as IV-B, that occurs."""
    own = [count for name, _, count in known.phases if name not in ("NC", "unclassified")]
    return own[-1] / known.n_cells if own else 0.0


def _bar(known: Overview) -> str:
    """The cells by phase as a bar of colours, and in words."""
    words = ", ".join(f"{name} {count}" for name, _, count in known.phases)
    parts = "".join(
        f'<span style="flex-grow:{count};background:{text(colour)}" title="{text(name)}: '
        f'{counted(count, "cell")}"></span>'
        for name, colour, count in known.phases
    )
    return f'<div class="bar" aria-hidden="true">{parts}</div><span>{text(words)}</span>'


def _report(entry: Entry) -> str:
    if entry.page:
        return f'<a href="{text(quote(entry.page))}">open the report of {text(entry.name)}</a>'
    words = " ".join(f"<span>{text(word)}</span>" for word in entry.command.split())
    return f"not written yet:<br><code>{words}</code>"
