"""The report: a single self-contained HTML file that works offline."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports.data.about import about
from landscape_catalog.reports.page.claims import claims_section
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
    judged: bool = True,
) -> str:
    """The report as HTML; it depends only on the catalog and the report settings.

    Args:
        tables: the catalog.
        settings: title, axes with their scales, and panels.
        found: where results that were not computed here come from: rows of the table `sources`.
        remarks: what else is to be borne in mind, as warnings.
        judged: whether the claims of the paper are judged on the cells; they are about a single
            experiment.
    """
    figures, cells = make_figures(tables, settings), diagram_of(tables)
    body = [
        "<main>",
        header(settings.title, tables, figures.data, found, remarks),
        phase_section(tables, figures),
        panels_section(tables, figures),
        slices_section(tables, figures),
        facts_section(tables, cells),
        coordinates_section(figures),
        gain_section(figures),
        curves_section(figures),
        cells_section(figures.data),
        claims_section(cells) if judged else "",
        provenance_section(tables, found),
        "</main>",
        DRAWER,
    ]
    known = about(figures.data, figures.axes, own=not found)
    return document(settings.title, body, script(figures.charts, figures.tables, known, REPORT))
