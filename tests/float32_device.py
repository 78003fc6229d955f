"""A made-up device without float64, as Apple's `mps` is, whose tensors lie on the CPU.

A float64 tensor on it is an error, also for a moment on the way to the CPU, and so is an operation
on tensors of it and of the CPU, unless those of the CPU have no dimensions. Registering it changes
torch for the whole process, so `python -m tests.float32_device` computes in one of its own: it
prints, as JSON, how far the results on the device are from those on the CPU.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from landscape_catalog.api.curves import line_barrier, mode_connectivity
from landscape_catalog.api.networks import evaluate, hessian, spectral_density
from landscape_catalog.api.similarity import cka, l2_distance
from landscape_catalog.metrics.numerics.curves.fit import fit_curves
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.features import centred_features
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.models import float64
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Perturbation, Samples, Translation
from landscape_catalog.training import Member, Recipe, TrainedRun, TrainingState, train, train_group
from tests.metrics.networks import images

NAME = "made_up"
KEPT = []  # registrations last as long as their library


class Held(Tensor):
    """A tensor that says that it is on the device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Held:
        if held.dtype in (torch.float64, torch.complex128):
            raise TypeError(f"{NAME}: {held.dtype} is not supported")
        made: Any = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype, device=torch.device(NAME, 0),
        )  # fmt: skip
        made.held = held
        return made  # type: ignore[no-any-return]

    @property
    def data(self) -> Tensor:  # type: ignore[override]
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
        self.held = value.held  # type: ignore[attr-defined]

    def __repr__(self) -> str:  # type: ignore[override]
        return f"{NAME}({self.held!r})"

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return computed(function, args, kwargs or {})


def computed(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Compute on the CPU, and give the result the device that it would have."""
    name = function.overloadpacket.__name__
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    here = any(isinstance(value, Held) for value in given)
    elsewhere = any(value.ndim for value in given if not isinstance(value, Held))
    if here and elsewhere and name not in ("copy_", "_to_copy"):
        raise RuntimeError(f"{name}: tensors on {NAME} and on the CPU")
    target = kwargs.get("device")
    stays = here if target is None else torch.device(target).type == NAME
    if name == "_to_copy" and here and kwargs.get("dtype") == torch.float64:
        raise TypeError(f"{NAME}: converted to float64 before it is moved")
    plain = tree_map(lambda leaf: leaf.held if isinstance(leaf, Held) else leaf, (args, kwargs))
    if target is not None:
        plain[1]["device"] = torch.device("cpu")
    found = function(*plain[0], **plain[1])
    of_plain = {id(value.held): value for value in given if isinstance(value, Held)}

    def wrapped(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or not stays:
            return leaf
        return of_plain[id(leaf)] if id(leaf) in of_plain else Held(leaf)

    return tree_map(wrapped, found)


def register() -> torch.device:
    """Make the device known to torch."""
    _setup_privateuseone_for_python_backend(NAME)
    library = torch.library.Library("aten", "IMPL")
    KEPT.append(library)
    for full in torch._C._dispatch_get_all_op_names():
        if (function := _factory(full)) is not None:
            library.impl(full.removeprefix("aten::"), _kernel(function), "PrivateUse1")
    library.impl("_to_copy", _kernel(torch.ops.aten._to_copy.default), "PrivateUse1")
    library.impl("_copy_from", _copy_from, "PrivateUse1")
    return torch.device(NAME, 0)


def _factory(full: str) -> Any:
    """The operator of this name, if it makes a tensor on a device from none."""
    space, _, name = full.partition("::")
    packet, _, overload = name.partition(".")
    if space != "aten":
        return None
    try:
        function = getattr(getattr(torch.ops.aten, packet), overload or "default")
    except (AttributeError, RuntimeError):
        return None
    arguments = function._schema.arguments
    types = [str(argument.type) for argument in arguments]
    makes = [str(value.type) for value in function._schema.returns] == ["Tensor"]
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(full, "CompositeImplicitAutograd")
    on_device = any(argument.name == "device" for argument in arguments)
    return function if makes and on_device and not composite and "Tensor" not in types else None


def _kernel(function: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: computed(function, args, kwargs)


def _copy_from(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    plain = [value.held if isinstance(value, Held) else value for value in (source, target)]
    plain[1].copy_(plain[0])
    return target


TASK = Classification((0.5,), (0.25,))
RECIPE = Recipe(batch_size=8, epochs=3, stopping="epochs", lr=0.05)
SNAPSHOTS = ("best_train_loss", "last")


def network(seed: int) -> torch.nn.Module:
    return build("resnet18", width=1, input_shape=(1, 8, 8), n_outputs=3, seed=seed)


class Resumed:
    """Checkpoints of a run that goes on from a state; they are kept on the CPU, as on the disk."""

    def __init__(self, state: TrainingState | None, *, at: int = 0) -> None:
        self.state, self.at, self.asked = state, at, 0

    def resume(self) -> TrainingState | None:
        return self.state

    def due(self) -> bool:
        self.asked += 1
        return self.asked == self.at

    def save(self, state: TrainingState) -> None:
        kept = {name: value.detach().cpu().clone() for name, value in state.tensors.items()}
        self.state = TrainingState(json.loads(json.dumps(state.values)), kept)


def numbers(found: Any) -> list[float]:
    """All numbers in a result, in order."""
    if dataclasses.is_dataclass(found):
        return numbers([getattr(found, field.name) for field in dataclasses.fields(found)])
    if isinstance(found, Tensor):
        return [float(value) for value in found.detach().cpu().double().flatten()]
    if isinstance(found, dict):
        return numbers(list(found.values()))
    if isinstance(found, (list, tuple)):
        return [value for part in found for value in numbers(part)]
    return [float(found)] if isinstance(found, (int, float)) else []


def trained(run: TrainedRun) -> list[float]:
    return numbers([[epoch.train_loss, epoch.train_error] for epoch in run.history]) + numbers(
        {name: snapshot.state for name, snapshot in run.snapshots.items()}
    )


def results(device: torch.device) -> dict[str, list[float]]:
    """The numbers of everything that trains or measures, on a device."""
    data = images().to(device)
    one, other = (network(seed).to(device) for seed in (0, 1))

    def alone(recipe: Recipe, checkpoints: Resumed | None = None) -> list[float]:
        return trained(
            train(
                network(2).to(device), data, TASK, recipe, seed=2, snapshots=SNAPSHOTS,
                checkpoints=checkpoints,
            )
        )  # fmt: skip

    def group(checkpoints: list[Resumed]) -> list[float]:
        members = [
            Member(
                network(seed).to(device), data, TASK, RECIPE, seed, snapshots=SNAPSHOTS,
                checkpoints=kept,
            )
            for seed, kept in zip((3, 4), checkpoints)
        ]  # fmt: skip
        return numbers([trained(run) for run in train_group(members)])

    kept = Resumed(None, at=4)
    saved = [Resumed(None, at=4), Resumed(None)]
    found = {"alone": alone(RECIPE, kept), "group": group(saved)}
    found["alone, resumed"] = alone(RECIPE, Resumed(kept.state))
    found["group, resumed"] = group([Resumed(one.state) for one in saved])
    adam = dataclasses.replace(RECIPE, optimizer="adam", lr=1e-3, augment=True, clip_norm=1.0)
    found["adam"] = alone(adam)
    found["loss"] = numbers(evaluate(one, TASK, data))
    found["hessian"] = numbers(hessian(one, TASK, data, max_iterations=12))
    found["hessian in parts"] = numbers(hessian(one, TASK, data, max_iterations=3, batch_size=9))
    found["density"] = numbers(spectral_density(one, TASK, data, probes=2, steps=4))
    found["pyhessian"] = numbers(pyhessian_estimate(one, data, TASK, max_iterations=3, seed=0))
    found["similarity"] = numbers(cka(one, other, data.inputs.float()))
    found["distance"] = numbers(l2_distance(one, other))
    found["barrier"] = numbers(line_barrier(one, other, TASK, data, points=3, batch_size=10))
    curve = mode_connectivity(one, other, TASK, data, epochs=2, batch_size=10, lr=0.05)
    found["curve"] = numbers(curve)
    ends = (one.state_dict(), other.state_dict())
    recipe = CurveRecipe(epochs=2, batch_size=10, init="random")
    (fitted,) = fit_curves(one, [ends], data, TASK, recipe, seed=0, together=True)
    found["curves side by side"] = numbers(fitted.controls)
    mixup, noise = (
        Perturbation("mixup", 20, alpha=16.0),
        Perturbation("pixel_noise", 20, noise=40.0),
    )
    perturbed = [TASK.perturb(data, how, seed=3).inputs for how in (mixup, noise)]
    found["perturbed images"] = numbers(perturbed)
    found["translation"] = translated(device)
    return found


def translated(device: torch.device) -> list[float]:
    """Training and measuring of a transformer."""
    draw = np.random.Generator(np.random.Philox(key=2))
    source, target = (torch.from_numpy(draw.integers(4, 20, (40, length))) for length in (6, 7))
    data, task = Samples(source, target).to(device), Translation()
    args = {"n_layers": 1, "dropout": 0.1}
    model = build("transformer", width=8, input_shape=(6,), n_outputs=20, seed=0, args=args)
    model = model.to(device)
    recipe = dataclasses.replace(RECIPE, optimizer="adam", lr=1e-3, label_smoothing=0.1)
    run = train(model, data, task, recipe, seed=1)
    noisy = task.perturb(data, Perturbation("token_noise", 20, rate=0.1), seed=3)
    features = centred_features(model, noisy, task)
    measured = [evaluate(model, task, data), hessian(model, task, data[:8], max_iterations=3)]
    return trained(run) + numbers([measured, similarity(features, features)])


def main() -> None:
    """Print how far each result on the device is from the one on the CPU."""
    device = register()
    if "no fallback" not in sys.argv:
        float64.WITHOUT_FLOAT64 = frozenset({*float64.WITHOUT_FLOAT64, NAME})
    expected, found = results(torch.device("cpu")), results(device)
    apart = {}
    for name, values in expected.items():
        assert len(values) == len(found[name]) > 0, name
        scale = max(map(abs, values))
        apart[name] = max(abs(a - b) for a, b in zip(values, found[name])) / scale
    print(json.dumps(apart))


if __name__ == "__main__":
    main()
