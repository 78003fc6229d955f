"""What a reference adds: its method, its thresholds, the place in it, and advice or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

import landscape_catalog as lc
from landscape_catalog.diagnosis.method import (
    first_probe,
    fitted_to,
    paper_method,
    reference_method,
)
from landscape_catalog.diagnosis.model import Answer, DiagnosisModel, read_model, write_model
from landscape_catalog.diagnosis.model.answer import Advice
from landscape_catalog.diagnosis.model.fit import fit_model
from landscape_catalog.diagnosis.reference import advice_facts, reference_facts, standard
from landscape_catalog.diagnosis.words import caveats_in_words
from landscape_catalog.errors import CheckpointError
from landscape_catalog.exchange.imports.yang2021_metrics import measure_section
from landscape_catalog.phases import Yang2021
from tests.diagnosis.made import blobs, perceptron, trained
from tests.diagnosis.model.grids import small_forests
from tests.diagnosis.references import about_of, around, diagram, model

CKA, CURVES = "biased linear CKA, mixup", "quadratic Bezier curve, random start"
SECTION = {"connectivity": {"init": "random", "epochs": 6}, "similarity": {}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_model(tmp_path / "model.json", model(SECTION))
    return tmp_path / "model.json"


def test_what_a_reference_says_of_itself_does_not_change_the_fit() -> None:
    """Hence the tests share one fit, whatever the reference says."""
    methods = {"cka": CKA, "mode_connectivity": CURVES}
    units = {"mode_connectivity": "nats"}
    about = about_of(SECTION)
    with small_forests():
        fitted = fit_model(diagram(), Yang2021(), about=about, methods=methods, units=units)
    assert fitted == model(SECTION, unit="nats", methods=methods)
    assert fitted != model(SECTION, unit="nats")


def states(n: int, **options: float) -> list:
    return [trained(perceptron, blobs().train, seed, **options) for seed in range(n)]


def test_checkpoints_are_measured_by_the_method_of_the_reference(file: Path) -> None:
    found = lc.diagnose_checkpoints(states(2), perceptron, blobs(), model=file)
    assert "random start, 3 to 6 epochs" in found.method["connectivity"]
    assert found.curves[0].length == 6
    assert found.phase.thresholds_of == "those of somebody"
    assert found.reference is not None
    assert found.reference.method == "measured as the cells of somebody were"
    plain = lc.diagnose_checkpoints(states(2), perceptron, blobs())
    assert "random" not in plain.method["connectivity"]
    assert plain.reference is None and plain.advice == ()
    assert "landscape diagnose fit NAME" in plain.no_advice[0]


def test_a_checkpoint_within_the_range_of_the_reference(file: Path) -> None:
    found = lc.diagnose_checkpoints(states(1), perceptron, blobs(), model=file)
    reference = found.reference
    assert reference is not None
    assert set(reference.missing) >= {"mode_connectivity", "cka"}
    assert sum(reference.prior.values()) == pytest.approx(1.0)
    assert found.phase.probabilities == {}
    assert any("it takes two checkpoints" in sentence for sentence in found.no_advice)
    assert not any("barrier" in one.why or "CKA" in one.why for one in found.advice)
    assert [one.distance for one in reference.nearest] == sorted(
        one.distance or 0.0 for one in reference.nearest
    )


def test_outside_of_the_range_there_is_no_advice(file: Path) -> None:
    def network() -> nn.Module:
        return nn.Linear(2, 3)

    data = blobs(spread=4.0)  # a training error beyond the reference's 4%
    found = lc.diagnose_checkpoints(
        [trained(network, data.train, seed) for seed in range(2)], network, data, model=file
    )
    assert found.reference is not None and found.reference.outside
    assert found.advice == ()
    assert "outside of the range of somebody" in found.no_advice[0]
    assert "training error" in found.no_advice[0]


def test_methods_that_a_reference_may_have() -> None:
    own = reference_method(
        {
            "snapshots": ["final"],
            "batch_norm": "recomputed",
            "hessian": {"backend": "pyhessian", "samples": 64},
            "connectivity": [{"name": "primary", "epochs": "auto", "max_epochs": 100}],
            "similarity": {"draw": "pair"},
            "custom": [],
        }
    )
    assert own.batch_norm == "recomputed"
    assert first_probe(own, "hessian").backend == "native"
    assert first_probe(own, "hessian").samples == 64
    assert first_probe(own, "connectivity").lengths() == [25, 50, 100]
    assert first_probe(own, "similarity").draw == "pair"
    fixed = first_probe(reference_method({"connectivity": {"epochs": 40}}), "connectivity")
    assert fixed.lengths() == [20, 40]
    for section, words in (
        ({"layer": "layer3"}, "compares the layer `layer3`"),
        ({"perturbation": "token_noise"}, "compares sentences"),
    ):
        with pytest.raises(CheckpointError, match=words):
            reference_method({"similarity": section})
    with pytest.raises(CheckpointError, match=r"section `measure`: connectivity\.lr: got -1"):
        reference_method({"connectivity": {"lr": -1}})
    for name in ("connectivity", "similarity", "hessian"):
        with pytest.raises(CheckpointError, match=rf"`measure`: {name}: got 'x'; allowed: sett"):
            reference_method({name: "x"})


def test_sizes_and_units_of_a_model(tmp_path: Path) -> None:
    write_model(tmp_path / "sizes.json", model(sizes=True))
    write_model(tmp_path / "nats.json", model(unit="nats"))
    with pytest.raises(CheckpointError, match=r"its mode connectivity is in nats; allowed: %"):
        standard(tmp_path / "nats.json")
    with pytest.raises(CheckpointError, match=r"--at load.depth: allowed: load.width, load.sam"):
        standard(tmp_path / "sizes.json", {"load.depth": 3})
    for size in (float("nan"), float("inf"), 0.0, -1.0):
        with pytest.raises(CheckpointError, match=r"--at load.width: got .*; allowed: a positive"):
            standard(tmp_path / "sizes.json", {"load.width": size})
    cells = model(sizes=True).cells
    means = {name: values[7] for name, values in cells.features.items() if "." not in name}
    sizes = {"load.width": 2.0, "temperature.batch_size": 128.0}
    answer = standard(tmp_path / "sizes.json", sizes).answer(means, 100)
    assert answer is not None and not answer.missing and answer.advice
    fewer = standard(tmp_path / "sizes.json").answer(means, 100)
    assert fewer is not None and set(fewer.missing) == sizes.keys() and not fewer.advice


def test_curves_of_few_data_may_be_as_long_as_those_of_many() -> None:
    """The paper's: 50 epochs of 50,000 samples in batches of 128."""
    for n, lengths in ((50_000, [25, 50]), (500_000, [25, 50]), (12_800, [25, 50, 100])):
        method = fitted_to(paper_method(), n, (3, 32, 32), longest=True)
        assert first_probe(method, "connectivity").lengths() == lengths
    small = first_probe(fitted_to(paper_method(), 100, (3, 224, 224), longest=True), "connectivity")
    assert (small.batch_size, small.lengths()[-1]) == (100, 12_800)
    fixed = reference_method({"connectivity": {"epochs": 40}})
    assert first_probe(fitted_to(fixed, 100, (2,)), "connectivity").lengths() == [20, 40]


def test_the_hessian_takes_what_memory_holds() -> None:
    for n, shape, samples, at_once in (
        (50_000, (3, 32, 32), 200, None),
        (50_000, (3, 224, 224), 200, 4),
        (60, (3, 32, 32), 60, None),
        (9, (), 9, None),
    ):
        hessian = first_probe(fitted_to(paper_method(), n, shape), "hessian")
        assert (hessian.samples, hessian.batch_size) == (samples, at_once)


@pytest.fixture(scope="module")
def near() -> DiagnosisModel:
    """A reference in whose range two checkpoints lie."""
    return around(lc.diagnose_checkpoints(states(2), perceptron, blobs()))


def test_within_the_range_there_is_advice(near: DiagnosisModel, tmp_path: Path) -> None:
    two = states(2)
    write_model(tmp_path / "near.json", near)
    found = lc.diagnose_checkpoints(two, perceptron, blobs(), model=tmp_path / "near.json")
    assert found.reference is not None
    assert found.reference.outside == found.reference.missing == found.no_advice == ()
    assert {one.action for one in found.advice} == {"hotter", "colder", "wider", "more data"}
    gains = [one.gain for one in found.advice]
    assert gains == sorted(gains, reverse=True)
    for one in found.advice:
        assert one.low <= one.high and one.why and 0 <= one.probability <= 1
    assert set(found.reference.questions) == {
        "temperature", "width or temperature", "data or temperature"
    }  # fmt: skip
    assert f"1. {found.advice[0].action}: " in str(found)
    by_action = {one.action: one for one in found.advice}
    hotter = found.reference.questions["temperature"]
    assert by_action["hotter"].probability == pytest.approx(hotter)
    assert by_action["colder"].probability == pytest.approx(1 - hotter)
    assert found.reference.tested is not None and found.reference.without == ()
    for said in (" ".join(str(found).split()), found.page()):
        assert "; more than colder with " in said and "positive with" not in said
        assert "less sure" not in said
        assert "For another network, other data or another training they are a guide" in said
    one = lc.diagnose_checkpoints(two[:1], perceptron, blobs(), model=tmp_path / "near.json")
    assert one.reference is not None and set(one.reference.questions) <= {"temperature"}
    assert {advice.action for advice in one.advice} <= {"hotter", "colder"}
    assert "no advice that depends on mode connectivity" in " ".join(one.no_advice)


def test_without_converged_curves_the_other_metrics_advise(
    near: DiagnosisModel, tmp_path: Path
) -> None:
    """Curves of a few updates; the same metrics without mode connectivity give the same advice."""
    two = states(2)
    write_model(tmp_path / "near.json", near)
    fitted = read_model(tmp_path / "near.json")
    found = lc.diagnose_checkpoints(two, perceptron, blobs(), model=tmp_path / "near.json")
    means = {one.metric: one.mean for one in found.metrics if one.mean is not None}
    for name in ("mode_connectivity", "peak_error"):
        del means[name]
    answer = fitted.answer(means)
    facts = reference_facts(standard(tmp_path / "near.json"), answer)
    assert facts.without == facts.missing == ("mode_connectivity", "peak_error")
    assert facts.tested is not None
    temperature = facts.tested.questions["temperature"]
    stored = fitted.predictors[1].tested.questions["temperature"]
    assert fitted.predictors[1].features == ("train_loss", "train_error", "top_eigenvalue",
                                             "trace", "cka")  # fmt: skip
    assert (temperature.accuracy, temperature.n) == (stored.accuracy.value, stored.n)
    changed = found.model_copy(update={"reference": facts, "advice": advice_facts(answer)})
    said = " ".join(" ".join(caveats_in_words(changed)).split())
    assert "This advice is less sure: it comes from a model without mode connectivity and" in said
    assert f"about temperature {100 * stored.accuracy.value:.0f}% (" in said


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [(20.0, ""), (99.0, "from a test accuracy of 99.0% no change gains more than 1.0 points")],
)
def test_a_gain_beyond_100_percent_is_marked(accuracy: float, said: str) -> None:
    """A reference of low accuracy may expect of good networks more than there is to gain."""
    one = Advice("hotter", 5.0, 2.0, 9.0, 0.8, "colder", "because", "it is unsure")
    answer = Answer((), (), {}, (one, replace(one, caveat="")), (), {})
    first, second = advice_facts(answer, accuracy)
    assert first.caveat == "; and ".join(filter(None, ("it is unsure", said)))
    assert second.caveat == said
    assert all(one.caveat in ("", "it is unsure") for one in advice_facts(answer))


@pytest.mark.parametrize("used", [0, 1, 2])
def test_how_many_curves_count(used: int, file: Path) -> None:
    """The advice does not go by curves if none of them has converged."""
    found = lc.diagnose_checkpoints(states(2), perceptron, blobs(), model=file)
    one = Advice("hotter", 5.0, 2.0, 9.0, 0.8, "colder", "because", "")
    advice = advice_facts(Answer((), (), {}, (one,), (), {}))
    metrics = tuple(
        m.model_copy(update={"n": used, "values": m.values[:1] * 2})
        if m.metric == "mode_connectivity"
        else m
        for m in found.metrics
    )
    changed = found.model_copy(update={"advice": advice, "metrics": metrics})
    said = " ".join(caveats_in_words(changed))
    assert ("Phase and advice go by the mode connectivity of 1 of 2 curves" in said) == (used == 1)


@pytest.mark.parametrize(
    ("measure", "methods", "refused", "words"),
    [
        (SECTION, {"cka": CKA, "mode_connectivity": CURVES}, set(), "measured as the cells of"),
        (SECTION, {}, set(), "measured as the cells of somebody were"),
        (SECTION, {"trace": "PyHessian"}, set(), "measured as the cells of somebody were"),
        (None, {}, set(), "its source does not state the method of curves and of CKA"),
        (None, {"cka": CKA}, set(), "its source does not state the method of curves;"),
        (None, {"cka": "unbiased CKA of logits"}, {"cka"}, "not state the method of curves;"),
        ({"connectivity": {}}, {}, set(), "somebody were; its source does not state the method of CKA"),
        (None, {"peak_error": "barrier"}, {"peak_error"}, "not state the method of curves and of CKA"),
    ],
)  # fmt: skip
def test_metrics_of_another_method_count_as_missing(
    measure: dict | None, methods: dict, refused: set, words: str, tmp_path: Path
) -> None:
    write_model(tmp_path / "model.json", model(measure, methods=methods))
    found = standard(tmp_path / "model.json")
    assert set(found.refused) == refused
    assert words in found.method_words
    cells = found.model.cells if found.model else None
    assert cells is not None
    answer = found.answer({name: values[7] for name, values in cells.features.items()}, 100)
    assert answer is not None and set(answer.missing) == refused
    for metric, why in found.refused.items():
        assert f"was measured by another method, `{methods[metric]}`" in why


def test_a_method_that_contradicts_its_section_is_refused(tmp_path: Path) -> None:
    section = {**SECTION, "similarity": {"draw": "pair"}}
    own = model(section, methods={"cka": CKA})
    published = tmp_path / "published.json"
    write_model(published, own)  # its words are the authors', its section the importer's
    assert standard(published).refused == {}
    reference = own.reference.model_copy(update={"citation": None})
    write_model(tmp_path / "own.json", own.model_copy(update={"reference": reference}))
    with pytest.raises(CheckpointError, match="its cka is of the method `biased linear CKA, mix"):
        standard(tmp_path / "own.json")


def test_a_metric_of_another_method_is_named(tmp_path: Path) -> None:
    write_model(tmp_path / "model.json", model(methods={"cka": "CKA of layer 3"}))
    found = lc.diagnose_checkpoints(states(2), perceptron, blobs(), model=tmp_path / "model.json")
    said = " ".join(found.no_advice)
    assert "CKA (that of somebody was measured by another method, `CKA of layer 3`" in said
    assert found.metric("cka").mean is not None  # measured all the same


def test_curves_of_the_authors_code() -> None:
    """Random start, and as many updates whatever the data: 50 epochs of 390 batches."""
    method = reference_method(measure_section())
    assert method.batch_norm == "authors"
    curve = first_probe(fitted_to(method, 1437, (1, 8, 8)), "connectivity")
    assert (curve.init, curve.lengths(), curve.length_unit) == ("random", [9750, 19_500], "updates")
    assert first_probe(method, "similarity").draw == "pair"
