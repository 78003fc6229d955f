"""How long torch.compile takes for a network; what it makes is kept for the part `steps`."""

from __future__ import annotations

import time

from benchmarks.on_gpu.part import Note, Settings, going_on
from benchmarks.on_gpu.step_plan import Case
from benchmarks.on_gpu.step_timer import Timer, precision
from benchmarks.on_gpu.steps import compiled

WIDTHS = (8,)


def run(settings: Settings, note: Note) -> None:
    """Note the seconds of the first step, with an empty cache and beside other parts."""
    timer = Timer(settings, note)
    for width in (1,) if settings.toy else WIDTHS:
        case = Case("torch.compile", width, batch=8 if settings.toy else 128)
        with going_on(note, case.name), precision():
            began = time.monotonic()
            way = compiled(timer, case)
            way.take(1)
            timer.wait()
            first = time.monotonic() - began
            way.release()
            note(f"k={width} torch.compile, first step", seconds=first, beside="other parts")
