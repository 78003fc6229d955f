"""Tables and sentences about how good a diagnosis model is, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.commands.output import aligned
from landscape_catalog.diagnosis.model import Action, DiagnosisModel, QuestionScore, Score
from landscape_catalog.diagnosis.model.labels import gains
from landscape_catalog.diagnosis.model.verdicts import verdicts
from landscape_catalog.phases.diagram import Diagram


def not_learned(diagram: Diagram, learned: Sequence[Action]) -> list[str]:
    """A sentence for actions along axes of which the fitted cells have one value."""
    others = [action for action in gains(diagram) if action not in learned]
    if not others:
        return []
    axis = "whose axis" if len(others) == 1 else "whose axes"
    return [f"Not learned: {', '.join(others)}, along {axis} the fitted cells do not vary."]


def held_out_table(model: DiagnosisModel) -> list[str]:
    """A table of how good answers from each set of features are, on held-out cells."""
    full = model.predictors[0]
    rows = [["right, in percent", *full.questions, "gains of the best choice"]]
    for one in model.predictors:
        without = [feature for feature in full.features if feature not in one.features]
        rows.append(
            [f"without {', '.join(without)}" if without else "all features"]
            + [_accuracy(one.tested.questions.get(question)) for question in full.questions]
            + [_share(one.tested)]
        )
    return [f"On {full.tested.tested_on} ({full.tested.n_cells} cells):", *aligned(rows)]


def _accuracy(score: QuestionScore | None) -> str:
    return "" if score is None else f"{100 * score.accuracy.value:.1f}"


def _share(tested: Score) -> str:
    value = tested.values.get("all", tested.values["temperature"])
    return "" if value.share is None else f"{value.share.value:.1f}"


def score_lines(score: Score, name: str) -> list[str]:
    """A table of questions, the value of the advice, and what is no better than a simple rule."""
    head = ["question", "n", "accuracy", "95% interval"]
    names = list(dict.fromkeys(n for one in score.questions.values() for n in one.baselines))
    rows = [[*head, *names, "Brier", "calibration error"]]
    for question, one in score.questions.items():
        interval = f"{100 * one.accuracy.low:.1f} to {100 * one.accuracy.high:.1f}"
        known = [one.baselines.get(baseline) for baseline in names]
        baselines = ["" if share is None else f"{100 * share:.1f}" for share in known]
        rows.append(
            [question, str(one.n), _accuracy(one), interval, *baselines]
            + [f"{one.brier:.3f}", f"{one.calibration_error:.3f}"]
        )
    outside = f", {score.n_outside} of them outside of the model's range" if score.n_outside else ""
    lines = [f"{score.tested_on} ({score.n_cells} cells{outside})", *aligned(rows)]
    for advice, value in score.values.items():
        words = "hotter or colder" if advice == "temperature" else "the best of all actions"
        always = ", ".join(f"always {action} {gain:.2f}" for action, gain in value.always.items())
        share = value.share
        of_best = (
            "no action gains anything"
            if share is None
            else f"{share.value:.1f}% ({share.low:.1f} to {share.high:.1f})"
        )
        lines.append(
            f"advice on {words}: gains {value.gain:.2f} points of {value.best:.2f} by the best "
            f"choice, {of_best}; {always}"
        )
    covered = ", ".join(f"{action} {100 * one:.0f}%" for action, one in score.coverage.items())
    lines.append(f"gains within their 90% intervals: {covered}")
    return [*lines, *score.left_out, *verdicts(score, name)]
