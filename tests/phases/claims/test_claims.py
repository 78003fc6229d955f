"""Each claim is supported where it is true, and not where it is false."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from landscape_catalog.phases.claims import CLAIMS, JudgedClaim, judge_claims
from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from tests.phases.claims.truths import FALSE, NULL, TRUE
from tests.phases.claims.worlds import BATCH, LABEL_NOISE, LARGE, SAMPLES, SMALL, WIDTH, World

NAMES = [claim.name for claim in CLAIMS]


def verdicts(diagram: Diagram) -> dict[str, JudgedClaim]:
    """What is found of every claim, by its name."""
    return {judged.claim.name: judged for judged in judge_claims(diagram)}


def test_every_claim_is_declared_once_with_its_source() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 14
    for claim in CLAIMS:
        assert claim.statement.endswith(".")
        assert "Figure" in claim.source or "footnote" in claim.source
        assert claim.parts
        assert all(part.margin.reason and part.unit for part in claim.parts)


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_is_supported_where_it_is_true(name: str) -> None:
    found = verdicts(TRUE[name].diagram(1))[name]
    assert found.verdict == "supported", found.why


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_is_not_supported_where_it_is_false(name: str) -> None:
    found = verdicts(FALSE[name].diagram(1))[name]
    assert found.verdict == "not supported"
    assert found.deciding is not None
    assert found.deciding.finding in ("contradicted", "too small"), found.why


@pytest.mark.parametrize("name", NULL)
def test_noise_supports_no_claim(name: str) -> None:
    """Less than one claim in 20 worlds; benchmarks/claims.py measures it."""
    n_worlds = 4 if name.startswith("13") else 15
    found = [
        judged.claim.name
        for seed in range(n_worlds)
        for judged in judge_claims(NULL[name].diagram(seed))
        if judged.verdict == "supported"
    ]
    assert len(found) <= 1, found


def test_the_order_of_cells_has_no_influence() -> None:
    diagram = TRUE["zero-loss-hurts"].diagram(0)
    order = np.random.default_rng(0).permutation(len(diagram))
    assert judge_claims(shuffled(diagram, order)) == judge_claims(diagram)


def shuffled(diagram: Diagram, order: np.ndarray) -> Diagram:
    return replace(
        diagram,
        cell_ids=tuple(diagram.cell_ids[i] for i in order),
        phases=tuple(diagram.phases[i] for i in order),
        places=diagram.places[order],
        variant=diagram.variant[order],
        n_runs=diagram.n_runs[order],
        n_converged=diagram.n_converged[order],
        means={name: values[order] for name, values in diagram.means.items()},
    )


def test_each_axis_is_judged_by_itself() -> None:
    """An effect along one load-like axis does not hide that there is none along another."""
    diagram = TRUE["connected-flat-better"].diagram(1)
    alone = verdicts(diagram)["connected-flat-better"]
    assert [part.along for part in alone.parts] == [WIDTH]
    twice = with_second_load(diagram)
    found = verdicts(twice)["connected-flat-better"]
    assert found.verdict == "not supported"
    assert [part.along for part in found.parts] == [WIDTH, SAMPLES]
    by_width, by_samples = found.parts
    assert by_width.finding == "supported"
    assert by_samples.finding == "contradicted"
    assert found.deciding is by_samples
    assert found.by_axis == (by_samples, by_width)
    assert "along training samples" in found.why


def with_second_load(diagram: Diagram) -> Diagram:
    """The grid twice: with more data, cells of III are in IV, and less accurate by 20 points."""
    n = len(diagram)
    phases = np.array(diagram.phases)
    connected = np.where(phases == "III", "IV-A", phases)
    was_poor = np.where(phases == "III", 20.0, 0.0)
    levels = [
        (phases, diagram.mean("test_accuracy")),
        (connected, diagram.mean("test_accuracy") - was_poor),
    ]
    axes = (diagram.axes[0], DiagramAxis.of(SAMPLES, [1000, 2000]), *diagram.axes[1:])
    places = np.concatenate([np.insert(diagram.places, 1, level, axis=1) for level in range(2)])
    means = {name: np.tile(values, 2) for name, values in diagram.means.items()}
    means["test_accuracy"] = np.concatenate([accuracy for _, accuracy in levels])
    return replace(
        diagram,
        axes=axes,
        cell_ids=tuple(map(str, range(2 * n))),
        places=places,
        phases=tuple(np.concatenate([names for names, _ in levels])),
        means=means,
        **{
            name: np.tile(getattr(diagram, name), 2)
            for name in ("variant", "n_runs", "n_converged")
        },
    )


def test_an_axis_with_too_little_data_is_named_and_does_not_count() -> None:
    diagram = TRUE["connected-flat-better"].diagram(1)
    one_more = with_second_load(diagram)
    same = replace(one_more, phases=diagram.phases * 2)  # no line along it has both III and IV
    found = verdicts(same)["connected-flat-better"]
    assert [part.along for part in found.parts] == [WIDTH]
    (untested,) = found.untested
    assert "along training samples: too few lines with cells in III and in IV: 0" in untested


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("label-noise-worsens-global", "several values of label noise (load.label_noise)"),
        ("double-descent-noisy", "training labels that are noisy"),
        ("decay-helps", "a variant with learning-rate decay"),
        ("data-improves-cka", "several values of training samples"),
    ],
)
def test_what_a_grid_lacks_is_named(name: str, lacks: str) -> None:
    found = verdicts(World().diagram(0))[name]
    assert found.verdict == "cannot be tested"
    assert lacks in found.why
    assert found.parts == ()
    assert found.deciding is None


@pytest.mark.parametrize("metric", ["cka", "mode_connectivity", "l2_distance", "test_accuracy"])
def test_a_missing_metric_is_named(metric: str) -> None:
    diagram = World().diagram(0)
    means = {name: values for name, values in diagram.means.items() if name != metric}
    means.pop("test_error", None)
    found = verdicts(replace(diagram, means=means))["hessian-insufficient"]
    if metric == "l2_distance":
        found = verdicts(replace(diagram, means=means))["l2-less-informative"]
    assert found.verdict == "cannot be tested"
    assert (metric.replace("_", " ") if metric != "test_accuracy" else "performance") in found.why


def test_cells_without_phases() -> None:
    found = verdicts(replace(World().diagram(0), phases=()))
    assert found["best-in-iv-b"].verdict == "cannot be tested"
    assert "rule yang2021" in found["best-in-iv-b"].why
    assert found["width-improves-cka"].verdict != "cannot be tested"


def test_a_single_cell_tests_nothing() -> None:
    found = judge_claims(World(axes={WIDTH: (8,), BATCH: (64,)}).diagram(0))
    assert {judged.verdict for judged in found} == {"cannot be tested"}


def test_an_empty_grid_tests_nothing() -> None:
    diagram = World(axes={WIDTH: (8,), BATCH: (64,)}).diagram(0)
    found = judge_claims(shuffled(diagram, np.array([], dtype=int)))
    assert {judged.verdict for judged in found} == {"cannot be tested"}


def test_sixteen_cells_test_only_what_they_can() -> None:
    found = verdicts(World(axes=SMALL).diagram(0))
    assert "16, and 40 are needed" in found["hessian-insufficient"].why
    assert found["width-improves-connectivity"].verdict == "not supported"


def test_numbers_that_are_missing_or_infinite_are_left_out() -> None:
    diagram = TRUE["width-improves-cka"].diagram(0)
    cka = diagram.means["cka"].copy()
    cka[::7], cka[3::11] = np.nan, np.inf
    damaged = replace(diagram, means={**diagram.means, "cka": cka})
    found = verdicts(damaged)["width-improves-cka"]
    assert found.verdict == "supported"
    assert all(np.isfinite([part.low, part.high]).all() for part in found.parts)


def test_nothing_but_nan_tests_nothing() -> None:
    diagram = World().diagram(0)
    means = {name: np.full(len(diagram), np.nan) for name in diagram.means}
    found = judge_claims(replace(diagram, means=means))
    assert {judged.verdict for judged in found} == {"cannot be tested"}


def test_cells_that_have_not_converged_are_left_out() -> None:
    diagram = TRUE["width-improves-cka"].diagram(0)
    bad = np.arange(len(diagram)) % 5 == 0
    means = {k: np.where(bad, -1e8, v) for k, v in diagram.means.items()}
    phases = tuple("NC" if b else phase for b, phase in zip(bad, diagram.phases))
    found = verdicts(replace(diagram, means=means, phases=phases))
    assert found["width-improves-cka"].verdict == "supported"
    assert abs(found["connected-flat-better"].parts[0].effect.value) < 100


def test_intervals_widen_with_the_number_of_claims() -> None:
    diagram = TRUE["width-improves-cka"].diagram(0)
    claim = next(claim for claim in CLAIMS if claim.name == "width-improves-cka")
    alone, among = judge_claims(diagram, [claim])[0], verdicts(diagram)[claim.name]
    assert alone.confidence == pytest.approx(0.9)
    n_tested = sum(one.verdict != "cannot be tested" for one in verdicts(diagram).values())
    assert among.confidence == pytest.approx(1 - 0.1 / n_tested)
    assert among.parts[0].low < alone.parts[0].low < alone.parts[0].effect.value


@pytest.mark.parametrize(
    ("name", "world"),
    [
        ("width-improves-cka", World(cka_of_width=0.4, uneven=True)),
        ("width-improves-connectivity", World(mc_of_width=20.0, uneven=True)),
        ("data-improves-cka", World(axes=LARGE, cka_of_data=0.3, uneven=True)),
    ],
)
def test_an_effect_that_grows_along_another_axis_is_found(name: str, world: World) -> None:
    """That it is stronger when it is hot makes it no less certain."""
    found = verdicts(world.diagram(0))[name]
    assert found.verdict == "supported", found.why


def test_equivalence_needs_an_interval_within_the_margins() -> None:
    moved = FALSE["label-noise-worsens-global"].diagram(1)
    found = verdicts(moved)["label-noise-worsens-global"]
    assert [part.finding for part in found.parts] == ["supported", "supported", "contradicted"]
    assert found.verdict == "not supported"
    assert found.why.startswith("contradicted")


def test_the_hessian_is_compared_only_where_the_training_set_is_fitted() -> None:
    world = replace(TRUE["label-noise-worsens-global"], hessian_of_heat=0.0)
    diagram = world.diagram(0)
    unfitted = {**diagram.means, "train_loss": np.full(len(diagram), 0.2)}
    found = verdicts(replace(diagram, means=unfitted))["label-noise-worsens-global"]
    assert found.verdict == "cannot be tested"
    assert LABEL_NOISE in {axis.path for axis in diagram.axes}


def test_a_grid_that_ranks_by_loss_has_no_points_of_accuracy() -> None:
    diagram = World().diagram(0)
    means = {k: v for k, v in diagram.means.items() if not k.startswith("test_")}
    means["test_loss"] = 100 - diagram.means["test_accuracy"]
    found = verdicts(replace(diagram, means=means, performance="test_loss", higher_is_better=False))
    assert "a test accuracy in percent" in found["best-in-iv-b"].why
    assert found["hessian-insufficient"].verdict != "cannot be tested"
