"""The GPU benchmark's times and memory at toy size, on the CPU: what is computed is what is said."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.on_gpu import measuring, memory
from benchmarks.on_gpu.captured import CurveSteps
from benchmarks.on_gpu.clock import TASK, images, network, timed_steps
from benchmarks.on_gpu.part import Settings, attempt
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, fit_curves
from landscape_catalog.runner.settings import reproducible

TOY = Settings(device="cpu", toy=True, seconds=100)


class Notes(dict[str, dict[str, Any]]):
    """Keeps findings; a name that is not unique is an error."""

    def __call__(self, name: str, **facts: Any) -> None:
        assert name not in self
        self[name] = facts


def test_every_timing_and_check_is_made() -> None:
    notes = Notes()
    measuring.run(TOY, notes)
    assert not [name for name in notes if name.endswith("failed")], notes
    assert all(facts["ok"] for facts in notes.values() if "ok" in facts)
    skipped = [name for name, facts in notes.items() if facts.get("skipped") == "needs CUDA"]
    assert len(skipped) == 4
    whole = {name: facts["ms"] for name, facts in notes.items() if "CKA" in name and "ms" in facts}
    assert len(whole) == 3
    assert min(whole.values()) > 0


def test_every_peak_is_noted_and_jobs_without_memory_are_split() -> None:
    notes = Notes()
    memory.run(TOY, notes)
    assert not [name for name in notes if name.endswith("failed")], notes
    checks = {name: facts["ok"] for name, facts in notes.items() if "ok" in facts}
    assert len(checks) == 5
    assert all(checks.values()), notes
    assert sum("k=1" in name for name in notes) == 7


def test_nothing_is_begun_when_the_time_is_over() -> None:
    notes = Notes()
    measuring.run(Settings(device="cpu", toy=True, seconds=0), notes)
    assert all("skipped" in facts for name, facts in notes.items() if name != "seconds")


@pytest.mark.parametrize("control_points", [3, 4])
def test_steps_from_tables_are_those_of_the_product(control_points: int) -> None:
    """What is captured as a CUDA graph differs from `fit_curves` only in where numbers lie."""
    data = images(24, "cpu")
    ends = tuple(network(1, "cpu", seed).state_dict() for seed in (1, 2))
    recipe = CurveRecipe(batch_size=8, updates=4, control_points=control_points)
    with reproducible():
        steps = CurveSteps(network(1, "cpu"), ends, data, TASK, recipe, seed=5)  # type: ignore[arg-type]
        for _ in range(2):  # from the start each time
            steps.restart()
            for _ in range(4):
                steps.step()
        (curve,) = fit_curves(network(1, "cpu"), [ends], data, TASK, recipe, seed=5)  # type: ignore[list-item]
    assert not torch.equal(steps.controls[1], steps.start[1])
    torch.testing.assert_close(steps.controls, curve.controls, rtol=1e-6, atol=1e-7)


def test_the_time_of_a_step_leaves_out_what_comes_before_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]

    def work(steps: int) -> None:
        clock[0] += 10 + 0.5 * steps

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    assert timed_steps(work, "cpu", (2, 6)).facts() == {"ms": 500, "spread": [500, 500]}


def test_a_check_that_raises_is_noted_with_its_place() -> None:
    notes = Notes()

    def check() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert not attempt(notes, "one", check)
    assert attempt(notes, "two", lambda: None)
    (facts,) = notes.values()
    assert facts["error"] == "OutOfMemoryError: CUDA out of memory"
    assert facts["at"].endswith(" check")
