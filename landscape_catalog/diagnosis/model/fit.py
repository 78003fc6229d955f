"""Fits a diagnosis model to the cells of a phase diagram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from landscape_catalog.diagnosis.model.document import (
    DiagnosisModel,
    Feature,
    Reference,
    ReferenceAxis,
    ReferenceCells,
)
from landscape_catalog.diagnosis.model.features import CANDIDATES, feature_values
from landscape_catalog.diagnosis.model.labels import gains
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.rule import Rule


def fit_model(
    diagram: Diagram,
    rule: Rule,
    *,
    about: Mapping[str, Any],
    methods: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    chosen: np.ndarray | None = None,
    sizes: bool = False,
) -> DiagnosisModel:
    """Fit a model on cells of a diagram.

    Args:
        diagram: the whole grid; gains are computed from it.
        rule: its phase rule, with the thresholds in effect.
        about: `name`, `experiment_id`, `classification_id`, `dataset`, `model`, `citation`.
        methods: how each metric was measured, in words.
        units: of each metric.
        chosen: indices of the cells that the model is fitted on; None: all.
        sizes: whether the model takes width, samples and batch size too.
    """
    values = feature_values(diagram, sizes=sizes)
    gain = gains(diagram)
    where = np.arange(len(diagram)) if chosen is None else np.asarray(chosen)
    known = [~np.isnan(values[name][where]) for name in values] + [~np.isnan(g[where]) for g in gain.values()]
    where = where[np.all(known, axis=0)]
    features = tuple(
        Feature(
            metric=name,
            logarithmic=CANDIDATES[name].logarithmic,
            low=float(value[where].min()),
            high=float(value[where].max()),
            unit=(units or {}).get(name, ""),
            method=(methods or {}).get(name, ""),
        )
        for name, value in values.items()
    )
    axes = tuple(ReferenceAxis(path=axis.path, values=axis.values) for axis in diagram.axes)
    return DiagnosisModel(
        reference=Reference(**about, axes=axes, n_cells=len(where), n_grid=len(diagram)),
        features=features,
        rule=rule,
        cells=ReferenceCells(
            coordinates={
                axis.path: tuple(axis.values[i] for i in diagram.places[where, place])
                for place, axis in enumerate(diagram.axes)
            },
            features={name: tuple(value[where].tolist()) for name, value in values.items()},
            test_accuracy=tuple(diagram.mean(diagram.performance)[where].tolist()),
            phase=tuple(diagram.phases[i] for i in where) if diagram.phases else (),
            gains={action: tuple(g[where].tolist()) for action, g in gain.items()},
        ),
    )
