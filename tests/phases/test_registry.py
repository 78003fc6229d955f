"""Every rule describes itself, and `classify.rule` chooses among several."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, create_model

from landscape_catalog.errors import SpecError
from landscape_catalog.experiment import reading
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.phases import RULES, CellNumbers, Rule, Verdict, Yang2021, rule_of
from landscape_catalog.phases.registry import one_of
from tests.experiment.grids import BASE
from tests.phases.rules import ByLoss

UNITS = {"mode_connectivity": "%", "train_loss": "nats"}


TWO = {"yang2021": Yang2021, "by_loss": ByLoss}


@pytest.mark.parametrize("name", RULES)
def test_every_entry_is_complete(name: str) -> None:
    rule = RULES[name]()
    assert rule.rule == name
    names = [phase.name for phase in rule.phases]
    assert len(set(names)) == len(names)
    assert names[-2:] == ["NC", "unclassified"]
    for phase in rule.phases:
        assert phase.meaning
        assert re.fullmatch("#[0-9a-f]{6}", phase.colour)
    assert len({phase.colour for phase in rule.phases}) == len(names)
    assert all(condition for _, condition in rule.thresholds(UNITS))
    nothing = CellNumbers(2, 2, {})
    assert rule.classify(nothing).phase in names
    assert rule.metrics


def test_the_phases_of_the_paper() -> None:
    names = [phase.name for phase in Yang2021().phases]
    assert names == ["I", "II", "III", "IV-A", "IV-B", "NC", "unclassified"]
    assert [phase.name for phase in Yang2021().phases if phase.flat] == ["III", "IV-A", "IV-B"]


def test_thresholds_in_words() -> None:
    assert Yang2021().thresholds(UNITS) == [
        ("poorly connected", "mode connectivity < −1 % of training error"),
        ("sharp", "Hessian top eigenvalue > 76"),
        ("", "or mode connectivity > +1 % of training error"),
        ("", "or training loss > 0.05 nats"),
        ("alike", "CKA ≥ 0.5"),
    ]
    without = Yang2021(train_loss=None).thresholds({**UNITS, "mode_connectivity": "nats"})
    assert without[0] == ("poorly connected", "mode connectivity < −1 nats")
    assert without[3] == ("", "(training loss not used)")


def test_the_default_rule_is_not_stored() -> None:
    """Classification ids and the catalog's `classify` are unchanged from before rules existed."""
    before = {
        "connectivity": {"tolerance": 1.0},
        "hessian": {"metric": "top_eigenvalue", "threshold": 76.0},
        "cka": {"threshold": 0.5},
        "train_loss": 0.05,
    }
    settings = Experiment.model_validate(BASE).classify
    assert settings.stored() == before
    assert settings.content() == before
    assert list(settings.stored()) == list(before)
    assert rule_of(before) == settings


def test_a_rule_is_chosen_by_its_name() -> None:
    section: TypeAdapter[Rule] = TypeAdapter(one_of(TWO))
    assert section.validate_python({}) == Yang2021()
    assert section.validate_python({"train_loss": 0.2}) == Yang2021(train_loss=0.2)
    chosen = section.validate_python({"rule": "by_loss", "train_loss": 0.2})
    assert chosen == ByLoss(train_loss=0.2)
    assert section.validate_python(chosen) is chosen
    assert chosen.stored() == {"rule": "by_loss", "train_loss": 0.2}
    assert section.validate_python(chosen.stored()) == chosen
    assert chosen.classify(CellNumbers(4, 3, {"train_loss": 0.1})) == Verdict(
        "cold", "by the training loss; over the 3 of 4 runs that converged"
    )
    assert {"yang2021", "by_loss"} == {
        part["properties"]["rule"]["const"] for part in _rules(section.json_schema())
    }


def _rules(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in schema["$defs"].values() if "rule" in part["properties"]]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{rule: paper}", "classify.rule: got 'paper'; allowed: 'yang2021' or 'by_loss'"),
        ("{rule: [1]}", "classify.rule: got [1]; allowed: 'yang2021' or 'by_loss'"),
        ("{rule: 5}", "classify.rule: got 5; allowed: 'yang2021' or 'by_loss'"),
        ("3", "classify: got 3; allowed: a mapping of parameters"),
        (
            "{rule: by_loss, train_loss: -1}",
            "classify.train_loss: got -1; allowed: a number greater than 0",
        ),
        (
            "{rule: by_loss, trainloss: 1}",
            "classify.trainloss: got an unknown key; allowed: rule, train_loss; did you mean `train_loss`?",
        ),
        (
            "{conectivity: {}}",
            "classify.conectivity: got an unknown key; allowed: rule, connectivity, hessian, cka, train_loss; did you mean `connectivity`?",
        ),
        (
            "{hessian: {treshold: 3}}",
            "classify.hessian.treshold: got an unknown key; allowed: metric, threshold; did you mean `threshold`?",
        ),
    ],
)
def test_messages_with_several_rules(
    section: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = create_model("Several", __base__=Experiment, classify=(one_of(TWO), ...))
    monkeypatch.setattr(reading, "Experiment", several)
    monkeypatch.setattr(reading, "RULES", TWO)
    text = (
        "dataset: {name: digits}\nmodel: {name: resnet18}\nload: {width: 2}\ntemperature: {}\n"
        f"train: {{}}\nmeasure: {{}}\nclassify: {section}\nreport: {{}}\nvariants: {{}}\n"
    )
    with pytest.raises(SpecError) as caught:
        reading.parse_experiment(text)
    assert [str(problem) for problem in caught.value.problems] == [message]
