"""Every metric in float64 on the device against the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from benchmarks.on_gpu import subjects
from benchmarks.on_gpu.checked import compare, difference
from benchmarks.on_gpu.part import Note, Settings, going_on
from benchmarks.on_gpu.subjects import Subject
from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.numerics.curves.barrier import line_barrier
from landscape_catalog.metrics.numerics.curves.fit import fit_curves
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.distance import l2_distance
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.features import centred_features, network_features
from landscape_catalog.metrics.numerics.hessian.estimate import (
    HessianRecipe,
    hessian_density,
    hessian_estimate,
    layer_estimates,
)
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Perturbation, Samples, Task

ALLOWED = 1e-8
# PyHessian draws its vectors on the device, and stops when it has converged to a percent.
ALLOWED_OF = {"pyhessian": 0.05}
RECIPE = HessianRecipe(max_iterations=12, tolerance=1e-9, trace_tolerance=1e-9)


@dataclass(frozen=True)
class Measured:
    """Two networks and the samples they are measured on.

    Attributes:
        subject: both networks, from different seeds.
        count: number of training samples.
        device: to measure on.
        dtype: of the weights.
    """

    subject: Subject
    count: int
    device: str
    dtype: torch.dtype = torch.float64

    @cached_property
    def networks(self) -> tuple[nn.Module, nn.Module]:
        """With batch-norm statistics that fit them."""
        pair = [self.subject.network(self.device, self.dtype, seed=seed) for seed in (1, 2)]
        for network in pair:
            recompute_batchnorm(network, self.train, self.task, batch_size=8, seed=0)
            network.eval()
        return pair[0], pair[1]

    @cached_property
    def train(self) -> Samples:
        """Training samples."""
        return self.subject.samples(self.count, self.device)

    @cached_property
    def test(self) -> Samples:
        """Other samples."""
        return self.subject.samples(self.count, self.device, seed=2)

    @property
    def task(self) -> Task:
        """The subject's."""
        return self.subject.task

    @property
    def states(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The weights of both networks."""
        return self.networks[0].state_dict(), self.networks[1].state_dict()

    def perturbed(self) -> Samples:
        """For CKA."""
        if self.subject.is_image:
            return self.task.perturb(self.train, Perturbation(samples=40), seed=3)
        return self.task.perturb(self.train, Perturbation("token_noise", samples=40), seed=3)


def compare_metrics(settings: Settings, note: Note) -> None:
    """The numbers of all metrics, of networks with and without batch norm."""
    toy = settings.toy
    images = Subject("resnet18", 1 if toy else 2, 8)
    plain = Subject("vgg11", 2, args={"batch_norm": False})
    text = subjects.TOY[2] if toy else Subject("transformer", 16, args={"n_layers": 2})
    for subject in (images, text) if toy else (images, text, plain):
        ours, theirs = (Measured(subject, 24, device) for device in (settings.device, "cpu"))
        for name, metric in METRICS.items():
            if name in ONLY_STACKABLE and not subject.is_image:
                continue
            label = f"{subject.label}, {name}, float64"
            if not settings.has_time(note, label):
                continue
            with going_on(note, label):
                found, expected = (
                    torch.tensor(metric(side), dtype=torch.float64) for side in (ours, theirs)
                )
                compare(note, label, difference(found, expected), ALLOWED_OF.get(name, ALLOWED))


def _evaluation(measured: Measured) -> list[float]:
    found = evaluate(measured.networks[0], measured.test, measured.task)
    return [found.loss, found.loss_sd, found.error_value]


def _recomputed(measured: Measured) -> list[float]:
    network = copied(measured.networks[0])
    recompute_batchnorm(network, measured.train, measured.task, batch_size=6, seed=1)
    return [float(value) for buffer in network.buffers() for value in buffer.flatten()] or [0.0]


def _distance(measured: Measured) -> list[float]:
    names = [name for name, _ in measured.networks[0].named_parameters()]
    found = l2_distance(*measured.states, names)
    return [found.l2, found.norm, found.other_norm]


def _perturbed(measured: Measured) -> list[float]:
    samples = measured.perturbed()
    values = [samples.inputs, samples.targets, samples.positions]
    return [float(v) for value in values if value is not None for v in value.flatten()]


def _similarity(measured: Measured) -> list[float]:
    perturbed = measured.perturbed()
    features = [centred_features(n, perturbed, measured.task) for n in measured.networks]
    found = similarity(*features)
    values = [found.cka, found.standard_error, found.debiased, found.disagreement]
    return [value for value in values if value is not None]


def _inner_features(measured: Measured) -> list[float]:
    network = measured.networks[0]
    layer = "linear" if measured.subject.name == "resnet18" else None
    found = network_features(network, measured.perturbed(), measured.task, layer=layer)
    return [float(value) for value in found.flatten()]


def _hessian(measured: Measured) -> list[float]:
    found = hessian_estimate(
        measured.networks[0], measured.train, measured.task, RECIPE, seed=(0, 1)
    )
    return [found.top_eigenvalue, found.trace, *(found.trace_probes or [])]


def _hessian_in_parts(measured: Measured) -> list[float]:
    recipe = HessianRecipe(4, 1e-9, 1e-9, batch_size=9)
    found = hessian_estimate(
        measured.networks[0], measured.train, measured.task, recipe, seed=(0, 1)
    )
    return [found.top_eigenvalue, found.trace]


def _layers(measured: Measured) -> list[float]:
    recipe = HessianRecipe(3, 1e-9, 1e-9)
    found = layer_estimates(
        measured.networks[0], measured.train, measured.task, recipe, seed=(0, 1)
    )
    return [value for layer in found.values() for value in (layer.top_eigenvalue, layer.trace)]


def _density(measured: Measured) -> list[float]:
    found = hessian_density(
        measured.networks[0], measured.train, measured.task, RECIPE, probes=2, steps=6, seed=0
    )
    return [*found.eigenvalues, *found.density]


def _pyhessian(measured: Measured) -> list[float]:
    found = pyhessian_estimate(
        copied(measured.networks[0]), measured.train, measured.task, max_iterations=60, seed=0
    )
    return [found.top_eigenvalue]


def _barrier(measured: Measured) -> list[float]:
    found = line_barrier(
        measured.networks[0], measured.states, measured.train, measured.test, measured.task,
        points=3, batch_size=8, seed=0,
    )  # fmt: skip
    return [point.train.loss for point in found.points]


def _curve(measured: Measured, *, together: bool) -> list[float]:
    """The middle of a fitted curve, and losses along it."""
    recipe = CurveRecipe(updates=6, batch_size=8)
    count = 2 if together else 1
    curves = fit_curves(
        measured.networks[0], [measured.states] * count, measured.train, measured.task, recipe,
        seed=0, together=together,
    )  # fmt: skip
    points = curve_points(
        measured.networks[0], curves[-1], measured.train, measured.test, measured.task,
        points=4, batch_size=8, seed=0,
    )  # fmt: skip
    return [*curves[-1].controls[1].tolist(), *(point.test.loss for point in points)]


METRICS: Mapping[str, Callable[[Measured], list[float]]] = {
    "evaluation": _evaluation,
    "batch-norm statistics": _recomputed,
    "Hessian": _hessian,
    "curve": lambda measured: _curve(measured, together=False),
    "curves side by side": lambda measured: _curve(measured, together=True),
    "similarity": _similarity,
    "distance": _distance,
    "barrier": _barrier,
    "Hessian in parts": _hessian_in_parts,
    "layers": _layers,
    "density": _density,
    "perturbed samples": _perturbed,
    "features": _inner_features,
    "pyhessian": _pyhessian,
}
ONLY_STACKABLE = ("curves side by side",)
