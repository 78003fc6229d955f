"""A diagnosis as a page of HTML: one file that works offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from landscape_catalog.diagnosis.charts import CELLS, CURVES, NEAREST, curves_chart, place_chart
from landscape_catalog.diagnosis.model import DiagnosisModel
from landscape_catalog.diagnosis.result import Diagnosis
from landscape_catalog.diagnosis.words import (
    advice_in_words,
    caveats_in_words,
    errors_in_words,
    mean_in_words,
    meanings_in_words,
    neighbour_in_words,
    phase_in_words,
    place_in_words,
    reasons_in_words,
    subject_in_words,
    values_in_words,
)
from landscape_catalog.phases import percent
from landscape_catalog.reports.page.document import document
from landscape_catalog.reports.page.embed import dictionary_encoded, script
from landscape_catalog.reports.page.markup import collapsible, hint, section, slot, table, text

TITLE = "Diagnosis"
PLACE, ALONG = "place", "along"  # elements of the charts
HEAD = ("metric", "mean", "error over checkpoints", "error of the estimate", "each")


def build_page(found: Diagnosis, model: DiagnosisModel | None = None) -> str:
    """The page; the same result gives the same bytes.

    Args:
        found: the result.
        model: whose cells are drawn; None without a reference.
    """
    charts: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    placed = None if model is None else place_chart(found, model)
    if placed is not None:
        charts[PLACE] = placed[0]
        tables |= {name: dictionary_encoded(placed[1][name]) for name in (CELLS, NEAREST)}
    drawn = curves_chart(found)
    if drawn is not None:
        charts[ALONG] = drawn[0]
        tables[CURVES] = dictionary_encoded(drawn[1])
    title = f"{TITLE}: {found.network} on {found.data.name}"
    body = [
        f"<main><h1>{text(title)}</h1>",
        f'<p class="lead">{text(subject_in_words(found))}. Preprocessing: '
        f"{text(found.data.preprocessing)}.</p>",
        *(f'<p class="warning">{text(remark)}</p>' for remark in found.remarks),
        _phase(found),
        _advice(found),
        _measured(found),
        _curves(found) if ALONG in charts else "",
        _place(found, has_chart=PLACE in charts),
        _provenance(found),
        "</main>",
    ]
    return document(title, body, script(charts, tables) if charts else "")


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{text(sentence)}</p>" for sentence in sentences if sentence)


def _phase(found: Diagnosis) -> str:
    phase = found.phase
    rows = [
        (name, percent(probability)) for name, probability in phase.probabilities.items()
        if probability > 0
    ]  # fmt: skip
    shares = table(rows, head=("phase", "probability for fresh runs")) if rows else ""
    thresholds = table(list(phase.thresholds.items()))
    return section(
        f"<h2>Phase {text(phase_in_words(found))}</h2>",
        _paragraphs([*meanings_in_words(found), phase.reason, phase.words, *found.more]),
        shares,
        collapsible(f"Thresholds: {phase.thresholds_of}", thresholds),
    )


def _advice(found: Diagnosis) -> str:
    items = "".join(
        f"<li><p><strong>{text(advice_in_words(one))}</strong></p><p>{text(one.why)}</p></li>"
        for one in found.advice
    )
    return section(
        "<h2>Advice</h2>",
        f"<ol>{items}</ol>" if items else "",
        _paragraphs([*caveats_in_words(found), *found.no_advice]),
    )


def _measured(found: Diagnosis) -> str:
    rows = [
        (m.title, mean_in_words(m), *errors_in_words(m), values_in_words(m)) for m in found.metrics
    ]
    return section(
        "<h2>Measured</h2>",
        hint(
            "Values in brackets do not count. The error over checkpoints is the standard error of "
            "the mean; the error of the estimate is what probes, samples and the like leave."
        ),
        table(rows, head=HEAD),
        "".join(f'<p class="warning">{text(reason)}</p>' for reason in reasons_in_words(found)),
        collapsible("How it was measured", table(list(found.method.items()))),
    )


def _curves(found: Diagnosis) -> str:
    return section(
        "<h2>Curves between checkpoints</h2>",
        hint(
            "Solid: training data; dashed: test data. A hump is a barrier: mode connectivity is "
            "the mean of the ends less the training error where it deviates most."
        ),
        slot(ALONG, "Training loss or error along the curves"),
        "".join(f"<p>{text(words)}</p>" for words in _lengths(found)),
    )


def _lengths(found: Diagnosis) -> Iterator[str]:
    for curve in found.curves:
        state = {True: "converged", False: "not converged", None: "convergence unknown"}
        which = " and ".join(map(str, curve.members))
        yield (
            f"Checkpoints {which}: fitted for {curve.length} {curve.length_unit}, "
            f"{state[curve.converged]}."
        )


def _place(found: Diagnosis, *, has_chart: bool) -> str:
    reference = found.reference
    if reference is None:
        return ""
    nearest = "".join(f"<li>{text(neighbour_in_words(one))}</li>" for one in reference.nearest)
    return section(
        f"<h2>Place in {text(reference.name)}</h2>",
        _paragraphs(place_in_words(found)),
        hint(
            "Numbers mark the cells with the most similar metrics, the nearest first; those at "
            "other settings are only listed."
        )
        + slot(PLACE, "The place of the checkpoints among the cells of the reference")
        if has_chart
        else "",
        f"<ol>{nearest}</ol>",
    )


def _provenance(found: Diagnosis) -> str:
    rows = [
        (str(i), one.name, one.sha256 or "–") for i, one in enumerate(found.checkpoints, start=1)
    ]
    classes = ", ".join(found.data.classes) or f"0 to {found.data.n_classes - 1}"
    return section(
        "<h2>Checkpoints</h2>",
        f'<div class="hashes">{table(rows, head=("", "checkpoint", "SHA-256"))}</div>',
        _paragraphs([f"Classes, in the order of the network's outputs: {classes}."]),
    )
