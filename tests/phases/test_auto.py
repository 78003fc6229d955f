"""Thresholds found from a grid, against grids whose boundary, noise and groups were planted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.planted_grids import BATCHES, Planted, planted_grid, smooth_grid
from landscape_catalog.phases import FoundThreshold, Yang2021
from landscape_catalog.phases.auto.edges import find_edges
from landscape_catalog.phases.auto.step import best_steps
from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from tests.phases.rules import ByLoss

AUTOMATIC: dict[str, Any] = {
    "connectivity": {"tolerance": "auto"},
    "hessian": {"threshold": "auto"},
    "cka": {"threshold": "auto"},
    "train_loss": "auto",
}
RULE = Yang2021.model_validate(AUTOMATIC)


def found_in(diagram: Diagram, rule: Yang2021 = RULE) -> dict[str, FoundThreshold]:
    return {one.name: one for one in rule.resolved(diagram).found}


def flat_cells(diagram: Diagram) -> np.ndarray:
    """The cells below both thresholds found."""
    found = found_in(diagram)
    below = diagram.mean("train_loss") <= found["train_loss"].value
    flat: np.ndarray = below & (diagram.mean("top_eigenvalue") <= found["hessian.threshold"].value)
    return flat


def n_flat(planted: Planted) -> np.ndarray:
    """The number of flat cells in each line along temperature, by the thresholds found."""
    lines = planted.diagram.lines("temperature.batch_size")
    flat = flat_cells(planted.diagram)
    return np.array([flat[line].sum() for line in lines])


@pytest.mark.parametrize("seed", range(500, 520))
def test_the_boundary_is_within_one_cell_of_the_planted_one(seed: int) -> None:
    planted = planted_grid(seed)
    assert np.abs(n_flat(planted) - planted.boundary).max() <= 1


def test_the_boundary_is_exact_in_three_of_four_lines() -> None:
    grids = [planted_grid(seed) for seed in range(520, 530)]
    exact = np.concatenate([n_flat(planted) == planted.boundary for planted in grids])
    assert exact.mean() > 0.75


def test_grids_without_a_transition_have_none() -> None:
    seen = [find_edges(smooth_grid(seed).diagram, "top_eigenvalue") for seed in range(500, 530)]
    assert sum(edges.found for edges in seen) <= 1
    for edges in seen:
        if not edges.found:
            assert edges.words.startswith("no transition: in ")


def test_without_a_transition_the_defaults_are_used_and_the_reason_says_so() -> None:
    found = found_in(smooth_grid(500).diagram)
    for name, default in (("train_loss", 0.05), ("hessian.threshold", 76.0)):
        assert found[name].fallback
        assert found[name].value == default
        assert found[name].low is None
        assert "no transition" in found[name].reason
        assert found[name].words.startswith(f"{default:g}, the default: no transition")


def trained(rates: Any, momenta: Any) -> FoundThreshold:
    """What the Hessian's threshold falls back on for cells trained in this way."""
    diagram = smooth_grid(500).diagram
    n = len(diagram)
    rates, momenta = (np.resize(np.asarray(x, dtype=float), n) for x in (rates, momenta))
    return found_in(replace(diagram, rates=rates, momenta=momenta))["hessian.threshold"]


def test_the_hessian_falls_back_on_the_edge_of_stability_of_the_cells() -> None:
    """2 (1 + momentum) / lr, by hand: 3.8 / 0.05 = 76, 3.8 / 0.1 = 38 and 2 / 0.1 = 20."""
    for lr, momentum, expected in ((0.05, 0.9, 76.0), (0.1, 0.9, 38.0), (0.1, 0.0, 20.0)):
        found = trained(lr, momentum)
        assert found.fallback
        assert found.value == expected
        assert found.words.startswith(f"{expected:g}, the default: no transition: in ")
        own = f"2 (1 + momentum) / lr for the cells' own learning rate {lr:g} and momentum "
        assert found.reason.endswith(f"; {own}{momentum:g}")


def test_different_learning_rates_give_the_geometric_mean() -> None:
    found = trained([0.01, 0.1], 0.9)
    assert found.value == pytest.approx(np.sqrt(380 * 38), rel=0.02)
    assert (
        "own learning rate 0.01 to 0.1 and momentum 0.9 is 38 to 380, its geometric" in found.reason
    )


def test_cells_whose_learning_rate_is_unknown_do_not_count() -> None:
    found, n = trained([0.1, np.nan, 0.0], 0.9), len(smooth_grid(500).diagram)
    assert found.value == 38
    assert f"(constant and known for {-(-n // 3)} of {n} cells)" in found.reason
    for nothing in (trained(np.nan, 0.9), trained(0.1, np.nan)):
        assert nothing.value == 76
        assert "is not known for these cells" in nothing.reason


def test_the_trace_has_no_edge_of_stability() -> None:
    diagram = smooth_grid(500).diagram
    known = replace(diagram, rates=np.full(len(diagram), 0.1), momenta=np.full(len(diagram), 0.9))
    known = replace(known, means={**known.means, "trace": 10 * known.mean("top_eigenvalue")})
    rule = RULE.model_validate({**AUTOMATIC, "hessian": {"metric": "trace", "threshold": "auto"}})
    found = found_in(known, rule)["hessian.threshold"]
    assert (found.value, found.fallback) == (76, True)
    assert "nothing better than 76 is known for the trace" in found.reason


def grid(
    loss: np.ndarray, hessian: np.ndarray, *, path: str = "temperature.batch_size", **more: Any
) -> Diagram:
    """A diagram from arrays of (loads, temperatures), from cold to hot."""
    n_loads, n = loss.shape
    places = np.stack(np.meshgrid(np.arange(n_loads), np.arange(n), indexing="ij"), axis=-1)
    values = BATCHES if path.endswith("batch_size") else sorted(1 / size for size in BATCHES)
    means = {"train_loss": loss, "top_eigenvalue": hessian, **more.pop("means", {})}
    return Diagram(
        axes=(
            DiagramAxis.of("load.width", list(range(1, n_loads + 1))),
            DiagramAxis.of(path, values[:n]),
        ),
        variants=("base",),
        cell_ids=tuple(map(str, range(loss.size))),
        places=places.reshape(-1, 2),
        variant=np.zeros(loss.size, dtype=int),
        n_runs=np.full(loss.size, 5),
        n_converged=np.full(loss.size, 5),
        means={name: values.ravel() for name, values in means.items()},
        **more,
    )


def with_step(n_loads: int = 6, n: int = 8, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Loss and Hessian with a step that moves by one cell per line, and 5% of noise."""
    random = np.random.default_rng(3)
    sharp = np.arange(n) >= np.arange(1, n_loads + 1)[:, None]
    loss = np.where(sharp, 0.1, 0.002) * np.exp(0.05 * random.standard_normal(sharp.shape))
    hessian = np.where(sharp, 60.0, 8.0) ** factor
    return loss, hessian * np.exp(0.05 * random.standard_normal(sharp.shape))


def test_a_clean_step_has_its_thresholds_between_the_two_levels() -> None:
    for path in ("temperature.batch_size", "temperature.lr", "temperature.weight_decay"):
        found = found_in(grid(*with_step(), path=path))
        for name, low, high in (("train_loss", 0.002, 0.1), ("hessian.threshold", 8.0, 60.0)):
            one = found[name]
            assert low * 1.1 < one.low <= one.value <= one.high < high / 1.1  # type: ignore[operator]
            assert one.value == pytest.approx(np.sqrt(low * high), rel=0.1)
            assert f"in 6 of 6 lines along {path}" in one.reason


def test_a_step_of_the_training_loss_alone_is_no_transition() -> None:
    loss, hessian = with_step(factor=0.0)
    assert not find_edges(grid(loss, hessian), "top_eigenvalue").found
    assert not find_edges(grid(loss, 1 / with_step()[1]), "top_eigenvalue").found


def test_a_clear_but_small_step_is_no_transition() -> None:
    loss, hessian = with_step()
    small = find_edges(grid(loss**0.2, hessian), "top_eigenvalue")  # × 2.2
    assert not small.found
    assert small.words == (
        "no transition: in none of 6 lines along temperature.batch_size, a clear step of training "
        "loss and top eigenvalue reaches factors of 3 and 1.5"
    )


def test_cells_that_are_missing_and_lines_that_are_too_short_do_not_matter() -> None:
    loss, hessian = with_step()
    hessian[2, 6], loss[3, 0], loss[5, 2:] = np.nan, np.inf, np.nan
    found = found_in(grid(loss, hessian))
    assert "in 5 of 5 lines" in found["train_loss"].reason
    short = found_in(grid(loss[:, :2], hessian[:, :2]))
    assert short["train_loss"].fallback
    assert "no line along temperature.batch_size has three cells" in short["train_loss"].reason


def test_a_grid_without_a_temperature_axis_falls_back() -> None:
    loss, hessian = with_step()
    found = found_in(grid(loss, hessian, path="load.samples"))
    assert found["train_loss"].reason == "the grid has no temperature axis"
    assert found["hessian.threshold"].reason.startswith("the grid has no temperature axis; 76 is 2")


def test_a_hot_corner_with_a_small_hessian_is_sharp_by_the_training_loss() -> None:
    loss, hessian = with_step()
    hessian[:, -2:] = 3.0
    hessian[5, -2:] = 60.0  # its edge
    diagram = grid(loss, hessian)
    sharp = np.arange(8) >= np.arange(1, 7)[:, None]
    np.testing.assert_array_equal(flat_cells(diagram), ~sharp.ravel())


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_the_evidence_of_a_step_ignores_level_and_slope(shift: float) -> None:
    noise = np.random.default_rng(1).standard_normal((4, 2, 7)) * 0.1
    noise[:, :, 3:] += 1
    trend = shift + shift * np.arange(7)
    found, moved = best_steps(list(noise)), best_steps(list(noise + trend))
    np.testing.assert_allclose(found.evidence, moved.evidence, rtol=1e-6)
    np.testing.assert_array_equal(found.place, 3)
    np.testing.assert_allclose(moved.rise, found.rise + shift, atol=1e-9)


def connected(mc: np.ndarray, **more: Any) -> Diagram:
    """Six lines of flat cells, then two hot ones, with these connectivities."""
    shape = (6, 10)
    sharp = np.broadcast_to(np.arange(10) >= 8, shape)
    random = np.random.default_rng(5)
    loss = np.where(sharp, 0.2, 0.002) * np.exp(0.05 * random.standard_normal(shape))
    hessian = np.where(sharp, 90.0, 5.0) * np.exp(0.05 * random.standard_normal(shape))
    cka = more.pop("cka", np.full(shape, 0.6))
    return grid(loss, hessian, means={"mode_connectivity": mc, "cka": cka}, **more)


@pytest.mark.parametrize("sd", [0.05, 0.3, 2.0])
def test_the_tolerance_is_three_times_the_noise_between_neighbours(sd: float) -> None:
    mc = sd * np.random.default_rng(2).standard_normal((6, 10))
    mc[0] -= 30.0  # a barrier
    found = found_in(connected(mc))["connectivity.tolerance"]
    assert found.value == pytest.approx(3 * sd, rel=0.3)
    assert found.low < found.value < found.high  # type: ignore[operator]
    assert "pairs of neighbouring flat, connected cells" in found.reason


def test_the_tolerance_is_three_known_standard_errors() -> None:
    mc = 0.1 * np.random.default_rng(2).standard_normal((6, 10))
    mc[0] -= 30.0
    errors = {"mode_connectivity": np.where(mc < -20, 5.0, 0.2).ravel()}
    counts = {"mode_connectivity": np.full(60, 5)}
    spread = connected(mc, standard_errors=errors, counts=counts)
    found = found_in(spread)["connectivity.tolerance"]
    assert found.value == pytest.approx(0.6)
    assert found.reason == (
        "three times the noise of 0.2 by the standard errors of mc in 40 flat, connected cells"
    )
    measured = replace(spread, measurement_errors={"mode_connectivity": 2 * np.full(60, 0.15)})
    assert found_in(measured)["connectivity.tolerance"].value == pytest.approx(0.9)
    one_curve = replace(spread, counts={"mode_connectivity": np.ones(60)})
    assert "neighbouring" in found_in(one_curve)["connectivity.tolerance"].reason


def test_the_tolerance_is_at_least_nine_samples() -> None:
    mc = np.zeros((6, 10))
    sampled = connected(mc, fixed={"load.samples": 1000}, units={"mode_connectivity": "%"})
    found = found_in(sampled)["connectivity.tolerance"]
    assert found.value == pytest.approx(0.9)
    assert "at least 9 training samples" in found.reason
    other_unit = replace(sampled, units={"mode_connectivity": "nats"})
    nothing = found_in(other_unit)["connectivity.tolerance"]
    assert (nothing.value, nothing.fallback) == (1.0, True)
    assert "the same in all" in nothing.reason


def test_without_connected_cells_the_tolerance_falls_back() -> None:
    found = found_in(connected(np.full((6, 10), -20.0)))
    assert found["connectivity.tolerance"].value == 1.0
    assert "too few flat, connected cells" in found["connectivity.tolerance"].reason
    assert found["cka.threshold"].value == 0.5
    assert found["cka.threshold"].reason == (
        "0 flat, connected cells are too few to be split by their CKA"
    )


@pytest.mark.parametrize("seed", range(5))
def test_cka_is_cut_between_two_groups(seed: int) -> None:
    random = np.random.default_rng(seed)
    centres = np.where(np.arange(6)[:, None] < 3, 0.42, 0.66)
    cka = centres + 0.03 * random.standard_normal((6, 10))
    mc = 0.05 * random.standard_normal((6, 10))
    found = found_in(connected(mc, cka=cka))["cka.threshold"]
    assert found.value == pytest.approx(0.54, abs=0.03)
    assert not found.fallback
    assert "two groups about 0.42 and 0.6" in found.reason


def test_cka_without_two_groups_falls_back() -> None:
    splits = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        cka = 0.6 + 0.05 * random.standard_normal((6, 10))
        found = found_in(connected(0.05 * random.standard_normal((6, 10)), cka=cka))
        splits += not found["cka.threshold"].fallback
        if found["cka.threshold"].fallback:
            assert found["cka.threshold"].value == 0.5
            assert "no split" in found["cka.threshold"].reason
    assert splits <= 3  # 5% of 20, and two standard deviations more


def test_numbers_are_left_as_they_are() -> None:
    diagram = planted_grid(500).diagram
    numeric = Yang2021()
    assert not numeric.is_automatic
    assert numeric.resolved(diagram).rule is numeric
    assert numeric.resolved(diagram).found == ()
    one = Yang2021.model_validate({"hessian": {"threshold": "auto"}, "train_loss": None})
    resolved = one.resolved(diagram)
    assert [found.name for found in resolved.found] == ["hessian.threshold"]
    assert isinstance(resolved.rule, Yang2021)
    assert resolved.rule.hessian.threshold == resolved.found[0].value
    assert resolved.rule.train_loss is None
    assert resolved.rule.cka == numeric.cka
    assert not resolved.rule.is_automatic
    assert not ByLoss().is_automatic
    assert ByLoss().resolved(diagram).rule == ByLoss()


def test_thresholds_are_the_same_every_time() -> None:
    diagram = planted_grid(501).diagram
    assert RULE.resolved(diagram) == RULE.resolved(diagram)


def test_the_trace_may_be_the_metric() -> None:
    loss, hessian = with_step()
    diagram = grid(loss, np.full_like(hessian, 3.0), means={"trace": 10 * hessian})
    rule = RULE.model_validate({**AUTOMATIC, "hessian": {"metric": "trace", "threshold": "auto"}})
    found = found_in(diagram, rule)["hessian.threshold"]
    assert 80 < found.value < 600
    assert "a joint step of training loss (× 49) and trace (× 7.4; medians)" in found.reason
    assert found_in(diagram)["hessian.threshold"].fallback


def test_a_rule_with_auto_classifies_nothing_by_itself() -> None:
    with pytest.raises(ValueError, match="found from a grid"):
        _ = RULE.criteria
    with pytest.raises(ValueError, match="found from a grid"):
        RULE.thresholds({"mode_connectivity": "%", "train_loss": "nats"})


@pytest.mark.parametrize("n", [5, 9, 13])
@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_an_exact_smooth_trend_is_no_step(power: float, n: int) -> None:
    """Without any noise, rounding must not decide."""
    x = np.linspace(0, 1, n) + 0.05 * np.arange(6)[:, None]
    found = find_edges(grid(np.exp(7 * x**power - 7), np.exp(3 * x**power)), "top_eigenvalue")
    assert not found.found
    step = x > 0.6
    found = find_edges(grid(np.exp(4.0 * step - 7), np.exp(3.0 * step)), "top_eigenvalue")
    assert len(found.lines) == 6
