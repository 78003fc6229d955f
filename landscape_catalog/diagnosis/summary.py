"""Puts together the result of a diagnosis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from landscape_catalog.catalog.shared_errors import error_of_cell_mean
from landscape_catalog.diagnosis.checkpoints import Checkpoint
from landscape_catalog.diagnosis.data import DiagnosedData
from landscape_catalog.diagnosis.landscape import DiagnosedLandscape
from landscape_catalog.diagnosis.measuring import Measurements, counts
from landscape_catalog.diagnosis.method import method_in_words
from landscape_catalog.diagnosis.networks import NetworkSource
from landscape_catalog.diagnosis.phase import FoundPhase, cell_numbers, collapsed, found_phase
from landscape_catalog.diagnosis.reference import (
    Standard,
    advice_facts,
    known,
    reasons_for_no_advice,
    reference_facts,
)
from landscape_catalog.diagnosis.result import (
    CheckpointFacts,
    CurveFacts,
    DataFacts,
    Diagnosis,
    MetricFacts,
    PhaseFacts,
    Value,
)
from landscape_catalog.metrics.connectivity.result import ModeConnectivity
from landscape_catalog.metrics.estimate import Estimate, error_of_mean, mean_of
from landscape_catalog.metrics.registry import METRIC_OF, METRICS, QUANTITIES

TITLES = {
    "train_loss": "training loss",
    "train_error": "training error",
    "test_accuracy": "test accuracy",
    "top_eigenvalue": "top Hessian eigenvalue",
    "trace": "Hessian trace",
    "mode_connectivity": "mode connectivity",
    "peak_error": "largest training error along the curve",
    "cka": "CKA similarity",
    "l2_distance": "L2 distance of the weights",
}


def summarised(
    checkpoints: Sequence[Checkpoint],
    source: NetworkSource,
    data: DiagnosedData,
    landscape: DiagnosedLandscape,
    measured: Measurements,
    standing: Standard,
) -> Diagnosis:
    """The result of a diagnosis, from what was measured.

    Args:
        checkpoints: as read.
        source: of the network.
        data: on which it was measured.
        landscape: the networks.
        measured: the estimates.
        standing: by what they are judged.
    """
    phase = found_phase(standing.rule, measured)
    means = cell_numbers(measured).means
    answer = standing.answer(means, data.n_train)
    accuracy = means.get("test_accuracy", math.nan)
    missing = {name: _why_missing(name, measured) for name in TITLES} | dict(standing.refused)
    parameters = landscape.network(0).parameters()
    size = sum(value.numel() for value in parameters if value.requires_grad)
    found = Diagnosis(
        network=source.name,
        checkpoints=tuple(
            CheckpointFacts(name=one.name, sha256=one.sha256, parameters=size)
            for one in checkpoints
        ),
        data=_data_facts(data),
        method=method_in_words(measured.method),
        metrics=tuple(_metrics(measured)),
        curves=tuple(
            _curve(pair, curve, has_test=data.test is not None)
            for pair, curve in measured.curves.items()
        ),
        phase=_phase_facts(phase, standing, measured),
        reference=None if answer is None else reference_facts(standing, answer),
        advice=() if answer is None else advice_facts(answer, accuracy),
        no_advice=reasons_for_no_advice(standing, answer, missing),
        more=tuple(_more(measured, phase)),
        remarks=tuple(measured.remarks),
    )
    found._model = standing.model
    return found


def _data_facts(data: DiagnosedData) -> DataFacts:
    return DataFacts(
        name=data.name,
        n_train=len(data.train),
        n_train_available=data.n_train,
        n_test=0 if data.test is None else len(data.test),
        n_test_available=data.n_test,
        input_shape=data.input_shape,
        n_classes=data.n_outputs,
        classes=data.classes,
        preprocessing=data.preprocessing,
    )


def _metrics(measured: Measurements) -> Iterator[MetricFacts]:
    for name, title in TITLES.items():
        every = measured.estimates.get(name)
        if every is None:
            continue
        usable = list(measured.usable(name).values())
        values = [one.value for one in usable]
        of_runs = METRICS[METRIC_OF[name]].scope == "run"
        spread = error_of_mean(values) if of_runs else math.nan
        error = error_of_cell_mean(usable).total if usable else math.nan
        yield MetricFacts(
            metric=name,
            title=title,
            unit=_unit(name, list(every.values())),
            mean=known(mean_of(values)) if values else None,
            n=len(values),
            standard_error=known(spread),
            measurement_error=known(error),
            values=tuple(_value(name, members, one) for members, one in every.items()),
        )


def _unit(name: str, estimates: Sequence[Estimate]) -> str:
    return next((one.unit for one in estimates if one.unit), QUANTITIES[name].unit)


def _value(name: str, members: tuple[int, ...], one: Estimate) -> Value:
    return Value(
        members=tuple(place + 1 for place in members),
        value=known(one.value),
        error=known(one.error),
        error_kind=one.kind,
        status=one.status,
        counts=counts(name, one),
        reason=one.missing_reason,
    )


def _why_missing(name: str, measured: Measurements) -> str:
    """Why a metric has no value that counts."""
    if METRICS[METRIC_OF[name]].scope == "pair" and measured.n < 2:
        return "it takes two checkpoints"
    reasons = [one.missing_reason for one in measured.estimates.get(name, {}).values()]
    return next(filter(None, reasons), "not measured")


def _curve(pair: tuple[int, int], curve: ModeConnectivity, *, has_test: bool) -> CurveFacts:
    return CurveFacts(
        members=(pair[0] + 1, pair[1] + 1),
        t=tuple(point.t for point in curve.points),
        train_error=tuple(known(point.train.error_value) for point in curve.points),
        test_error=tuple(
            known(point.test.error_value) if has_test else None for point in curve.points
        ),
        converged=curve.converged,
        length=curve.fit_length,
        length_unit=curve.length_unit,
    )


def _phase_facts(found: FoundPhase, standing: Standard, measured: Measurements) -> PhaseFacts:
    rule = standing.rule
    units: Mapping[str, str] = {
        name: _unit(name, list(measured.estimates.get(name, {}).values())) for name in rule.metrics
    }
    units = {**units, "mode_connectivity": "%"}
    thresholds: dict[str, str] = {}
    for name, condition in rule.thresholds(units):
        last = next(reversed(thresholds), "")
        key = name or last
        thresholds[key] = f"{thresholds[key]} {condition}" if key in thresholds else condition
    return PhaseFacts(
        rule=rule.rule,
        thresholds=thresholds,
        thresholds_of=standing.thresholds_of,
        name=found.name,
        possible=found.possible,
        meanings={one.name: one.meaning for one in rule.phases if one.name in found.possible},
        reason=found.reason,
        probabilities=dict(found.probabilities),
        words=found.words,
    )


def _more(measured: Measurements, phase: FoundPhase) -> Iterator[str]:
    """What further checkpoints would add."""
    if measured.n == 1:
        names = " and ".join(collapsed(phase.possible))
        yield (
            "A second checkpoint of the same training with another seed would add mode "
            f"connectivity, CKA and the L2 distance, which decide between {names}."
            if len(phase.possible) > 1
            else "A second checkpoint with another seed would add mode connectivity, CKA and L2."
        )
    if measured.n < 3:
        yield "Three checkpoints show how runs vary, and with it how probable the phase is."
