"""The GPU benchmark's times and memory at toy size, on the CPU: what is computed is what is said."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks import gpu
from benchmarks.on_gpu import measuring, memory, metric_times, out_of_memory, steps
from benchmarks.on_gpu.clock import timed_steps
from benchmarks.on_gpu.part import Settings, going_on
from landscape_catalog.graphs.recorded import WARM_UP

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
    assert sum("ok" in facts for facts in notes.values()) == 2
    assert not any("skipped" in facts for facts in notes.values())
    whole = {name: facts["ms"] for name, facts in notes.items() if "CKA" in name and "ms" in facts}
    assert len(whole) == 3
    assert min(whole.values()) > 0


def test_every_way_of_taking_steps_is_timed() -> None:
    """At two widths, but for what needs a GPU; the product's own ways before all others."""
    notes = Notes()
    steps.run(TOY, notes)
    assert not [name for name in notes if name.endswith("failed")], notes
    timed = [name for name, facts in notes.items() if "samples_per_s" in facts]
    for way in (
        "plain loop", "plain loop, 0 loaders", "data on the device", "recorded",
        "recorded, torch's kernels", "grouped convolutions", "vmap", "stacked matrix products",
        "tf32", "tf32, own kernels", "any algorithm", "plain loop, 0 loaders, tf32",
    ):  # fmt: skip
        widths = {notes[name]["width"] for name in timed if notes[name]["way"] == way}
        assert widths == {1, 2}, way
    assert {notes[name]["batch"] for name in timed} == {4, 8, 16}
    assert all(name.endswith(", tf32") for name in timed[-2:])  # cuDNN takes long to choose
    assert all(notes[name]["ms"] > 0 for name in timed)


def test_every_peak_is_noted_and_jobs_without_memory_are_split() -> None:
    notes = Notes()
    memory.run(TOY, notes)
    assert not [name for name in notes if name.endswith("failed")], notes
    checks = {name: facts["ok"] for name, facts in notes.items() if "ok" in facts}
    assert len(checks) == 5
    assert all(checks.values()), notes
    assert sum("k=1" in name for name in notes) == 8


def test_nothing_is_begun_when_the_time_is_over() -> None:
    notes = Notes()
    measuring.run(Settings(device="cpu", toy=True, seconds=0), notes)
    assert all("skipped" in facts for name, facts in notes.items() if name != "seconds")


@pytest.mark.parametrize("limit", [10**9, 2 * 10**9 + 1, 64 * 10**9])
@pytest.mark.parametrize(("fixed", "each"), [(0, 10**6), (10**8, 10**5), (3 * 10**9, 7)])
def test_the_run_that_never_fits_needs_several_times_the_limit(
    limit: int, fixed: int, each: int
) -> None:
    """Also if most of the memory of a small run does not depend on its batch."""
    sizes = 128, 512
    batch = out_of_memory.hopeless_batch(limit, sizes, (fixed + each * 128, fixed + each * 512))
    assert each * batch >= out_of_memory.SURELY * limit
    assert each * (batch - 1) < out_of_memory.SURELY * limit
    assert out_of_memory.hopeless_batch(limit, sizes, (0, 0)) == 0


def test_recovery_notices_a_run_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both checks of the run that never fits fail if it does."""
    notes = Notes()
    real = out_of_memory.train_some

    def fits(payload: out_of_memory.Payload, cache: Any) -> None:
        if payload.runs[0].run_id != "large0":
            real(payload, cache)

    monkeypatch.setattr(out_of_memory, "train_some", fits)
    out_of_memory.check_recovery(TOY, notes)
    wrong = {name for name, facts in notes.items() if facts.get("ok") is False}
    assert wrong == {"a run is tried again", "a run that fails says what to reduce"}


def test_what_is_important_is_timed_at_every_width_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """And products are timed when they are recorded."""
    order: list[str] = []

    def checks(width: int, settings: Settings, note: Any) -> list[list[measuring.Check]]:
        return [
            [(f"stage {stage}", lambda stage=stage: order.append(f"{stage} k={width}"))]  # type: ignore[misc]
            for stage in range(2 if width >= 64 else 3)
        ]

    monkeypatch.setattr(measuring, "_checks", checks)
    measuring.run(Settings(device="cpu", toy=False, seconds=100), Notes())
    assert order == [f"{stage} k={width}" for stage in (0, 1) for width in (8, 2, 64)] + [
        "2 k=8", "2 k=2",
    ]  # fmt: skip
    assert metric_times.UNTIL_RECORDED >= WARM_UP + 1


def test_the_whole_command_takes_less_than_eight_minutes() -> None:
    """Parts without timings run beside each other; each may be killed a while after its time."""
    assert gpu.longest(gpu.PARTS) < gpu.MOST_SECONDS == 480
    assert gpu.longest(gpu.PARTS[:1]) == gpu.PARTS[0].seconds + gpu.GRACE


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
        raise torch.OutOfMemoryError("CUDA out\n of memory")

    with going_on(notes, "one"):
        check()
    with going_on(notes, "two"):
        pass
    (name,) = notes
    assert name == "one: failed"
    assert notes[name]["ok"] is False
    words = notes[name]["error"].split(" at ")
    assert words[0] == "OutOfMemoryError: CUDA out of memory"
    assert words[1].startswith("test_gpu_benchmark_measuring.py:")
    assert words[1].endswith(" in check")
