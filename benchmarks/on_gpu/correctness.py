"""Correct on the device: derivatives, training, metrics, compared with the CPU and the authors."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from benchmarks.on_gpu import golden, kinks, loss_curves, subjects
from benchmarks.on_gpu.checked import compare, difference, joined
from benchmarks.on_gpu.metrics_on_device import compare_metrics
from benchmarks.on_gpu.part import Note, Settings, going_on
from benchmarks.on_gpu.subjects import Subject
from benchmarks.on_gpu.trainings import Training, epochs
from landscape_catalog.graphs.kernels.mode import small_network_kernels
from landscape_catalog.graphs.recordable import why_not_recorded
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian, Mode
from landscape_catalog.runner.settings import reproducible

CPU = "cpu"
DOUBLE_ALLOWED = 1e-10
# Of float32, against float64 with the activations of float32 on their sides.
SINGLE_ALLOWED = {"loss": 1e-5, "gradient": 1e-4, "product": 1e-4}
SEED = 6  # of a member that has the recipe as it is
STEPS_ALLOWED = 1e-8  # of weights after a few steps in float64
# Adding a constant to all keys changes no attention, so that the gradient of this bias is nothing
# but rounding, which Adam divides by its own size: these parameters move by whatever rounding gave.
# On a CPU, with the samples of each batch in another order, they alone differ: by 5e-9 of all
# weights, and all the others by 6e-17.
WITHOUT_GRADIENT = "attention.key.bias"


def run(settings: Settings, note: Note) -> None:
    """Note every comparison with its margin, the most important ones first."""
    curves = loss_curves.start(settings)  # on the CPU, besides what follows
    try:
        with reproducible():
            for subject in subjects.TOY if settings.toy else subjects.ALL:
                if settings.has_time(note, f"{subject.label}, derivatives"):
                    note_recordable(subject, settings, note)
                    compare_derivatives(subject, settings, note)
            compare_steps(settings, note)
            if settings.has_time(note, "the authors' networks"):
                golden.compare_with_the_authors(settings, note)
            loss_curves.compare_curves(curves, settings, note)
            compare_metrics(settings, note)
    finally:
        for _, children in curves:
            for child in children:
                child.stop()


def note_recordable(subject: Subject, settings: Settings, note: Note) -> None:
    """That the product records steps and Hessian products of a network for images."""
    if not subject.is_image:
        return
    for twice, name in ((False, "steps"), (True, "Hessian products")):
        with going_on(note, f"{subject.label}, {name} can be recorded"):
            batch, network = subject.samples(16, settings.device), subject.network(settings.device)
            why = why_not_recorded(network.train(), batch, subject.task, twice=twice)
            note(f"{subject.label}, {name} can be recorded", ok=not why, why=why)


def derivatives(
    subject: Subject, count: int, device: str, dtype: torch.dtype, mode: Mode
) -> dict[str, Tensor]:
    """Loss, gradient and H v for one random v, with batch norm in one of its modes.

    On a GPU with the kernels of recorded steps, for networks of images.
    """
    network = subject.network(device, dtype).train(mode == "train")
    batch, task = subject.samples(count, device), subject.task
    draw = np.random.Generator(np.random.Philox(key=5))
    with small_network_kernels(torch.device(device)) if subject.is_image else nullcontext():
        loss = task.loss(task.outputs(network, batch, dtype), batch)
        gradient = joined(torch.autograd.grad(loss, list(network.parameters())))
    vector = torch.from_numpy(draw.standard_normal(len(gradient))).to(device, dtype)
    product = BatchHessian(network, batch, task, mode=mode)(vector)
    return {"loss": loss.detach(), "gradient": gradient, "product": product}


def compare_derivatives(subject: Subject, settings: Settings, note: Note) -> None:
    """In float64 and float32, against the CPU in float64.

    Few activations may change side in float32. Derivatives there are compared with those of the
    function that has all activations on these sides (`kinks.given_sides`).
    """
    count = 6 if settings.toy else 16
    modes: list[Mode] = ["eval", "train"] if subject.has_batch_norm else ["train"]
    for mode in modes:
        label = f"{subject.label}, {mode} mode" if subject.has_batch_norm else subject.label
        with going_on(note, f"{label}, derivatives"):
            expected = derivatives(subject, count, CPU, torch.float64, mode)
            on_side = subject_sides(subject, count, CPU, torch.float64, mode)
            for dtype, bits in ((torch.float64, 64), (torch.float32, 32)):
                others = subject_sides(subject, count, settings.device, dtype, mode)
                flips = kinks.changed(others, on_side)
                allowed = {64: 0.0, 32: max(kinks.MOST * kinks.count(on_side), 1.0)}[bits]
                compare(note, f"{label}, changes of side, float{bits}", flips, allowed)
                found = derivatives(subject, count, settings.device, dtype, mode)
                wanted = expected
                if flips:
                    with kinks.given_sides(others):
                        wanted = derivatives(subject, count, CPU, torch.float64, mode)
                for name, value in found.items():
                    error = difference(value, wanted[name])
                    margin = DOUBLE_ALLOWED if bits == 64 else SINGLE_ALLOWED[name]
                    compare(note, f"{label}, {name}, float{bits}", error, margin)


def subject_sides(
    subject: Subject, count: int, device: str, dtype: torch.dtype, mode: Mode
) -> list[Tensor]:
    """`kinks.sides` of what `derivatives` computes with."""
    network = subject.network(device, dtype).train(mode == "train")
    with small_network_kernels(torch.device(device)) if subject.is_image else nullcontext():
        return kinks.sides(network, subject.samples(count, device), subject.task, dtype)


def compare_steps(settings: Settings, note: Note) -> None:
    """Weights after a few steps in float64, of one network and of a group, under many recipes."""
    toy = settings.toy
    image = Subject("resnet18", 1 if toy else 2, 8 if toy else 32)
    text = subjects.TOY[2] if toy else Subject("transformer", 16)
    recipes = {  # rates that float32 represents, in which recorded steps have theirs
        "sgd": epochs(2, 8, lr=2**-4),
        "adam": epochs(2, 8, optimizer="adam", lr=2**-10),
        "clipping and smoothing": epochs(2, 8, clip_norm=0.1, label_smoothing=0.1, lr=2**-4),
    }
    cases = [(image, name, recipe) for name, recipe in recipes.items()]
    cases += [(text, name, recipe) for name, recipe in recipes.items()]
    cases += [(image, "augmentation", epochs(2, 8, augment=True, lr=2**-4))]
    for subject, name, recipe in cases:
        label = f"{subject.label}, weights after 6 steps in float64, {name}"
        if not settings.has_time(note, label):
            continue
        with going_on(note, label):
            ours, theirs = (
                Training(subject, recipe, 24, device, torch.float64)
                for device in (settings.device, CPU)
            )
            expected = theirs.alone(SEED).tensors()
            found = ours.alone(SEED).tensors()
            _compare_outcomes(note, label, found, expected, adam=recipe.optimizer == "adam")
            if subject.is_image:
                found = ours.replayed([SEED])[0].tensors()
                _compare_outcomes(note, f"{label}, recorded", found, expected)
    vgg = Subject("vgg11", 1 if toy else 4)
    for subject in (image, vgg):
        label = f"{subject.label}, weights after 6 steps in float64, a group of 3"
        if not settings.has_time(note, label):
            continue
        with going_on(note, label):
            groups = [
                Training(subject, epochs(2, 8), 24, device, torch.float64).together([1, 2, 3])
                for device in (settings.device, CPU)
            ]
            for place, (ours, theirs) in enumerate(zip(*groups, strict=True)):
                _compare_outcomes(
                    note, f"{label}, member {place}", ours.tensors(), theirs.tensors()
                )


def _compare_outcomes(
    note: Note, name: str, found: dict[str, Tensor], expected: dict[str, Tensor], *,
    adam: bool = False,
) -> None:  # fmt: skip
    assert list(found) == list(expected)
    left_out = [key for key in expected if adam and key.endswith(WITHOUT_GRADIENT)]
    one, other = (
        joined(value for key, value in side.items() if key not in left_out)
        for side in (found, expected)
    )
    compare(note, name, difference(one, other), STEPS_ALLOWED, left_out=len(left_out))
    if left_out:
        noise = [joined(side[key] for key in left_out) for side in (found, expected)]
        note(
            f"{name}, keys' biases, whose gradient is zero", ok=None,
            value=float((noise[0] - noise[1]).norm()), norm=float(noise[1].norm()),
        )  # fmt: skip
