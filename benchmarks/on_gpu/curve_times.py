"""Curve fits on a GPU: the authors' way, the product, and its step as a CUDA graph."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.on_gpu.captured import CapturedCurve, replay_together
from benchmarks.on_gpu.clock import (
    TASK,
    Timing,
    images,
    network,
    plain_settings,
    timed,
    timed_steps,
)
from benchmarks.on_gpu.part import Note
from benchmarks.plain_curves import PlainCurve
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, State, fit_curves
from landscape_catalog.runner.settings import reproducible

PAIRS = 5
WIDE = 64  # from which width on steps are so long that fewer are taken
Ends = tuple[State, State]


class CurveTimes:
    """Times of a step of one curve at one width; each check is a method that notes what it finds.

    Args:
        width: of the ResNet18.
        device: where it is computed.
        toy: whether sizes are the smallest.
        note: keeps a finding.
    """

    def __init__(self, width: int, device: str, note: Note, *, toy: bool) -> None:
        self.width, self.device, self.note = width, device, note
        self.batch, self.steps, self.repeats = 128, (5, 25), 3
        self.longer = 60  # steps of a captured fit, which are fewer milliseconds each
        if width >= WIDE:
            self.steps, self.repeats, self.longer = (2, 8), 2, 20
        if toy:
            self.batch, self.steps, self.repeats, self.longer = 8, (1, 2), 1, 3
        self.data = images(self.longer * self.batch, device)
        self.network = network(width, device)
        self.plain: Timing | None = None
        self.plain_data = (TASK.inputs(self.data.inputs).cpu(), self.data.targets.cpu())

    def pairs(self, count: int) -> list[Ends]:
        """The ends of some curves."""
        states = [network(self.width, self.device, seed).state_dict() for seed in range(2 * count)]
        return list(zip(states[::2], states[1::2]))

    def recipe(self, steps: int) -> CurveRecipe:
        """A fit of some steps."""
        return CurveRecipe(batch_size=self.batch, updates=steps)

    def time_plain(self, *, benchmark: bool = False) -> None:
        """The authors' way, in one epoch of as many batches as steps."""
        (ends,) = self.pairs(1)
        recipe = replace(self.recipe(0), updates=None, epochs=1)
        curve = PlainCurve(self.network, ends, recipe, seed=0)

        def fit(steps: int) -> None:
            inputs, labels = (values[: steps * self.batch] for values in self.plain_data)
            curve.fit(inputs, labels)

        with plain_settings(benchmark=benchmark):
            found = timed_steps(fit, self.device, self.steps, repeats=self.repeats)
        if not benchmark:
            self.plain = found
        name = "plain, cuDNN chooses by timing" if benchmark else "plain"
        self._note(name, found, None if not benchmark else self.plain)

    def time_product(self, count: int, *, together: bool) -> None:
        """`fit_curves` of some pairs, for each curve and step."""
        pairs = self.pairs(count)

        def fit(steps: int) -> None:
            fit_curves(
                self.network, pairs, self.data, TASK, self.recipe(steps), seed=0, together=together
            )

        with reproducible():
            found = timed_steps(fit, self.device, self.steps, repeats=self.repeats)
        each = Timing(found.ms / count, found.shortest / count, found.longest / count)
        self._note(f"product, {count} {'together' if together else 'one by one'}", each, self.plain)

    def time_captured(self, count: int) -> None:
        """The step as a CUDA graph, several curves on as many streams."""
        if self.device != "cuda":
            self.note(self._name(f"captured, {count}"), skipped="needs CUDA")
            return
        with reproducible():
            curves = [
                CapturedCurve(self.network, ends, self.data, TASK, self.recipe(self.longer), seed=0)
                for ends in self.pairs(count)
            ]

            def fit() -> None:
                for curve in curves:
                    curve.restart()
                replay_together(curves, self.longer)

            found = timed(fit, self.device, per=count * self.longer)
        self._note(f"captured, {count}", found, self.plain)

    def compare_captured(self) -> None:
        """Whether a captured fit has the control points of one that is not, to the bit."""
        if self.device != "cuda":
            self.note(self._name("captured against product"), skipped="needs CUDA")
            return
        (ends,), recipe = self.pairs(1), self.recipe(self.longer)
        with reproducible():
            curve = CapturedCurve(self.network, ends, self.data, TASK, recipe, seed=0)
            curve.replay(self.longer)
            torch.cuda.synchronize()
            expected = fit_curves(self.network, [ends], self.data, TASK, recipe, seed=0)[0].controls
            again = fit_curves(self.network, [ends], self.data, TASK, recipe, seed=0)[0].controls
        found, moved = curve.controls, float((expected - curve.start).norm())
        self.note(
            self._name("captured against product"),
            ok=distance(found, expected, moved) < 1e-2,
            value=distance(found, expected, moved),
            allowed=1e-2,
            equal_bits=torch.equal(found, expected),
            product_repeats_its_bits=torch.equal(again, expected),
            steps=self.longer,
        )

    def compare_together(self) -> None:
        """How far the product's two ways differ after few steps, relative to the way gone."""
        (ends,), recipe = self.pairs(1), self.recipe(self.steps[0])
        with reproducible():
            alone, stacked = (
                fit_curves(
                    self.network, [ends], self.data, TASK, recipe, seed=0, together=together
                )[0].controls
                for together in (False, True)
            )
        start = (alone[0] + alone[-1]) / 2
        value = distance(stacked[1], alone[1], float((alone[1] - start).norm()))
        self.note(self._name("together against alone"), ok=value < 1e-2, value=value, allowed=1e-2)

    def _name(self, way: str) -> str:
        return f"curve k={self.width}: {way}"

    def _note(self, way: str, found: Timing, plain: Timing | None) -> None:
        self.note(self._name(way), **found.facts(plain), what="one step of one curve")


def distance(found: Tensor, expected: Tensor, scale: float) -> float:
    """The distance of two vectors relative to a length."""
    return float((found - expected).norm()) / max(scale, 1e-30)
