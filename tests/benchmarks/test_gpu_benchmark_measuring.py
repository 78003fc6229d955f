"""The GPU benchmark's times and memory at toy size, on the CPU: what is computed is what is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from benchmarks import gpu
from benchmarks.on_gpu import (
    compiling,
    measuring,
    memory,
    memory_to_record,
    metric_times,
    out_of_memory,
    step_plan,
    steps,
    two_processes,
)
from benchmarks.on_gpu.children import Servant
from benchmarks.on_gpu.clock import timed_steps
from benchmarks.on_gpu.curve_times import step_by_step
from benchmarks.on_gpu.part import Settings, going_on
from benchmarks.on_gpu.running import GRACE
from benchmarks.on_gpu.step_timer import Timer
from landscape_catalog.graphs.recorded import WARM_UP
from landscape_catalog.metrics.numerics.curves import fit
from landscape_catalog.metrics.numerics.hessian import products
from landscape_catalog.tasks import Classification, Samples
from tests.benchmarks.toy import TOY


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


@pytest.mark.slow
def test_every_way_of_taking_steps_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """But torch.compile, which needs a compiler: the next test; and the plan's order is kept."""
    notes = Notes()
    plan = [case for case in step_plan.plan(toy=True) if case.way != "torch.compile"]
    monkeypatch.setattr(steps, "plan", lambda *, toy: plan)
    steps.run(TOY, notes)
    assert not [name for name in notes if name.endswith(("failed", "skipped"))], notes
    timed = [name for name, facts in notes.items() if "samples_per_s" in facts]
    assert timed == [case.name for case in plan]
    assert all(notes[name]["ms"] > 0 and notes[name]["setup_s"] > 0 for name in timed)
    assert all(notes[name]["repeats"] == 1 for name in timed)
    assert {notes[name]["way"] for name in timed} == set(steps.WAYS) - {"torch.compile"}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler on a CPU")
def test_torch_compile_is_timed() -> None:
    notes = Notes()
    compiling.run(TOY, notes)
    (first,) = notes.values()
    assert first["seconds"] > 0
    timer = Timer(TOY, notes)
    (case,) = [case for case in step_plan.plan(toy=True) if case.way == "torch.compile"]
    timer.time(case, partial(steps.WAYS[case.way][0], timer))
    assert notes[case.name]["ms"] > 0 and notes[case.name]["setup_s"] > 0


def test_the_plan_of_steps() -> None:
    """The widths, precisions and ways that are asked for, the most important ones first."""
    cases = step_plan.plan()
    assert {case.way for case in cases} == set(steps.WAYS)
    for way in ("recorded", "plain loop", "plain loop, loaders"):
        for width in (2, 8, 16, 64):
            assert any((c.way, c.width, c.batch) == (way, width, 128) for c in cases)
    for precision in ("tf32", "bf16"):
        for width in (8, 64):
            for count in (1, 5):
                case = step_plan.Case("recorded", width, count, precision=precision)
                assert case.name in {one.name for one in cases}
    place = [case.way for case in cases].index("torch.compile")
    assert sum(map(step_plan.seconds, cases[:place])) < 120
    (limit,) = (part.seconds for part in gpu.PARTS if part.name == "steps")
    assert step_plan.total(cases) < limit


def test_the_seconds_of_a_case() -> None:
    """0.2 s for each network, 0.3 s for all; 6 + 3 * 30 steps of 2.37 ms."""
    case = step_plan.Case("recorded", 8)
    assert step_plan.seconds(case) == pytest.approx(0.5 + 96 * 0.00237)
    assert step_plan.seconds(replace(case, batch=256)) == pytest.approx(0.5 + 96 * 0.00474)


class Ticking:
    """A way whose steps take as long as a clock says."""

    def __init__(self, clock: list[float], seconds: float) -> None:
        self.clock, self.seconds, self.released = clock, seconds, False

    def take(self, n: int) -> None:
        self.clock[0] += n * self.seconds

    def release(self) -> None:
        self.released = True


def test_a_step_is_timed_by_network_and_what_comes_before_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, notes = [0.0], Notes()
    timer = Timer(Settings(device="cpu", toy=True, seconds=100, began=0.0), notes)
    way = Ticking(clock, 0.3)

    def make(case: step_plan.Case) -> Ticking:
        clock[0] += 7
        return way

    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    case = step_plan.Case("recorded", 8, 3, steps=10, repeats=2)
    timer.time(case, make)
    facts = notes[case.name]
    assert facts["ms"] == pytest.approx(100) and facts["spread"] == pytest.approx([100, 100])
    assert facts["setup_s"] == pytest.approx(7 + 6 * 0.3, abs=0.01)
    assert facts["samples_per_s"] == pytest.approx(1280)
    assert way.released


def test_every_peak_is_noted_and_jobs_without_memory_are_split() -> None:
    notes = Notes()
    memory.run(TOY, notes)
    memory_to_record.run(TOY, notes)
    assert not [name for name in notes if name.endswith("failed")], notes
    checks = {name: facts["ok"] for name, facts in notes.items() if facts.get("ok") is not None}
    assert len(checks) == 15
    assert all(checks.values()), notes
    assert sum("k=1" in name for name in notes) == 8


def test_nothing_is_begun_when_the_time_is_over() -> None:
    notes = Notes()
    measuring.run(Settings(device="cpu", toy=True, seconds=0), notes)
    assert all("skipped" in facts for name, facts in notes.items() if name != "seconds")


@pytest.mark.slow
def test_two_processes_are_compared_with_one() -> None:
    notes = Notes()
    two_processes.run(TOY, notes)
    assert not [name for name in notes if name.endswith(("failed", "skipped"))], notes
    for what in ("4 networks", "4 whole runs"):
        alone, both = (
            notes[f"k=1, {what}, in {n}"]["ms"] for n in ("one process", "two processes")
        )
        assert notes[f"k=1, {what}: ratio"]["two_to_one"] == pytest.approx(both / alone)
    assert sum(name.startswith("memory of a process with") for name in notes) == 3


def test_a_servant_answers_its_last_command_or_says_why_not() -> None:
    servant = Servant(two_processes.MODULE)
    try:
        assert servant.ask(60, do="open", device="cpu") == {"reserved": 0}
        with pytest.raises(RuntimeError, match="TypeError"):
            servant.ask(60, do="prepare", nothing=1)
        servant.tell(do="prepare", width=1, count=1, batch=4, steps=1)
        servant.tell(do="take", steps=1)
        answer = servant.answer(60)
        assert answer["ended"] > answer["began"]
        with pytest.raises(TimeoutError):
            servant.ask(0, do="take", steps=1)
    finally:
        servant.stop()


def test_a_lack_of_memory_is_noticed_only_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no recording fails, the checks that it does are not ok; afterwards, none does."""
    notes = Notes()

    @contextmanager
    def enough(times: int) -> Iterator[list[str]]:
        yield []

    with memory_to_record.without_memory_to_record(1) as failed:
        pass
    assert failed == []
    monkeypatch.setattr(memory_to_record, "without_memory_to_record", enough)
    memory_to_record.check_recording(TOY, notes)
    wrong = {name for name, facts in notes.items() if facts.get("ok") is False}
    common = "out of memory while recording"
    assert wrong == {
        f"{common}, a lone run, times", f"{common}, a lone run says what to reduce",
        f"{common}, a group, times", f"{common}, a group is split",
    }  # fmt: skip


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
    assert gpu.longest(gpu.PARTS[:1]) == gpu.PARTS[0].seconds + GRACE


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("spent", [0.0, 60.0, 118.0])
def test_steps_get_the_time_that_others_have_not_used(spent: float, scale: float) -> None:
    (place,) = (number for number, part in enumerate(gpu.PARTS) if part.waits)
    part, later = gpu.PARTS[place], gpu.PARTS[place + 1 :]
    found = gpu.limit(part, later, spent * scale, scale)
    assert found >= part.seconds * scale
    end = spent * scale + found + GRACE + sum(p.seconds * scale + GRACE for p in later)
    assert end <= 480 * scale + 1e-9 or found == part.seconds * scale
    assert gpu.limit(later[0], later[1:], spent, scale) == later[0].seconds * scale


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


def test_step_by_step_holds_for_curves_and_products(
    task: Classification, tiny_data: Samples
) -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    with step_by_step():
        assert fit.why_not_recorded(network, tiny_data, task)
        assert products.why_not_recorded(network, tiny_data, task, twice=True)
    assert not fit.why_not_recorded(network, tiny_data, task)
    assert not products.why_not_recorded(network, tiny_data, task, twice=True)
