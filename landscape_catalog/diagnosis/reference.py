"""What a reference catalog says of checkpoints: their place in it, and advice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape_catalog.diagnosis.comparable import compared
from landscape_catalog.diagnosis.method import paper_method, reference_method
from landscape_catalog.diagnosis.model import Answer, DiagnosisModel, Score, read_model
from landscape_catalog.diagnosis.result import (
    AdviceFacts,
    NeighbourFacts,
    ReferenceFacts,
    TestedFacts,
    TestedQuestion,
)
from landscape_catalog.errors import CheckpointError, DamagedFileError
from landscape_catalog.phases import Rule, Yang2021
from landscape_catalog.schema.words import in_words

OF_CURVES, SAMPLES = ("mode_connectivity", "peak_error"), "load.samples"
FIT = "`landscape diagnose fit NAME` fits one to an import or an experiment"


@dataclass(frozen=True)
class Standard:
    """By what checkpoints are measured and judged.

    Attributes:
        model: of a reference; None without one.
        rule: the phase rule, with thresholds that are numbers.
        thresholds_of: whose thresholds these are, in words.
        method: the section `measure` that the checkpoints are measured by.
        method_words: whether that is how the reference was measured.
        sizes: width, samples and batch size by dotted path, for a model that takes them.
        has_method: whether the method is the reference's.
        refused: metrics that cannot be compared with the reference's, and why.
    """

    model: DiagnosisModel | None
    rule: Rule
    thresholds_of: str
    method: Any
    method_words: str = ""
    sizes: Mapping[str, float] = field(default_factory=dict)
    has_method: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)

    def answer(self, means: Mapping[str, float], n_train: int) -> Answer | None:
        """What the model says of these means; None without a model.

        Args:
            means: by metric; NaN if unknown.
            n_train: training samples that there are, unless `sizes` has their number.
        """
        if self.model is None:
            return None
        comparable = {**means, **dict.fromkeys(self.refused, math.nan)}
        return self.model.answer(comparable, sizes={SAMPLES: n_train, **self.sizes})


def standard(path: Path | None, sizes: Mapping[str, float] | None = None) -> Standard:
    """The standard that a model file sets; without one, the paper's method and thresholds.

    Args:
        path: of the file; None: there is none.
        sizes: width, samples and batch size by dotted path, for a model that takes them.

    Raises:
        CheckpointError: if the file does not hold a model, the reference was measured in a way that
            has no counterpart here, or the model takes no such sizes.
        MissingArtifactError: if there is no such file.
    """
    if path is None:
        return Standard(None, Yang2021(), "the defaults, which are the paper's", paper_method())
    try:
        model = read_model(path)
    except DamagedFileError as error:
        raise CheckpointError(f"--model: {error}") from error
    _require_usable(model, path, sizes or {})
    name = model.reference.name
    section = model.reference.measure
    method = reference_method(section)
    words, refused = compared(model, method)
    has_method = section is not None
    given = dict(sizes or {})
    return Standard(
        model, model.rule, f"those of {name}", method, words, given, has_method, refused
    )


def _require_usable(model: DiagnosisModel, path: Path, sizes: Mapping[str, float]) -> None:
    for feature in model.features:
        if feature.metric in OF_CURVES and feature.unit not in ("", "%"):
            raise CheckpointError(
                f"{path}: its {feature.metric.replace('_', ' ')} is in {feature.unit}; allowed: "
                "%, of classification"
            )
    known = [one.metric for one in model.features if "." in one.metric]
    for name in sizes:
        if name not in known:
            allowed = ", ".join(known) or "none: the model takes metrics only"
            raise CheckpointError(f"--at {name}: allowed: {allowed}")
        if not (math.isfinite(sizes[name]) and sizes[name] > 0):
            raise CheckpointError(f"--at {name}: got {sizes[name]:g}; allowed: a positive number")


def reference_facts(standing: Standard, answer: Answer) -> ReferenceFacts:
    """The place of the checkpoints in the reference."""
    assert standing.model is not None
    reference = standing.model.reference
    axes = " x ".join(axis.path.rpartition(".")[2] for axis in reference.axes)
    return ReferenceFacts(
        name=reference.name,
        described=f"{reference.model} on {reference.dataset}, {reference.n_cells} cells ({axes})",
        citation=reference.citation,
        method=standing.method_words,
        outside=answer.outside,
        missing=answer.missing,
        nearest=tuple(
            NeighbourFacts(
                coordinates=dict(one.coordinates),
                distance=known(one.distance),
                phase=one.phase,
                test_accuracy=known(one.test_accuracy),
            )
            for one in answer.nearest
        ),
        prior=dict(answer.phase_prior),
        questions={str(name): value for name, value in answer.probabilities.items()},
        without=answer.without,
        tested=None if answer.tested is None else _tested(standing.model, answer, answer.tested),
        verdicts=answer.verdicts,
    )


def _tested(model: DiagnosisModel, answer: Answer, tested: Score) -> TestedFacts:
    """How good advice from the metrics that there are is, beside that from all."""
    asked = {name: one for name, one in tested.questions.items() if name in answer.probabilities}
    value = tested.values.get("all" if len(answer.probabilities) > 1 else "temperature")
    return TestedFacts(
        tested_on=tested.tested_on,
        questions={
            name: TestedQuestion(
                n=one.n,
                accuracy=one.accuracy.value,
                low=one.accuracy.low,
                high=one.accuracy.high,
                one_answer=max(one.first, 1 - one.first),
                baselines=one.baselines,
            )
            for name, one in asked.items()
        },
        with_all={
            name: one.accuracy.value
            for name, one in model.predictors[0].tested.questions.items()
            if name in asked
        },
        value=None if value is None or value.share is None else value.share.value,
    )


def advice_facts(answer: Answer, accuracy: float = math.nan) -> tuple[AdviceFacts, ...]:
    """The advice, the largest expected gain first.

    Args:
        answer: of the model.
        accuracy: of the checkpoints on test data, in percent; NaN if unknown.
    """
    return tuple(
        AdviceFacts(
            action=one.action,
            gain=known(one.gain),
            low=known(one.low),
            high=known(one.high),
            probability=known(one.probability),
            versus=one.versus,
            why=one.why,
            caveat="; and ".join(filter(None, (one.caveat, _too_much(one.high, accuracy)))),
        )
        for one in answer.advice
    )


def _too_much(gain: float, accuracy: float) -> str:
    """That a gain which a reference of lower accuracy leads to would exceed 100%, in words."""
    if not gain > 100 - accuracy:
        return ""
    return (
        f"from a test accuracy of {accuracy:.1f}% no change gains more than {100 - accuracy:.1f} "
        "points"
    )


def reasons_for_no_advice(
    standing: Standard, answer: Answer | None, why_missing: Mapping[str, str]
) -> tuple[str, ...]:
    """Why there is no advice, or none that depends on what is missing.

    Args:
        standing: with the model.
        answer: of the model; None without one.
        why_missing: the reason for each metric that is missing.
    """
    if answer is None:
        return (f"Advice needs the model of a reference catalog (--model FILE): {FIT}.",)
    name = standing.model.reference.name if standing.model else ""
    found = []
    if answer.outside:
        found.append(
            f"There is no advice, since the checkpoints are outside of the range of {name}: "
            + "; ".join(answer.outside)
            + "."
        )
    reasons: dict[str, list[str]] = {}
    for metric in answer.missing:
        why = why_missing.get(metric, f"give --at {metric}=NUMBER")
        reasons.setdefault(why, []).append(in_words(metric))
    if reasons:
        words = [f"{', '.join(names)} ({why})" for why, names in reasons.items()]
        found.append(f"There is no advice that depends on {'; '.join(words)}.")
    if answer.undecided:
        found.append(answer.undecided)
    return tuple(found)


def known(value: float) -> float | None:
    """The value; None for NaN and infinities."""
    return value if math.isfinite(value) else None
