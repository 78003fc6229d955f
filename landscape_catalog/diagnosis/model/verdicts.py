"""Whether answers are better than simpler rules, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.diagnosis.model.measures import CONSTANT, QuestionScore, Score
from landscape_catalog.schema.words import enumerated

BETTER = "the better temperature"
# The two answers of each question.
ANSWERS: dict[Question, tuple[str, str]] = {
    "temperature": ("hotter", "colder"),
    "width or temperature": ("wider", BETTER),
    "data or temperature": ("more data", BETTER),
}
# The question of an action, and what it compares the action with.
QUESTION_OF: dict[str, Question] = {
    answer: question
    for question, answers in ANSWERS.items()
    for answer in answers
    if answer != BETTER
}
VERSUS: dict[str, str] = {
    answer: other
    for first, second in ANSWERS.values()
    for answer, other in ((first, second), (second, first))
    if answer != BETTER
}
FEWEST_COVERED = 0.8  # of held-out gains by their 90% intervals, for an interval without a caveat
TREES = {
    "training error": "a tree on the training error",
    "validation metrics": "a tree on validation metrics",
}


def constant_answer(question: Question, score: QuestionScore) -> str:
    """The answer that is right more often.

    Args:
        question: which.
        score: of it.
    """
    return ANSWERS[question][0 if score.first >= 0.5 else 1]


def caveat(action: Action, tested: Score) -> str:
    """What speaks against relying on advice about an action; empty if nothing does.

    Args:
        action: of the advice.
        tested: how good answers are on held-out cells of the reference.
    """
    found = [_weak(action, tested)]
    covered = tested.coverage.get(action)
    if covered is not None and covered < FEWEST_COVERED:
        found.append(f"only {100 * covered:.0f}% of held-out gains lie in their 90% intervals")
    return ", and ".join(filter(None, found))


def _weak(action: Action, tested: Score) -> str:
    """That the question of an action is answered no better than by always the same answer."""
    question = QUESTION_OF.get(action)
    if question is None:
        return ""
    score = tested.questions.get(question)
    if score is None:
        return "no held-out cell of the reference shows how good this answer is"
    if score.is_better_than_one_answer:
        return ""
    return f"not reliably better than always `{constant_answer(question, score)}` on the reference"


def verdicts(tested: Score, reference: str, *, only_temperature: bool = False) -> tuple[str, ...]:
    """A sentence for each question that a simpler rule answers as well, and for all changes.

    Args:
        tested: how good answers are.
        reference: the source of the cells.
        only_temperature: whether only this question is asked.
    """
    return tuple(_verdicts(tested, reference, only_temperature))


def _verdicts(tested: Score, reference: str, only_temperature: bool) -> Iterator[str]:
    where = tested.tested_on
    where = where if where == reference else f"{where} of {reference}"
    for question, score in tested.questions.items():
        if only_temperature and question != "temperature":
            continue
        compared = _compared(question, score)
        if compared:
            yield (
                f"On {where}, the question `{question}` is answered {compared}: of {score.n} cells "
                f"{_percent(score.accuracy.value)} are right (95% interval "
                f"{_percent(score.accuracy.low)} to {_percent(score.accuracy.high)})."
            )
    for name, value in tested.values.items():
        if value.advantage.low > 0 or not value.best or (only_temperature and name == "all"):
            continue
        words = "hotter or colder" if name == "temperature" else "all changes"
        how = "more" if value.advantage.value <= 0 else "reliably more"
        yield (
            f"On {where}, advice on {words} gains {value.gain:.2f} points of test accuracy of "
            f"{value.best:.2f}, not {how} than always `{value.constant}` "
            f"({value.always[value.constant]:.2f})."
        )


def _compared(question: Question, score: QuestionScore) -> str:
    """Than what it is not better; empty if it is better than everything."""
    no_better: list[str] = []
    unsure: list[str] = []
    for name, advantage in score.advantages.items():
        if name == "majority" or advantage.low > 0:
            continue
        if name == CONSTANT:
            rule = f"always `{constant_answer(question, score)}`"
            share = max(score.first, 1 - score.first)
        else:
            rule, share = TREES.get(name, name), score.baselines[name]
        (no_better if advantage.value <= 0 else unsure).append(f"{rule} ({_percent(share)})")
    words = []
    if no_better:
        words.append(f"no better than by {enumerated(no_better)}")
    if unsure:
        words.append(f"not reliably better than by {enumerated(unsure)}")
    return " and ".join(words)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
