"""Times of curve fits, Hessians, CKA and evaluations on a GPU, the most important first."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from benchmarks.on_gpu.curve_times import PAIRS, WIDE, CurveTimes
from benchmarks.on_gpu.metric_times import MetricTimes
from benchmarks.on_gpu.part import Note, Settings, attempt

Check = tuple[str, Callable[[], object]]
SHARE = 0.9  # of the time, after which no check is begun


def run(settings: Settings, note: Note) -> None:
    """Time one thing after the other; what there is no time for is noted as skipped."""
    began = time.monotonic()
    for width in (1,) if settings.toy else (8, 2, 64):
        checks: list[Check] = []
        attempt(note, f"k={width}", lambda: checks.extend(_checks(width, settings, note)))  # noqa: B023
        for name, check in checks:
            spent = time.monotonic() - began
            if spent > SHARE * settings.seconds:
                note(f"{name}, k={width}: skipped", skipped=f"after {spent:.0f} s")
                continue
            attempt(note, f"{name}, k={width}", check)
    note("seconds", value=round(time.monotonic() - began, 1))


def _checks(width: int, settings: Settings, note: Note) -> list[Check]:
    """The checks of one width."""
    curves = CurveTimes(width, settings.device, note, toy=settings.toy)
    metrics = MetricTimes(width, settings.device, note, toy=settings.toy)
    checks: list[Check] = [
        ("plain curve", curves.time_plain),
        ("one curve", partial(curves.time_product, 1)),
        (f"{PAIRS} curves", partial(curves.time_product, PAIRS)),
        ("recorded against step by step", curves.compare_recorded),
        ("Hessian products", metrics.time_products),
        ("PyHessian", metrics.time_pyhessian),
        ("Hessian estimates", metrics.time_estimates),
        ("CKA", partial(metrics.time_cka, 1000, plain=True)),
        ("evaluation", metrics.time_evaluation),
        ("points of a curve", metrics.time_sweep),
    ]
    if width < WIDE:
        checks += [
            ("plain curve, cuDNN chooses by timing", partial(curves.time_plain, benchmark=True)),
            ("CKA of more", partial(metrics.time_cka, 5000, plain=False)),
        ]
    return checks
