"""Which panels figures show: those that are named, or the ones of the paper's Figure 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from landscape_catalog.errors import QueryError, shown
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports.charts.slices import SliceChart, slices
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.panels import PanelChart, every_panel, panels, room_panel

PHASES = PanelChart("phases", "", "Phases of training", "", "", "phase", "phase", (), "", "")
"""The phase diagram, as a panel of figures."""


def chosen_panels(
    data: ReportData, names: Sequence[str], settings: Report, *, primary: bool = False
) -> list[PanelChart]:
    """The panels of a figure.

    Args:
        data: the cells.
        names: of panels: `phases`, `room`, a metric with all of its probes, or one probe of it.
            None given: `report.panels` or else those of Figure 2 in its order, and the phases.
        settings: of the report.
        primary: without names, leave out other probes and snapshots than the primary one.

    Raises:
        QueryError: if there is no panel of a name.
        SpecError: if `report.panels` names none.
    """
    if not names:
        found = panels(data, settings.panels)
        return [*(_primary(found) if primary else found), PHASES]
    known = _known(data)
    wrong = [name for name in names if name not in known]
    if wrong:
        allowed = [*known, *(one.key for one in slices(data))]
        raise QueryError(f"PANEL: got {shown(wrong[0])}; allowed: {', '.join(allowed)}")
    chosen = [panel for name in names for panel in known[name]]
    return list({panel.key: panel for panel in chosen}.values())


def chosen_slices(data: ReportData, names: Sequence[str]) -> tuple[list[SliceChart], list[str]]:
    """The slices among some names, such as `slice-y-cka`, and the other names."""
    known = {one.key: one for one in slices(data)}
    found = [known[name] for name in dict.fromkeys(names) if name in known]
    return found, [name for name in names if name not in known]


def _primary(found: list[PanelChart]) -> list[PanelChart]:
    """The first panel of each metric, without the name of its probe."""
    first: dict[str, PanelChart] = {}
    for panel in found:
        first.setdefault(panel.metric, panel)
    return [
        replace(one, title=one.title.rpartition(": ")[0] or one.title) for one in first.values()
    ]


def _known(data: ReportData) -> dict[str, list[PanelChart]]:
    """The panels that each name stands for."""
    known: dict[str, list[PanelChart]] = {"phases": [PHASES]}
    for panel in every_panel(data):
        known.setdefault(panel.metric, []).append(panel)
    for panel in every_panel(data):
        known.setdefault(panel.key, [panel])
    if data.rule.table is not None:
        known["room"] = [room_panel()]
    return known
