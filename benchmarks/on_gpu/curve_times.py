"""Curve fits on a GPU: the authors' way and the product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.on_gpu.clock import (
    TASK,
    Timing,
    images,
    network,
    plain_settings,
    timed_steps,
)
from benchmarks.on_gpu.part import Note
from benchmarks.plain_curves import PlainCurve
from landscape_catalog.metrics.numerics.curves import fit
from landscape_catalog.metrics.numerics.curves.fit import State, fit_curves
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.hessian import products
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
        self.batch, self.steps, self.recorded = 128, (5, 25), (5, 85)
        if width >= WIDE:
            self.steps, self.recorded = (5, 11), (5, 25)
        if toy:
            self.batch, self.steps, self.recorded = 8, (1, 2), (1, 2)
        self.repeats = 1 if toy else 3
        self.data = images(self.steps[1] * self.batch, device)
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
        """The authors' way, in one epoch of as many batches as steps; once, for it takes long."""
        (ends,) = self.pairs(1)
        recipe = replace(self.recipe(0), updates=None, epochs=1)
        curve = PlainCurve(self.network, ends, recipe, seed=0)

        def steps_of(steps: int) -> None:
            inputs, labels = (values[: steps * self.batch] for values in self.plain_data)
            curve.fit(inputs, labels)

        with plain_settings(benchmark=benchmark):
            found = timed_steps(steps_of, self.device, self.steps, repeats=1)
        if not benchmark:
            self.plain = found
        name = "plain, cuDNN chooses by timing" if benchmark else "plain"
        self._note(name, found, None if not benchmark else self.plain)

    def time_product(self, count: int) -> None:
        """`fit_curves` of some pairs, for each curve and step."""
        pairs = self.pairs(count)

        def steps_of(steps: int) -> None:
            fit_curves(self.network, pairs, self.data, TASK, self.recipe(steps), seed=0)

        with reproducible():
            found = timed_steps(steps_of, self.device, self.recorded, repeats=self.repeats)
        each = Timing(found.ms / count, found.shortest / count, found.longest / count)
        self._note(f"product, {count}", each, self.plain)

    def compare_recorded(self) -> None:
        """How far recorded steps differ from steps one by one, relative to the way gone."""
        (ends,), recipe = self.pairs(1), self.recipe(self.steps[0])

        def fitted() -> Tensor:
            return fit_curves(self.network, [ends], self.data, TASK, recipe, seed=0)[0].controls

        with reproducible():
            found, again = fitted(), fitted()
            with step_by_step():
                expected = fitted()
        start = (expected[0] + expected[-1]) / 2
        value = distance(found[1], expected[1], float((expected[1] - start).norm()))
        self.note(
            self._name("recorded against step by step"), ok=value < 1e-2, value=value,
            allowed=1e-2, repeats_its_bits=torch.equal(found, again), steps=self.steps[0],
        )  # fmt: skip

    def _name(self, way: str) -> str:
        return f"curve k={self.width}: {way}"

    def _note(self, way: str, found: Timing, plain: Timing | None) -> None:
        self.note(self._name(way), **found.facts(plain), what="one step of one curve")


@contextmanager
def step_by_step() -> Iterator[None]:
    """The product without recorded steps, and without kernels of its own."""
    former = fit.why_not_recorded, products.why_not_recorded, products.small_network_kernels
    try:
        fit.why_not_recorded = products.why_not_recorded = _never_recorded
        products.small_network_kernels = lambda *_, **__: nullcontext()  # type: ignore[assignment]
        yield
    finally:
        fit.why_not_recorded, products.why_not_recorded, products.small_network_kernels = former


def _never_recorded(*_: object, twice: bool = False) -> str:
    return f"it is to be computed step by step, {'twice' if twice else 'once'} differentiated"


def distance(found: Tensor, expected: Tensor, scale: float) -> float:
    """The distance of two vectors relative to a length."""
    return float((found - expected).norm()) / max(scale, 1e-30)
