"""Hessians, CKA, evaluations and batch-norm statistics on a GPU, against plain ways."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks import similarity as cka
from benchmarks.on_gpu.clock import (
    TASK,
    Timing,
    images,
    network,
    plain_settings,
    seconds,
    timed,
)
from benchmarks.on_gpu.curve_times import step_by_step
from benchmarks.on_gpu.part import Note
from benchmarks.plain_curves import PlainCurve
from landscape_catalog.graphs.recorded import WARM_UP
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.curves.sweep import evaluate_all
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.features import centred_features
from landscape_catalog.metrics.numerics.hessian.estimate import (
    HessianRecipe,
    hessian_estimate,
)
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.tasks import Perturbation

POINTS = 5  # of a curve
SEEDS = (0, 1)  # of an estimate
UNTIL_RECORDED = WARM_UP + 2  # products, the last of which is replayed


class MetricTimes:
    """Times of metrics at one width; each check is a method that notes what it finds.

    Args:
        width: of the ResNet18.
        device: where it is computed.
        note: keeps a finding.
        toy: whether sizes are the smallest.
    """

    def __init__(self, width: int, device: str, note: Note, *, toy: bool) -> None:
        self.width, self.device, self.note, self.toy = width, device, note, toy
        self.repeats = 1 if toy else 5
        self.network = network(width, device)
        self.samples = images(8 if toy else 200, device)
        self.pyhessian: Timing | None = None

    def time_products(self) -> None:
        """A product with a vector."""
        with reproducible():
            operator = BatchHessian(self.network, self.samples, TASK)
            vector = torch.randn(operator.size, device=self.device)
            found = self._timed(lambda: operator(vector), warm=UNTIL_RECORDED)
            self._note("Hessian product", "product", found)
            in_parts = BatchHessian(
                self.network, self.samples, TASK, batch_size=len(self.samples) // 2
            )
            parts = self._timed(lambda: in_parts(vector))
            self._note("Hessian product", "product, in two parts", parts, found)
            one = operator(vector)
            with step_by_step():
                other = BatchHessian(self.network, self.samples, TASK)(vector)
        value = float((one - other).norm() / other.norm())
        self.note(
            self._name("Hessian product", "recorded against step by step"),
            ok=value < 1e-4, value=value, allowed=1e-4,
        )  # fmt: skip

    def time_estimates(self) -> None:
        """A whole estimate."""
        recipe = HessianRecipe(max_iterations=3 if self.toy else 100)
        found: dict[str, Any] = {}

        def ours() -> None:
            found["product"] = hessian_estimate(
                self.network, self.samples, TASK, recipe, seed=SEEDS
            )

        with reproducible():
            ours_ms = self._timed(ours, repeats=2, warm=0)
            self._note_estimate("product", ours_ms, found["product"], self.pyhessian)

    def time_pyhessian(self) -> None:
        """An estimate by PyHessian with its defaults, and one of its products."""
        from pyhessian import hessian as PyHessian
        from pyhessian.utils import hessian_vector_product

        from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate

        found: list[Any] = []

        def theirs(most: int) -> None:
            found.append(
                pyhessian_estimate(self.network, self.samples, TASK, max_iterations=most, seed=0)
            )

        with plain_settings():
            theirs(2)
            most = 3 if self.toy else 100
            whole = timed(lambda: theirs(most), self.device, repeats=1, warm=0)
            self._note_estimate("PyHessian", whole, found[-1])
            self.pyhessian = whole
            inputs = TASK.inputs(self.samples.inputs)
            computation = PyHessian(
                self.network, nn.CrossEntropyLoss(), data=(inputs, self.samples.targets),
                cuda=self.device == "cuda",
            )  # fmt: skip
            vectors = [torch.randn_like(p) for p in computation.params]
            each = self._timed(
                lambda: hessian_vector_product(computation.gradsH, computation.params, vectors)
            )
            self._note("Hessian product", "PyHessian", each)
        self.network.zero_grad(set_to_none=True)

    def time_cka(self, samples: int, *, plain: bool) -> None:
        """CKA of the pairs of five networks, against a loop over ordered pairs."""
        samples = samples // 50 if self.toy else samples
        networks = [network(self.width, self.device, seed) for seed in range(cka.NETWORKS)]
        data = images(110 if self.toy else 5000, self.device)
        name = f"CKA of {samples}"
        with reproducible():
            ours = self._timed(lambda: cka.ours(networks, data, TASK, samples), repeats=3)
            perturbed = TASK.perturb(data, Perturbation(samples=samples), seed=0)
            drawn = self._timed(
                lambda: TASK.perturb(data, Perturbation(samples=samples), seed=0), repeats=3
            )
            features = [centred_features(each, perturbed, TASK) for each in networks]
            passes = self._timed(
                lambda: [centred_features(each, perturbed, TASK) for each in networks], repeats=3
            )
            pairs = self._timed(
                lambda: [similarity(one, other) for one, other in combinations(features, 2)],
                repeats=3,
            )
        theirs = None
        if plain:
            batches = max(1, samples // cka.BATCH)
            loader = images(len(data), "cpu")
            with plain_settings():
                found = seconds(lambda: cka.pair_loop(networks, loader, TASK, batches), self.device)
            scaled = 1000 * found * samples / (batches * cka.BATCH)
            theirs = Timing(scaled, scaled, scaled)
            self._note(name, "pair loop", theirs)
        self._note(name, "product", ours, theirs)
        self.note(
            self._name(name, "product's parts"),
            perturb_ms=drawn.ms, features_ms=passes.ms, pairs_ms=pairs.ms,
        )  # fmt: skip

    def time_evaluation(self) -> None:
        """One pass over images, against a DataLoader."""
        n = 16 if self.toy else 5000
        data = images(n, self.device)
        with reproducible():
            ours = self._timed(lambda: evaluate(self.network, data, TASK))
        host = TensorDataset(TASK.inputs(data.inputs).cpu(), data.targets.cpu())
        with plain_settings():
            theirs = self._timed(lambda: self._plain_pass(host), repeats=1)
        self._note(f"evaluation of {n}", "plain", theirs)
        self._note(f"evaluation of {n}", "product", ours, theirs)

    @torch.no_grad()
    def _plain_pass(self, data: TensorDataset) -> float:
        self.network.eval()
        loss = 0.0
        for inputs, targets in DataLoader(data, cka.BATCH):
            outputs = self.network(inputs.to(self.device))
            loss += F.cross_entropy(outputs, targets.to(self.device)).item() * len(targets)
        return loss / len(data)

    def time_sweep(self) -> None:
        """Batch-norm statistics and evaluations at points of a curve, against a plain loop."""
        batch, n = (8, 16) if self.toy else (128, 2560)
        train, test = images(n, self.device), images(n // 2, self.device)
        states = [
            {
                name: value.detach()
                for name, value in network(self.width, self.device, seed).named_parameters()
            }
            for seed in range(POINTS)
        ]
        with reproducible():
            ours, slow = (
                self._timed(
                    lambda fast=fast: evaluate_all(  # type: ignore[misc]
                        self.network, states, [train, test], TASK,
                        batch_size=batch, seed=0, fast=fast,
                    ),
                    repeats=3,
                )
                for fast in (True, False)
            )  # fmt: skip
        curve = PlainCurve(
            self.network, (states[0], states[1]), CurveRecipe(batch_size=batch), seed=0
        )
        sets = [(TASK.inputs(data.inputs).cpu(), data.targets.cpu()) for data in (train, test)]
        with plain_settings():
            theirs = self._timed(
                lambda: curve.evaluate(sets[0], sets[1], POINTS), repeats=1, warm=0
            )
        name = f"{POINTS} points of a curve"
        self._note(name, "plain", theirs)
        self._note(name, "product", ours, theirs)
        self._note(name, "product, the networks themselves", slow, theirs)

    def _timed(
        self, work: Callable[[], object], *, repeats: int | None = None, warm: int = 1
    ) -> Timing:
        repeats = self.repeats if repeats is None or self.toy else repeats
        return timed(work, self.device, repeats=repeats, warm=warm)

    def _name(self, what: str, way: str) -> str:
        return f"{what}, k={self.width}: {way}"

    def _note(
        self, what: str, way: str, found: Timing, base: Timing | None = None, **facts: Any
    ) -> None:
        self.note(self._name(what, way), **found.facts(base), **facts)

    def _note_estimate(
        self, way: str, found: Timing, made: Any, base: Timing | None = None
    ) -> None:
        self._note(
            "Hessian estimate", way, found, base, products=made.products,
            top=made.top_eigenvalue, trace=made.trace,
            ms_a_product=round(found.ms / max(made.products, 1), 4),
        )  # fmt: skip
