"""What the paper's authors' code measured on two networks that it trained, measured again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.on_gpu import image_file
from benchmarks.on_gpu.checked import compare, difference
from benchmarks.on_gpu.part import Note, Settings, going_on
from landscape_catalog.metrics.numerics.cka import linear_cka
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.distance import l2_distance
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe, hessian_estimate
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.metrics.numerics.parameters import flatten
from landscape_catalog.models.resnet import resnet18
from landscape_catalog.tasks import Classification, Samples

TRAINED, TESTED = 5000, 1000  # images that the authors' networks were trained and tested on
CIFAR = Classification((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


class Normalised(Classification):
    """Takes inputs that are already normalised."""

    def inputs(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The images as they are."""
        return images.to(dtype)


TASK = Normalised((0.0,), (1.0,))


class Golden:
    """The authors' networks on a device, and their numbers.

    Args:
        folder: of the two files.
        device: to measure on.
        cifar: images of CIFAR-10, as `image_file.read` takes them; None: not at hand.
    """

    def __init__(self, folder: Path, device: str, cifar: Path | None) -> None:
        self.device, self.cifar = device, cifar
        read = load_file(folder / "authors_code.safetensors")
        self.tensors = {name: value.to(device) for name, value in read.items()}
        self.numbers: dict[str, Any] = json.loads((folder / "authors_code.json").read_text())
        self.batch = Samples(self.tensors["hessian_inputs"], self.tensors["hessian_labels"])
        self._images: dict[str, Samples] = {}

    def network(self, index: int) -> nn.Module:
        """One of the two, in eval mode."""
        prefix = f"network{index}."
        network = resnet18(width=8).to(self.device)
        network.load_state_dict(
            {
                name.removeprefix(prefix): value
                for name, value in self.tensors.items()
                if name.startswith(prefix)
            }
        )
        return network.eval()

    def images(self, side: str) -> Samples:
        """Images of CIFAR-10: `train` or `test`."""
        assert self.cifar is not None
        if not self._images:
            sides = image_file.read(self.cifar, trained=TRAINED, tested=TESTED)
            for name, (images, labels) in zip(("train", "test"), sides, strict=True):
                values = (torch.from_numpy(array).to(self.device) for array in (images, labels))
                self._images[name] = Samples(*values)
        return self._images[side]


def compare_with_the_authors(settings: Settings, note: Note) -> None:
    """Products, top eigenvalue, trace, CKA, distances, losses, and errors along their curve."""
    if settings.golden is None:
        note("the authors' networks", ok=None, skipped="the files are not at hand")
        return
    with going_on(note, "the authors' networks"):
        golden = Golden(settings.golden, settings.device, settings.cifar)
        checks = [_product, _similarity, _distance]
        checks += [] if settings.toy else [_hessian]
        if settings.cifar is None:
            note("the authors' losses and curve", ok=None, skipped="no images at hand")
        else:
            checks += [_losses, _curve]
        for check in checks:
            with going_on(note, f"the authors' networks, {check.__name__.strip('_')}"):
                check(golden, note)


def _product(golden: Golden, note: Note) -> None:
    vector, expected = (golden.tensors[n].flatten() for n in ("probe_v", "probe_Hv"))
    found = BatchHessian(golden.network(0), golden.batch, TASK)(vector)
    compare(note, "the authors' Hessian product", difference(found, expected), 1e-4)


def _hessian(golden: Golden, note: Note) -> None:
    numbers = golden.numbers["hessian_network0"]
    found = hessian_estimate(golden.network(0), golden.batch, TASK, HessianRecipe(), seed=(0, 1))
    top = numbers["top_eigenvalue_converged_f64"]
    error = abs(found.top_eigenvalue - top)
    compare(note, "the authors' top eigenvalue, relative", error / top, 1e-5)
    residuals = found.top_residual + numbers["residual_norm_f64"]
    compare(note, "the authors' top eigenvalue, against both residuals", error, residuals)
    own = found.trace_sd / found.trace_n**0.5
    combined = (own**2 + numbers["trace_300_se"] ** 2) ** 0.5
    away = abs(found.trace - numbers["trace_300"])
    compare(note, "the authors' trace", away, 3 * combined, trace=found.trace)
    compare(note, "our trace's standard error, relative", own / found.trace, 0.025)


def _similarity(golden: Golden, note: Note) -> None:
    with torch.no_grad():
        logits = [
            golden.network(index)(golden.tensors["mixup_inputs"]).double() for index in (0, 1)
        ]
    for name, rows in (("logits", logits), ("softmax", [one.softmax(1) for one in logits])):
        expected = golden.numbers[f"cka_{name}"]
        compare(note, f"the authors' CKA of {name}", abs(linear_cka(*rows) - expected), 1e-4)


def _distance(golden: Golden, note: Note) -> None:
    one, other = golden.network(0), golden.network(1)
    names = [name for name, _ in one.named_parameters()]
    found = l2_distance(one.state_dict(), other.state_dict(), names)
    pairs = [(found.l2, golden.numbers["l2_distance"])]
    pairs += zip((found.norm, found.other_norm), golden.numbers["param_norms"], strict=True)
    error = max(abs(ours - theirs) / theirs for ours, theirs in pairs)
    compare(note, "the authors' L2 distance and norms, relative", error, 1e-5)


def _losses(golden: Golden, note: Note) -> None:
    for index in (0, 1):
        for side, count in (("train", TRAINED), ("test", TESTED)):
            theirs = golden.numbers[f"{side}_network{index}"]
            found = evaluate(golden.network(index), golden.images(side), CIFAR)
            wrong = round(count * (100 - theirs["accuracy"]) / 100)
            label = f"the authors' network {index}, {side}"
            compare(note, f"{label}, wrong images", abs((found.n_wrong or 0) - wrong), 0)
            compare(note, f"{label}, loss", abs(found.loss - theirs["nll"]), 1e-5)


def _curve(golden: Golden, note: Note) -> None:
    """At every t with recomputed statistics; other shuffles change their errors by 0.06."""
    train, test = golden.images("train"), golden.images("test")
    one, other = golden.network(0), golden.network(1)
    shapes = {name: value.shape for name, value in one.named_parameters()}
    middle = {name: golden.tensors[f"midpoint.{name}"] for name in shapes}
    states = (one.state_dict(), middle, other.state_dict())
    curve = Curve(torch.stack([flatten(state, shapes) for state in states]), shapes)
    theirs = golden.numbers["curve"]
    points = curve_points(one, curve, train, test, CIFAR, points=5, batch_size=128, seed=0)
    errors = [point.train.error_value for point in points]
    found = {
        "train_error_pct": (errors, 0.1),
        "test_error_pct": ([point.test.error_value for point in points], 0.31),
    }
    for name, (ours, allowed) in found.items():
        away = max(abs(a - b) for a, b in zip(ours, theirs[name], strict=True))
        compare(note, f"the authors' curve, {name}", away, allowed)
    losses = zip([point.train.loss for point in points], theirs["train_nll"], strict=True)
    relative = max(abs(ours - expected) / expected for ours, expected in losses)
    compare(note, "the authors' curve, train_nll, relative", relative, 2e-3)
    measured = mode_connectivity(theirs["ts"], errors)
    away = abs(measured.mode_connectivity - theirs["mc_train_pct"])
    compare(note, "the authors' curve, mc_train_pct", away, 0.1, t=measured.t)
