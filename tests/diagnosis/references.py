"""A made-up reference catalog and the model that is fitted on it."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np

from landscape_catalog.diagnosis.model import DiagnosisModel
from landscape_catalog.diagnosis.model.fit import fit_model
from landscape_catalog.diagnosis.result import Diagnosis
from landscape_catalog.phases import CellNumbers, Yang2021
from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from tests.diagnosis.model.grids import small_forests

WIDTHS, BATCHES, SAMPLES = (2, 4, 8, 16, 32), (512, 256, 128, 64, 32), (100, 200)


def diagram() -> Diagram:
    """50 cells: wider is better connected, small batches have a high training loss."""
    generator = np.random.default_rng(0)
    axes = (
        DiagramAxis("load.width", WIDTHS),
        DiagramAxis("load.samples", SAMPLES),
        DiagramAxis("temperature.batch_size", BATCHES),
    )
    places = np.array([(i, j, k) for i in range(5) for j in range(2) for k in range(5)], dtype=int)
    load, hot = places[:, 0] / 4, places[:, 2] / 4
    noise = generator.uniform(0.9, 1.1, len(places))
    means = {
        "train_loss": noise * 1e-5 * np.exp(10 * hot - 3 * load),
        "train_error": 4 * hot,
        "top_eigenvalue": noise * 1e-3 * np.exp(12 * hot),
        "trace": noise * 1e-2 * np.exp(12 * hot),
        "mode_connectivity": -20 * (1 - load) ** 2 * noise,
        "peak_error": 20 * (1 - load) ** 2 * noise,
        "cka": 0.2 + 0.8 * load * np.clip(noise, 0, 1),
        "l2_distance": 0.1 + 50 * noise * (1 - load),
        "test_accuracy": 60 + 20 * load - 15 * (hot - 0.6) ** 2 + 5 * places[:, 1],
    }
    rule = Yang2021()
    phases = tuple(
        rule.classify(CellNumbers(5, 5, {name: float(v[i]) for name, v in means.items()})).phase
        for i in range(len(places))
    )
    n = len(places)
    return Diagram(
        axes, ("base",), tuple(f"{i:016x}" for i in range(n)), places, np.zeros(n, int),
        np.full(n, 5), np.full(n, 5), means, phases=phases,
    )  # fmt: skip


def around(found: Diagnosis) -> DiagnosisModel:
    """A reference in the middle of whose range checkpoints lie."""
    base = diagram()
    means = dict(base.means)
    for name, values in base.means.items():
        if name == "test_accuracy":
            continue
        place = (values - values.min()) / (values.max() - values.min())
        own = found.metric(name).mean
        assert own is not None
        if name in ("train_loss", "top_eigenvalue", "trace", "l2_distance"):
            means[name] = own * np.exp(4 * (place - 0.5))
        else:
            means[name] = own + 10 * (place - 0.5)
    with small_forests():
        return fit_model(dataclasses.replace(base, means=means), Yang2021(), about=about_of(None))


def about_of(measure: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "name": "somebody",
        "experiment_id": "0" * 16,
        "classification_id": "1" * 16,
        "dataset": "digits",
        "model": "resnet18",
        "citation": "Some & Body 2024 <script>alert(1)</script>",
        "measure": measure,
    }


def model(
    measure: dict[str, Any] | None = None,
    *,
    sizes: bool = False,
    unit: str = "%",
    methods: dict[str, str] | None = None,
) -> DiagnosisModel:
    """The model of the made-up reference, which was measured as given.

    What a reference says of its measurements does not change the fit, which takes long: there
    is one for all of them (`test_what_a_reference_says_of_itself_does_not_change_the_fit`).
    """
    fitted = _fitted(sizes)
    said = {"mode_connectivity": {"unit": unit}}
    for metric, method in (methods or {}).items():
        said[metric] = {**said.get(metric, {}), "method": method}
    return fitted.model_copy(
        update={
            "reference": fitted.reference.model_copy(update={"measure": measure}),
            "features": tuple(
                one.model_copy(update=said.get(one.metric, {})) for one in fitted.features
            ),
        }
    )


@cache
def _fitted(sizes: bool) -> DiagnosisModel:
    with small_forests():
        return fit_model(diagram(), Yang2021(), about=about_of(None), sizes=sizes)
