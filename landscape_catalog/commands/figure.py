"""Static figures of an experiment for papers and slides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from landscape_catalog.catalog.sources import CURRENT
from landscape_catalog.errors import QueryError, shown
from landscape_catalog.exchange.collect.named import source_or_revision
from landscape_catalog.exchange.export.output import require_outside_of_stages
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.experiment.reading import check_report_of, read_report
from landscape_catalog.paths import Project, file_name
from landscape_catalog.reports.data.cells import ReportData, report_data
from landscape_catalog.reports.figures.choice import chosen_panels, chosen_slices
from landscape_catalog.reports.figures.figure import figure_bytes, figure_svg
from landscape_catalog.reports.figures.lines import slice_svg
from landscape_catalog.reports.figures.style import SINGLE, STYLES, Style
from landscape_catalog.store.files import explained_storage, write_file


def write_figures(
    root: Path,
    names: Sequence[str] = (),
    formats: Sequence[str] = ("svg",),
    layout: str = "single",
    output: Path | None = None,
    source: str = CURRENT,
) -> str:
    """Draw panels of an experiment and write them as files, and say where they are.

    Args:
        root: of the project.
        names: of panels; none: those of Figure 2 and the phase diagram.
        formats: `svg`, `pdf` or `png`.
        layout: `single`: a file for each panel, as wide as a column; `paper`: all panels in one
            file, as wide as a page.
        output: the folder; None: the project's `reports/figures`.
        source: whose cells: a source, or a Git revision or DVC experiment.

    Raises:
        QueryError: if there is no such source or panel, no cell, or the folder is a file.
        UserError: if the folder lies where the stages write.
        RepositoryError: if Git fails.
        SpecError: if the settings of the report are invalid.
        MissingArtifactError, DamagedFileError: if the catalog cannot be read.
        StorageError: if a file cannot be written.
    """
    project = Project(root)
    folder = project.figures(source) if output is None else output
    if output is not None:
        _check_folder(output, project)
    found = source_or_revision(project, source)
    tables = found.tables()
    settings = read_report(project.params) if source == CURRENT else found.report
    if tables["experiments"].is_empty() or tables["cells"].is_empty():
        raise QueryError(f"--source: got {shown(source)}, whose catalog has no cells to draw")
    if source == CURRENT:
        check_report_of(settings, tables["experiments"]["spec"].item())
    data, style = report_data(tables, settings), STYLES[layout]
    lines = []
    for name, svg in _drawn(data, names, settings, style):
        with explained_storage(folder, every=True):
            folder.mkdir(parents=True, exist_ok=True)
        for form in dict.fromkeys(formats):
            path = folder / f"{file_name(name)}.{form}"
            write_file(path, figure_bytes(svg, form))
            lines.append(f"figure: {project.shown(path)}")
    return "\n".join(lines)


def _drawn(
    data: ReportData, names: Sequence[str], settings: Report, style: Style
) -> Iterator[tuple[str, str]]:
    """Names of figures with their SVG; names of panels are looked up before anything is drawn."""
    slices, others = chosen_slices(data, names)
    if slices and style is not SINGLE:
        raise QueryError(
            f"PANEL: got {shown(slices[0].key)}, which is no map of the grid; allowed with "
            f"--layout {style.name}: panels that are; --layout single draws it"
        )
    panels = []
    if others or not slices:
        panels = chosen_panels(data, others, settings, primary=style is not SINGLE)
    if style is not SINGLE:
        yield style.name, figure_svg(data, panels, style)
        return
    for panel in panels:
        yield panel.key, figure_svg(data, [panel], style)
    for one in slices:
        yield one.key, slice_svg(data, one, style)


def _check_folder(folder: Path, project: Project) -> None:
    """Check the folder that somebody typed, before any work."""
    require_outside_of_stages(folder, project, "a folder elsewhere", "--output: ")
    with explained_storage(folder, every=True):
        if folder.exists() and not folder.is_dir():
            given = f"got {shown(str(folder))}, which is a file"
            raise QueryError(f"--output: {given}; allowed: a folder")
