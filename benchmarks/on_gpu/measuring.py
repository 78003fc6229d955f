"""Times of curve fits, Hessians, CKA and evaluations on a GPU, the most important first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.on_gpu.curve_times import PAIRS, WIDE, CurveTimes
from benchmarks.on_gpu.metric_times import MetricTimes
from benchmarks.on_gpu.part import Note, Settings, going_on

Check = tuple[str, Callable[[], object]]
SHARE = 0.9  # of the time, after which no check is begun


def run(settings: Settings, note: Note) -> None:
    """Time one thing after the other; what there is no time for is noted as skipped.

    What is most important is timed at every width before what is less so.
    """
    began = time.monotonic()
    of_widths = []
    for width in (1,) if settings.toy else (8, 2, 64):
        with going_on(note, f"k={width}"):
            of_widths.append((width, list(_checks(width, settings, note))))
    most = max((len(stages) for _, stages in of_widths), default=0)
    for stage in range(most):
        for width, stages in of_widths:
            for name, check in stages[stage] if stage < len(stages) else []:
                spent = time.monotonic() - began
                if spent > SHARE * settings.seconds:
                    note(f"{name}, k={width}: skipped", skipped=f"after {spent:.0f} s")
                    continue
                with going_on(note, f"{name}, k={width}"):
                    check()
    note("seconds", value=round(time.monotonic() - began, 1))


def _checks(width: int, settings: Settings, note: Note) -> Iterator[list[Check]]:
    """The checks of one width, in stages of falling importance."""
    curves = CurveTimes(width, settings.device, note, toy=settings.toy)
    metrics = MetricTimes(width, settings.device, note, toy=settings.toy)
    yield [
        ("plain curve", curves.time_plain),
        ("one curve", partial(curves.time_product, 1)),
        (f"{PAIRS} curves", partial(curves.time_product, PAIRS)),
        ("Hessian products", metrics.time_products),
        ("PyHessian", metrics.time_pyhessian),
    ]
    yield [
        ("CKA", partial(metrics.time_cka, 1000, plain=True)),
        ("evaluation", metrics.time_evaluation),
        ("Hessian estimates", metrics.time_estimates),
        ("recorded against step by step", curves.compare_recorded),
    ]
    yield [("points of a curve", metrics.time_sweep)]
    if width < WIDE:
        yield [
            ("plain curve, cuDNN chooses by timing", partial(curves.time_plain, benchmark=True)),
            ("CKA of more", partial(metrics.time_cka, 5000, plain=False)),
        ]
