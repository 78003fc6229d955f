"""The parameters that go with the results of a bundle."""

from __future__ import annotations

import io
import json
from typing import Any

from ruamel.yaml import YAML

from landscape_catalog.catalog.experiment_rows import DECIDING_SECTIONS
from landscape_catalog.catalog.sources import Source
from landscape_catalog.errors import MissingArtifactError
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.experiment.reading import check_drawn_axes, read_experiment
from landscape_catalog.paths import Project
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.strict_json import readable_json
from landscape_catalog.schema.tables import Row

_REBUILT = """\
# The parameters that determine the results, and the thresholds, as the catalog stores them.
"""
_REBUILT_SETTINGS = """\
# The thresholds by which these published results are classified, as the catalog stores them.
"""


def parameters_of(project: Project, source: Source, experiment: Row) -> dict[str, bytes]:
    """`params.yaml` of an experiment, or `settings.yaml` of published results.

    Args:
        project: the project.
        source: of the results.
        experiment: its row of the table `experiments`.

    Raises:
        SpecError: if the file is invalid.
        MissingArtifactError: if the current `params.yaml` describes other results than the catalog.
    """
    if source.settings_path is not None:
        return {"settings.yaml": read_regular(source.settings_path)}
    thresholds = {"classify": json.loads(experiment["classify"])}
    report = {"report": {"title": source.report.title}}
    if source.publication is not None:
        return {"settings.yaml": _yaml(_REBUILT_SETTINGS, thresholds | report)}
    stored = json.loads(experiment["spec"]) | thresholds
    if source.kind != "current":
        return {"params.yaml": _yaml(_REBUILT, stored | report)}
    if _deciding(project) != stored:
        raise MissingArtifactError(
            f"{project.shown(project.params)} has other parameters than the catalog was built "
            f"with: run `dvc repro` first, or restore the file, so that the bundle holds the "
            f"parameters of its results"
        )
    return {"params.yaml": read_regular(project.params)}


def report_settings(project: Project, source: Source) -> Report:
    """How the report of a source is drawn. Raises `SpecError` if its settings are invalid."""
    if source.kind != "current":
        return source.report
    experiment = read_experiment(project.params)
    check_drawn_axes(experiment.report, experiment.load, experiment.temperature)
    return experiment.report


def _deciding(project: Project) -> dict[str, Any]:
    """What the catalog would store of the parameters."""
    stored = read_experiment(project.params).stored()
    sections = {name: value for name, value in stored.items() if name in DECIDING_SECTIONS}
    found: dict[str, Any] = json.loads(readable_json(sections | {"classify": stored["classify"]}))
    return found


def _yaml(head: str, content: dict[str, Any]) -> bytes:
    stream = io.StringIO()
    YAML().dump(content, stream)
    return (head + stream.getvalue()).encode()
