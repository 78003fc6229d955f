"""The report: a single self-contained HTML file that works offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import polars as pl

from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.phases.facts.best import best_of_all
from landscape_catalog.reports.data.about import about, asked_of
from landscape_catalog.reports.data.compared import Sides
from landscape_catalog.reports.data.difference_words import difference_words
from landscape_catalog.reports.data.finding import finding
from landscape_catalog.reports.data.next_steps import next_steps
from landscape_catalog.reports.page.claims import claims_section
from landscape_catalog.reports.page.difference import difference_section
from landscape_catalog.reports.page.document import document
from landscape_catalog.reports.page.embed import REPORT, script
from landscape_catalog.reports.page.facts import facts_section
from landscape_catalog.reports.page.figures import make_figures
from landscape_catalog.reports.page.first import phase_section
from landscape_catalog.reports.page.header import header
from landscape_catalog.reports.page.records import cells_section, provenance_section
from landscape_catalog.reports.page.sections import (
    coordinates_section,
    curves_section,
    gain_section,
    panels_section,
    slices_section,
)
from landscape_catalog.schema.tables import Row

DRAWER = '<aside id="drawer" tabindex="-1" aria-label="The selected cell" hidden></aside>'


def build_page(
    tables: dict[str, pl.DataFrame],
    settings: Report,
    found: Sequence[Row] = (),
    remarks: Sequence[str] = (),
    *,
    sides: Sides | None = None,
    known: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The report as HTML; it depends only on the catalog and the report settings.

    Args:
        tables: the catalog.
        settings: title, axes with their scales, and panels.
        found: where results that were not computed here come from: rows of the table `sources`.
        remarks: what else is to be borne in mind, as warnings.
        sides: of the tables of two compared experiments. Their difference is drawn, and the claims
            of the paper are not judged: they are about a single experiment.
        known: the source's name in the catalog by its name here, which may be that of a revision.
    """
    figures, cells = make_figures(tables, settings, sides), diagram_of(tables)
    if figures.difference is None:
        best = best_of_all(cells)
        said = finding(tables, figures.data, best)
        following = next_steps(tables, figures.data, best)
    else:
        said, following = difference_words(figures.data, figures.difference), ""
    body = [
        "<main>",
        header(settings.title, said, following, tables, figures.data, found, remarks),
        phase_section(tables, figures),
        difference_section(figures),
        panels_section(tables, figures),
        slices_section(tables, figures),
        facts_section(tables, cells),
        coordinates_section(figures),
        gain_section(figures),
        curves_section(figures),
        cells_section(figures.data),
        claims_section(cells) if sides is None else "",
        provenance_section(tables, found),
        "</main>",
        DRAWER,
    ]
    asked = asked_of(found, sides, known)
    seeds = max(tables["cells"]["n_runs"].drop_nulls().to_list(), default=None)
    told = about(figures.data, figures.axes, own=not found, seeds=seeds, asked=asked)
    return document(settings.title, body, script(figures.charts, figures.tables, told, REPORT))
