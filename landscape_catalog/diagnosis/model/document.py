"""A diagnosis model as it is stored: JSON that holds everything its answers follow from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from landscape_catalog.diagnosis.model.answer import Action, Advice, Answer, Neighbour
from landscape_catalog.diagnosis.model.features import CANDIDATES, transformed
from landscape_catalog.errors import DamagedFileError, MissingArtifactError
from landscape_catalog.phases.registry import Classify
from landscape_catalog.phases.rule import Rule
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.records import VALUES, Values
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import explained_damage, write_file

VERSION = 1
REMEDY = "fit it again with `landscape diagnose fit`"
NEAREST = 5

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Part(Values):
    """Base class of the parts of a model: every number is finite, null where it is unknown."""

    model_config = ConfigDict(**{**VALUES, "allow_inf_nan": False, "defer_build": False})


class ReferenceAxis(Part):
    """An axis of the reference's grid."""

    path: str
    """Its dotted path."""
    values: tuple[Any, ...]
    """Its values, towards less load or a higher temperature."""


class Reference(Part):
    """The results that a model was fitted on."""

    name: str
    """Of the source, such as `current` or the name of an import."""
    experiment_id: str
    """The experiment."""
    classification_id: str
    """The experiment under its phase rule."""
    dataset: str
    """Name of the dataset."""
    model: str
    """Name of the network."""
    axes: tuple[ReferenceAxis, ...]
    """Of the whole grid."""
    n_cells: int
    """Number of cells that the model was fitted on."""
    n_grid: int
    """Number of cells of the whole grid, from which gains were computed."""
    citation: str | None = None
    """Where results of others were published."""
    measure: dict[str, Any] | None = None
    """How its cells were measured: the section `measure` of its experiment; null if unknown."""


class Feature(Part):
    """A metric or size that the model takes."""

    metric: str
    """Name of the metric, or dotted path of the size."""
    logarithmic: bool
    """Whether the model takes its natural logarithm."""
    low: Finite
    """Smallest value among the fitted cells, before the logarithm."""
    high: Finite
    """Largest value among the fitted cells."""
    unit: str = ""
    """Of its values."""
    method: str = ""
    """How it was measured, in words; empty if the source does not say."""


class ReferenceCells(Part):
    """The fitted cells, one entry of every list per cell."""

    coordinates: dict[str, tuple[Any, ...]]
    """Their parameters, by dotted path."""
    features: dict[str, tuple[Finite | None, ...]]
    """Values of the features, before the logarithm."""
    test_accuracy: tuple[Finite | None, ...]
    """In percent; null where unknown."""
    phase: tuple[str, ...]
    """Name of the phase."""
    gains: dict[Action, tuple[Finite | None, ...]]
    """Gain of each action over the whole grid, in percentage points of test accuracy."""


class DiagnosisModel(Part):
    """What changes are worth, by the metrics of a training; fitted on a reference catalog."""

    version: Literal[1] = VERSION
    """Version of this form."""
    reference: Reference
    """What it was fitted on."""
    features: tuple[Feature, ...]
    """What it takes, in order."""
    rule: Classify
    """The phase rule of the reference, with the thresholds in effect."""
    cells: ReferenceCells
    """The fitted cells."""

    def answer(
        self, numbers: Mapping[str, float], *, sizes: Mapping[str, float] | None = None
    ) -> Answer:
        """What the model says of a training with these metrics.

        Args:
            numbers: means of metrics by name, as the catalog has them; NaN or absent if unknown.
            sizes: width, samples and batch size by dotted path, for a model that takes them.
        """
        given = {**numbers, **(sizes or {})}
        own = [float(given.get(feature.metric, np.nan)) for feature in self.features]
        missing = tuple(f.metric for f, value in zip(self.features, own) if np.isnan(value))
        outside = tuple(_outside(f, value) for f, value in zip(self.features, own) if _is_outside(f, value))
        nearest, distances = self._nearest(np.array(own))
        advice: tuple[Advice, ...] = ()
        probabilities = {}
        if not outside and not missing:
            advice, probabilities = self._advice(nearest[:20])
        return Answer(
            outside=outside,
            missing=missing,
            probabilities=probabilities,
            advice=advice,
            nearest=tuple(self._neighbour(i, distances[i]) for i in nearest[:NEAREST]),
            phase_prior=self.phase_prior,
        )

    @property
    def phase_prior(self) -> dict[str, float]:
        """The share of each phase among the fitted cells."""
        names, counts = np.unique(self.cells.phase, return_counts=True)
        return {str(name): float(n / counts.sum()) for name, n in zip(names, counts)}

    def _nearest(self, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = []
        for feature, value in zip(self.features, own):
            values = np.array(self.cells.features[feature.metric], dtype=float)
            theirs, mine = transformed(feature.metric, np.append(values, value))[:-1], transformed(feature.metric, np.array([value]))
            scale = np.nanstd(theirs) or 1.0
            columns.append(((theirs - mine) / scale) ** 2)
        known = np.array(columns)
        known = known[~np.isnan(own)]
        if not len(known):
            return np.array([], dtype=int), np.array([])
        distances = np.sqrt(np.nanmean(known, axis=0))
        return np.argsort(distances, kind="stable"), distances

    def _neighbour(self, i: int, distance: float) -> Neighbour:
        accuracy = self.cells.test_accuracy[i]
        return Neighbour(
            coordinates={path: values[i] for path, values in self.cells.coordinates.items()},
            distance=float(distance),
            phase=self.cells.phase[i],
            test_accuracy=np.nan if accuracy is None else accuracy,
        )

    def _advice(self, near: np.ndarray):
        found = []
        for action, values in self.cells.gains.items():
            own = np.array(values, dtype=float)[near]
            low, high = np.nanquantile(own, [0.05, 0.95])
            found.append(Advice(action, float(np.nanmean(own)), float(low), float(high), float(np.mean(own > 0)), "similar cells of the reference gained by it"))
        found.sort(key=lambda a: -a.gain)
        gains = {a: np.array(v, dtype=float)[near] for a, v in self.cells.gains.items()}
        from landscape_catalog.diagnosis.model.labels import differences
        return tuple(found), {q: float(np.mean(v > 0)) for q, v in differences(gains).items()}


def _is_outside(feature: Feature, value: float) -> bool:
    return not np.isnan(value) and not feature.low <= value <= feature.high


def _outside(feature: Feature, value: float) -> str:
    words = CANDIDATES[feature.metric].words
    return f"{words} {value:.4g} is outside the reference's range, {feature.low:.4g} to {feature.high:.4g}"


def read_model(path: Path) -> DiagnosisModel:
    """Read a model.

    Raises:
        MissingArtifactError: if there is no such file.
        DamagedFileError: if it is not a model of this version.
    """
    try:
        with explained_damage(path):
            content = read_regular(path)
    except FileNotFoundError:
        raise MissingArtifactError(f"{path} does not exist; {REMEDY}") from None
    try:
        found = json.loads(content.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is no diagnosis model: {error}; {REMEDY}") from None
    version = found.get("version") if isinstance(found, dict) else None
    if version != VERSION:
        raise DamagedFileError(f"{path}: version: got {version!r}; allowed: {VERSION}; {REMEDY}")
    try:
        return DiagnosisModel.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedFileError(f"{path}: {where}: {first['msg']}; {REMEDY}") from None


def write_model(path: Path, model: DiagnosisModel) -> None:
    """Write a model: the same model gives the same bytes. Raises StorageError."""
    text = strict_json(model.model_dump(mode="json"), indent=1, sort_keys=True)
    write_file(path, text.encode() + b"\n")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")
