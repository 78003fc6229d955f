"""Candidates for CUDA: steps of the product that are recorded as a CUDA graph, and replayed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.curves.bezier import coefficients
from landscape_catalog.metrics.numerics.curves.fit import (
    CurveRecipe,
    State,
    _batches,
    _start,
    rate_factor,
)
from landscape_catalog.metrics.numerics.curves.gradients import network_gradient
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.metrics.numerics.parameters import trainable_shapes
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Samples, Task

WARM_UP = 3  # calls before one is recorded, so that kernels are chosen and buffers are there


def recorded(work: Callable[[], object], stream: torch.cuda.Stream) -> torch.cuda.CUDAGraph:
    """What a call puts on the device, as a graph; the call is made `WARM_UP` times before."""
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        work()
    return graph


class CurveSteps:
    """The steps of `fit_curves` for one curve, which take all that changes from the device.

    Rows, Bernstein weights and rates of all steps are tables on the device, of which a counter on
    the device chooses the row, so that a step needs nothing from the host.

    Args:
        network: of the right architecture; not modified.
        ends: state dicts of the two networks.
        data: training samples on the device.
        task: loss.
        recipe: of the fit; all of its steps are in the tables.
        seed: as for `fit_curves`.
    """

    def __init__(
        self,
        network: nn.Module,
        ends: tuple[State, State],
        data: Samples,
        task: Task,
        recipe: CurveRecipe,
        *,
        seed: int,
    ) -> None:
        self.data, self.recipe, device = data, recipe, data.inputs.device
        network = copied(network).train()
        self.start = _start(network, ends, recipe, seed).to(device)
        batches = list(_batches(data, recipe, seed))
        draw = np.random.Generator(np.random.Philox(key=seed))
        weights = [coefficients(draw.uniform(), recipe.control_points) for _ in batches]
        rates = [recipe.lr * rate_factor(progress) for _, progress in batches]
        self.rows = torch.stack([rows for rows, _ in batches])
        self.weights, self.rates = (
            torch.tensor(values, dtype=self.start.dtype, device=device)
            for values in (weights, rates)
        )
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self.controls, self.velocity = self.start.clone(), torch.zeros_like(self.start[1:-1])
        self.scratch, self.gamma, self.gradient = (
            torch.zeros_like(self.start[0]) for _ in range(3)
        )
        self.add_gradient = network_gradient(network, task, self.gamma, self.gradient)
        self.taken, self.shapes = 0, trainable_shapes(network)

    def restart(self) -> None:
        """Begin again with the first step."""
        self.controls.copy_(self.start)
        self.velocity.zero_()
        self.counter.zero_()
        self.taken = 0

    def step(self) -> None:
        """One step, in the operations of `fit_curves`."""
        rows, weights, rate = (
            table.index_select(0, self.counter)[0]
            for table in (self.rows, self.weights, self.rates)
        )
        torch.mul(self.controls[0], weights[0], out=self.gamma)
        for weight, control in zip(weights[1:], self.controls[1:]):
            self.gamma += torch.mul(control, weight, out=self.scratch)
        self.gradient.zero_()
        self.add_gradient(self.data[rows])
        self.gradient += torch.mul(self.gamma, self.recipe.weight_decay, out=self.scratch)
        for j, weight in enumerate(weights[1:-1]):
            velocity = self.velocity[j]
            velocity.mul_(self.recipe.momentum).add_(
                torch.mul(self.gradient, weight, out=self.scratch)
            )
            self.controls[j + 1] -= torch.mul(velocity, rate, out=self.scratch)
        self.counter += 1


class CapturedCurve(CurveSteps):
    """`CurveSteps` whose step is one CUDA graph, on a stream of its own."""

    def __init__(
        self,
        network: nn.Module,
        ends: tuple[State, State],
        data: Samples,
        task: Task,
        recipe: CurveRecipe,
        *,
        seed: int,
    ) -> None:
        super().__init__(network, ends, data, task, recipe, seed=seed)
        if len(self.rows) < WARM_UP:
            raise ValueError(f"{WARM_UP} steps are taken before one is recorded")
        self.stream = torch.cuda.Stream()
        self.graph = recorded(self.step, self.stream)
        self.restart()
        torch.cuda.synchronize()

    def restart(self) -> None:
        """Begin again with the first step."""
        with torch.cuda.stream(self.stream):
            super().restart()

    def replay(self, steps: int) -> None:
        """Take further steps.

        Raises:
            IndexError: if the tables have fewer, which would be an error of the device.
        """
        if self.taken + steps > len(self.rows):
            raise IndexError(f"{len(self.rows)} steps, {self.taken} taken, {steps} more")
        self.taken += steps
        with torch.cuda.stream(self.stream):
            for _ in range(steps):
                self.graph.replay()


def replay_together(curves: list[CapturedCurve], steps: int) -> None:
    """Steps of several curves in turn, each on its own stream."""
    for _ in range(steps):
        for curve in curves:
            curve.replay(1)


class CapturedHessian(BatchHessian):
    """`BatchHessian` of a whole batch whose product is one CUDA graph.

    The gradient's graph is made on the stream that is recorded, since torch's backward passes run
    on the streams of their forward passes.
    """

    def __init__(self, network: nn.Module, data: Samples, task: Task) -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            super().__init__(network, data, task)
            self.vector = torch.zeros(self.size, dtype=self.dtype, device=self.device)
        self.product = self.vector
        self.graph = recorded(self._fill, stream)
        self.products = 0
        torch.cuda.synchronize()

    def _fill(self) -> None:
        self.product = super().__call__(self.vector)

    def __call__(self, vector: Tensor) -> Tensor:
        """H v, (size,)."""
        self.products += 1
        self.vector.copy_(vector)
        self.graph.replay()
        return self.product.clone()
