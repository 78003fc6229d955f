"""Recorded fits of curves and recorded Hessian products, on the CPU with a stand-in for graphs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from landscape_catalog.graphs.notices import warn_once
from landscape_catalog.graphs.recorded import WARM_UP, RecordedWork
from landscape_catalog.metrics.numerics.curves import descent, fit
from landscape_catalog.metrics.numerics.curves.fit import State, fit_curves
from landscape_catalog.metrics.numerics.curves.gradients import network_gradient
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.hessian import products
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.models.build import build
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Classification, Samples

Work = Callable[[], object]
CPU = torch.device("cpu")


def network(seed: int, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    made = build("resnet18", width=1, input_shape=(1, 4, 4), n_outputs=3, seed=seed)
    return made.to(dtype)


def pairs(count: int, dtype: torch.dtype) -> list[tuple[State, State]]:
    states = [network(seed, dtype).state_dict() for seed in range(2 * count)]
    return list(zip(states[::2], states[1::2]))


def started(
    ends: list[tuple[State, State]], recipe: CurveRecipe, dtype: torch.dtype
) -> list[Tensor]:
    return [fit._start(network(0, dtype), one, recipe, 5) for one in ends]


def recorded(
    controls: list[Tensor], data: Samples, task: Classification, recipe: CurveRecipe,
    recorder: Callable[[Work], Work],
) -> None:  # fmt: skip
    made = network(0, controls[0].dtype).train()
    descent.fit_recorded(
        controls, lambda: partial(network_gradient, copied(made), task), data, recipe, 5,
        recorder=recorder,
    )  # fmt: skip


# recipes whose rates and weights float32 does not represent, since both ways round them to it
RECIPES: dict[str, dict[str, Any]] = {
    "three control points": {"epochs": 3},
    "four control points": {"epochs": 3, "control_points": 4},
    "from random weights": {"epochs": 3, "init": "random"},
    "updates within an epoch": {"updates": 7},
    "fewer updates than the warm-up": {"updates": 2},
    "no momentum, no decay": {"updates": 6, "momentum": 0.0, "weight_decay": 0.0},
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", RECIPES)
def test_the_same_bits_as_one_step_after_the_other(
    name: str, dtype: torch.dtype, task: Classification, tiny_data: Samples
) -> None:
    """Several curves at once are each what `fit_curves` gives, whose numbers are Python's."""
    recipe = CurveRecipe(**{"batch_size": 8, **RECIPES[name]})
    ends, counts = pairs(3, dtype), {"recorded": 0, "replayed": 0}

    def recorder(work: Work) -> Work:
        counts["recorded"] += 1

        def replay() -> None:
            counts["replayed"] += 1
            work()

        return replay

    controls = started(ends, recipe, dtype)
    first = [points.clone() for points in controls]
    recorded(controls, tiny_data, task, recipe, recorder)
    expected = fit_curves(network(0, dtype), ends, tiny_data, task, recipe, seed=5)
    steps = recipe.updates or recipe.epochs * (len(tiny_data) // 8)
    replayed = max(steps - WARM_UP, 0)
    assert counts == {"recorded": 3 * (replayed > 0), "replayed": 3 * replayed}
    for points, start, curve in zip(controls, first, expected):
        assert torch.equal(points, curve.controls)
        assert torch.equal(points[[0, -1]], start[[0, -1]])
        assert not torch.equal(points[1], start[1])


def test_a_curve_does_not_depend_on_its_companions(
    task: Classification, tiny_data: Samples
) -> None:
    recipe, ends = CurveRecipe(batch_size=8, updates=6), pairs(3, torch.float32)
    together = started(ends, recipe, torch.float32)
    recorded(together, tiny_data, task, recipe, lambda work: work)
    for place, expected in enumerate(together):
        alone = started(ends[place : place + 1], recipe, torch.float32)
        recorded(alone, tiny_data, task, recipe, lambda work: work)
        assert torch.equal(alone[0], expected)


def test_what_a_step_reads_keeps_its_place_in_memory(
    task: Classification, tiny_data: Samples
) -> None:
    recipe, places = CurveRecipe(batch_size=8, updates=8, control_points=4), []
    controls = started(pairs(1, torch.float32), recipe, torch.float32)

    def recorder(work: Work) -> Work:
        fitted = work.__self__  # type: ignore[attr-defined]

        def replay() -> None:
            step = fitted.step
            fixed = [step.controls, step.velocity, step.gamma, step.gradient, step.scratch]
            fixed += [fitted.place, *fitted.tables.values()]
            places.append([tensor.data_ptr() for tensor in fixed])
            work()

        return replay

    recorded(controls, tiny_data, task, recipe, recorder)
    assert len(places) == 8 - WARM_UP
    assert all(found == places[0] for found in places)


def test_no_fit_is_left_behind_by_an_error(
    task: Classification, tiny_data: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have launched steps that write to control points which the error frees."""
    recipe, waited = CurveRecipe(batch_size=8, updates=6), []
    controls = started(pairs(3, torch.float32), recipe, torch.float32)
    monkeypatch.setattr(RecordedWork, "wait", lambda self: waited.append(self))

    def recorder(work: Work) -> Work:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        recorded(controls, tiny_data, task, recipe, recorder)
    assert len(set(map(id, waited))) == 3


@pytest.mark.parametrize("good", [0, 1, 2])
def test_fits_go_on_step_by_step_if_they_cannot_be_recorded(
    good: int, task: Classification, tiny_data: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """Some of three curves: no step is lost or taken twice."""
    warn_once.cache_clear()
    recipe, ends, asked = CurveRecipe(batch_size=8, updates=7), pairs(3, torch.float32), []

    def recorder(work: Work) -> Work:
        asked.append(work)
        if len(asked) > good:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        return work

    controls = started(ends, recipe, torch.float32)
    recorded(controls, tiny_data, task, recipe, recorder)
    expected = fit_curves(network(0), ends, tiny_data, task, recipe, seed=5)
    for points, curve in zip(controls, expected):
        assert torch.equal(points, curve.controls)
    assert len(asked) == 3
    (said,) = caplog.messages
    assert "not permitted when stream is capturing" in said


@pytest.mark.parametrize("recordable", [True, False])
def test_curves_are_never_stacked_on_cuda(
    recordable: bool, task: Classification, tiny_data: Samples, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """They are fitted as one by one on a CPU, which is where this is computed."""
    warn_once.cache_clear()
    recipe, ends = CurveRecipe(batch_size=8, updates=5), pairs(2, torch.float32)
    alone = fit_curves(network(0), ends, tiny_data, task, recipe, seed=5)
    stacked = fit_curves(network(0), ends, tiny_data, task, recipe, seed=5, together=True)
    monkeypatch.setattr(fit, "_is_on_cuda", lambda data: True)
    monkeypatch.setattr(fit, "why_not_recorded", lambda *_: "" if recordable else "no")
    found = fit_curves(network(0), ends, tiny_data, task, recipe, seed=5, together=True)
    for curve, one, other in zip(found, alone, stacked):
        assert torch.equal(curve.controls, one.controls)
        assert not torch.equal(curve.controls, other.controls)
    assert len(caplog.messages) == (not recordable)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_hessian_products_that_cannot_be_recorded(
    mode: products.Mode, task: Classification, tiny_data: Samples, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """They are computed step by step, and each is counted once."""
    warn_once.cache_clear()
    made = network(0, torch.float64)
    expected, asked = BatchHessian(made, tiny_data, task, mode=mode), []

    def recorder(work: Work) -> Work:
        asked.append(work)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(products, "RecordedWork", partial(RecordedWork, recorder=recorder))
    monkeypatch.setattr(BatchHessian, "_records", lambda self: True)
    found = BatchHessian(made, tiny_data, task, mode=mode)
    for seed in range(WARM_UP + 3):
        draw = torch.Generator().manual_seed(seed)
        vector = torch.randn(found.size, dtype=torch.float64, generator=draw)
        assert torch.equal(found(vector), expected(vector))
    assert len(asked) == 1
    assert found.products == WARM_UP + 3
    assert len(caplog.messages) == 1


class Recorded(RecordedWork):
    """Records on the CPU."""

    made: ClassVar[list[weakref.ref[RecordedWork]]] = []

    def __init__(self, work: Work, device: torch.device) -> None:
        super().__init__(work, device, recorder=lambda work: work)
        self.made.append(weakref.ref(self))


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_recorded_hessian_products(
    mode: products.Mode, task: Classification, tiny_data: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as step by step at every call; and freed with its operator, not by the collector."""
    made = network(0, torch.float64)
    expected = BatchHessian(made, tiny_data, task, mode=mode)
    monkeypatch.setattr(products, "RecordedWork", Recorded)
    # what only a GPU does, on the CPU
    monkeypatch.setattr(BatchHessian, "_records", lambda self: True)
    Recorded.made.clear()
    gc.collect()
    gc.disable()
    try:
        found = BatchHessian(made, tiny_data, task, mode=mode)
        for seed in range(WARM_UP + 3):
            draw = torch.Generator().manual_seed(seed)
            vector = torch.randn(found.size, dtype=torch.float64, generator=draw)
            assert torch.equal(found(vector), expected(vector))
        (work,) = Recorded.made
        assert found.products == WARM_UP + 3
        kept = work()
        assert kept is found._recorded and kept.is_recorded
        monkeypatch.setattr(Recorded, "wait", lambda self: pytest.fail("waited"))
        del found
        assert not kept.is_recorded  # released
        del kept
        assert work() is None
    finally:
        gc.enable()
