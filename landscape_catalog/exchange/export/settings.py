"""The parameters that go with the results of a bundle."""

from __future__ import annotations

import io
import json
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from landscape_catalog.catalog.build import DECIDING_SECTIONS
from landscape_catalog.catalog.sources import Source
from landscape_catalog.errors import MissingArtifactError
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.experiment.reading import read_experiment, read_report
from landscape_catalog.paths import Project
from landscape_catalog.regular import read_regular

_REBUILT = """\
# The parameters that determine the results, as the catalog stores them, and the thresholds.
"""


def parameters_of(
    project: Project, source: Source, tables: dict[str, pl.DataFrame]
) -> dict[str, bytes]:
    """`params.yaml` of an experiment, or `settings.yaml` of published results.

    Raises:
        SpecError: if the file is invalid.
        MissingArtifactError: if the current `params.yaml` describes other results than the catalog.
    """
    if source.settings_path is not None:
        return {"settings.yaml": read_regular(source.settings_path)}
    experiment = tables["experiments"].row(0, named=True)
    stored = json.loads(experiment["spec"]) | {"classify": json.loads(experiment["classify"])}
    if source.kind != "current":
        return {"params.yaml": _yaml(stored)}
    if _deciding(project) != stored:
        raise MissingArtifactError(
            f"{project.shown(project.params)} has other parameters than the catalog was built "
            f"with: run `dvc repro` first, or restore the file, so that the bundle holds the "
            f"parameters of its results"
        )
    return {"params.yaml": read_regular(project.params)}


def report_settings(project: Project, source: Source) -> Report:
    """How the report of a source is drawn. Raises `SpecError` if its settings are invalid."""
    return read_report(project.params) if source.kind == "current" else source.report


def _deciding(project: Project) -> dict[str, Any]:
    """What the catalog would store of the parameters."""
    stored = read_experiment(project.params).stored()
    sections = {name: value for name, value in stored.items() if name in DECIDING_SECTIONS}
    found: dict[str, Any] = json.loads(json.dumps(sections | {"classify": stored["classify"]}))
    return found


def _yaml(content: dict[str, Any]) -> bytes:
    stream = io.StringIO()
    YAML().dump(content, stream)
    return (_REBUILT + stream.getvalue()).encode()
