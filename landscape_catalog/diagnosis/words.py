"""Numbers and sentences of a diagnosis, as the text and the page show them."""

from __future__ import annotations

from collections.abc import Iterator

from landscape_catalog.diagnosis.phase import collapsed
from landscape_catalog.diagnosis.result import (
    AdviceFacts,
    Diagnosis,
    MetricFacts,
    NeighbourFacts,
    ReferenceFacts,
)
from landscape_catalog.phases import percent
from landscape_catalog.schema.words import enumerated

MISSING = "missing"


def number(value: float | None, digits: int = 3) -> str:
    """A number with a few significant digits; a dash if there is none.

    >>> number(0.0012345), number(12345.6), number(98.25), number(None)
    ('0.00123', '1.23e+04', '98.2', '–')
    """
    return "–" if value is None else f"{value + 0.0:.{digits}g}"


def mean_in_words(metric: MetricFacts) -> str:
    """The mean with its unit."""
    return MISSING if metric.mean is None else f"{_value(metric.mean, metric)}"


def _value(value: float | None, metric: MetricFacts) -> str:
    text = number(value, 4 if metric.unit == "%" else 3)
    return f"{text}{metric.unit and f' {metric.unit}'}"


def errors_in_words(metric: MetricFacts) -> tuple[str, str]:
    """The standard error over checkpoints, and the error of the estimates themselves.

    The second is 0 if it is exact.
    """
    kinds = {one.error_kind for one in metric.values if one.counts}
    own = metric.measurement_error
    if own == 0.0 and kinds == {"exact"}:
        return number(metric.standard_error, 2), "exact"
    sign = "at most " if "bound" in kinds else ""
    return number(metric.standard_error, 2), "–" if own is None else f"{sign}{number(own, 2)}"


def values_in_words(metric: MetricFacts) -> str:
    """The value of each checkpoint or pair; those that do not count in brackets."""
    parts = []
    for one in metric.values:
        text = number(one.value, 4 if metric.unit == "%" else 3)
        parts.append(text if one.counts else f"[{text}]")
    return ", ".join(parts)


def reasons_in_words(found: Diagnosis) -> list[str]:
    """Why values have not converged or do not count, each reason once, with its metrics."""
    reasons: dict[str, list[str]] = {}
    for metric in found.metrics:
        for one in metric.values:
            if one.status != "ok":
                which = " and ".join(map(str, one.members))
                state = one.status if one.counts else f"{one.status}, does not count"
                reason = f"of {which} ({state}): {one.reason or 'the reason is unknown'}"
                reasons.setdefault(reason, []).append(metric.title)
    return [f"{' and '.join(titles)} {reason}" for reason, titles in reasons.items()]


def phase_in_words(found: Diagnosis) -> str:
    """The phase, with its probability if it is known; or the phases that are possible."""
    phase = found.phase
    if phase.name is None:
        names = collapsed(phase.possible)
        return f"one of {', '.join(names)}" if len(names) > 2 else " or ".join(names) or "unknown"
    probability = phase.probabilities.get(phase.name)
    return phase.name if probability is None else f"{phase.name} ({percent(probability)})"


def meanings_in_words(found: Diagnosis) -> list[str]:
    """What the possible phases mean."""
    return [f"{name}: {meaning}" for name, meaning in found.phase.meanings.items()]


def subject_in_words(found: Diagnosis) -> str:
    """What was diagnosed, on which data."""
    data, n = found.data, len(found.checkpoints)
    size = found.checkpoints[0].parameters
    train = str(data.n_train)
    if data.n_train < data.n_train_available:
        train = f"{data.n_train} of {data.n_train_available}"
    test = f"and {data.n_test} test samples" if data.n_test else "samples, no test samples"
    return (
        f"{n} checkpoint{'s' * (n > 1)} of {found.network} ({size:,} trained parameters) on "
        f"{data.name}: {train} training {test}, {data.n_classes} classes"
    )


def advice_in_words(one: AdviceFacts) -> str:
    """An advice in one sentence, with its gain, interval, probability and caveat."""
    gain, low, high = (number(value, 3) for value in (one.gain, one.low, one.high))
    sure = ""
    if one.probability is not None:
        sure = f"; more than {one.versus} with {percent(one.probability)}"
    return (
        f"{one.action}: {_signed(gain)} points of test accuracy "
        f"(90% interval {low} to {high}{sure})" + (one.caveat and f", but {one.caveat}")
    )


def caveats_in_words(found: Diagnosis) -> list[str]:
    """What to bear in mind about the advice; nothing without any."""
    reference = found.reference
    if reference is None or not found.advice:
        return []
    sentences = [*_less_sure(reference), *reference.verdicts]
    sentences.append(
        f"Gains and intervals are those of {reference.described}. For another network, other data "
        "or another training they are a guide, and the intervals need not hold."
    )
    connectivity = next((m for m in found.metrics if m.metric == "mode_connectivity"), None)
    if connectivity is not None and 0 < connectivity.n < len(connectivity.values):
        sentences.append(
            f"Phase and advice go by the mode connectivity of {connectivity.n} of "
            f"{len(connectivity.values)} curves: the others have not converged."
        )
    return sentences


def _less_sure(reference: ReferenceFacts) -> Iterator[str]:
    """That metrics were missing, and how much worse advice without them is."""
    tested = reference.tested
    if tested is None or not reference.without:
        return
    names = enumerated(parameter_name(metric) for metric in reference.without)
    shares = [
        f"about {question} {100 * one.accuracy:.0f}% "
        f"({100 * tested.with_all[question]:.0f}% with all)"
        for question, one in tested.questions.items()
        if question in tested.with_all
    ]
    right = f" On {tested.tested_on} of {reference.name}, it is right {enumerated(shares)}."
    yield (
        f"This advice is less sure: it comes from a model without {names}.{right if shares else ''}"
    )


def _signed(text: str) -> str:
    return text if text.startswith(("-", "–")) else f"+{text}"


def neighbour_in_words(one: NeighbourFacts) -> str:
    """A cell of the reference: its parameters, phase, accuracy and distance."""
    place = ", ".join(f"{parameter_name(path)} {v}" for path, v in one.coordinates.items())
    accuracy = "" if one.test_accuracy is None else f", test accuracy {one.test_accuracy:.1f}%"
    return f"{place}: phase {one.phase or 'unknown'}{accuracy}, distance {number(one.distance, 2)}"


def parameter_name(path: str) -> str:
    """A parameter's name in words.

    >>> parameter_name("temperature.batch_size")
    'batch size'
    """
    return path.rpartition(".")[2].replace("_", " ")


def prior_in_words(prior: dict[str, float]) -> str:
    """The share of each phase among the reference's cells."""
    return ", ".join(f"{name} {100 * share:.0f}%" for name, share in prior.items())


def place_in_words(found: Diagnosis) -> list[str]:
    """Sentences about the place in the reference."""
    reference = found.reference
    if reference is None:
        return []
    lines = [f"{reference.described}. {reference.method[:1].upper()}{reference.method[1:]}."]
    if reference.citation:
        lines.append(f"Published by {reference.citation}.")
    if reference.prior:
        lines.append(
            f"Prior, which these checkpoints do not change: of its cells, "
            f"{prior_in_words(reference.prior)}."
        )
    return lines
