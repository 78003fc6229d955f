"""Diagnoses a user's checkpoints: from files to the result."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape_catalog.diagnosis.checkpoints import Checkpoint, read_checkpoint, tensors_of
from landscape_catalog.diagnosis.checks import (
    confusion_of,
    require_above_chance,
    require_one_landscape_of,
    require_usable,
)
from landscape_catalog.diagnosis.data import DataOptions, DiagnosedData, diagnosed_data
from landscape_catalog.diagnosis.landscape import DiagnosedLandscape
from landscape_catalog.diagnosis.measuring import measure
from landscape_catalog.diagnosis.method import first_probe, fitted_to
from landscape_catalog.diagnosis.networks import NetworkSource, fitted_state, network_source
from landscape_catalog.diagnosis.preprocessing import preprocessing_of
from landscape_catalog.diagnosis.reference import Standard, standard
from landscape_catalog.diagnosis.result import Diagnosis
from landscape_catalog.diagnosis.summary import summarised
from landscape_catalog.diagnosis.threads import threads_for
from landscape_catalog.errors import CheckpointError
from landscape_catalog.runner.gpus import usable_gpus
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.schema.pairs import PairChoice

log = logging.getLogger(__name__)
DEVICES = ("auto", "cpu", "cuda", "mps")
PAIRS = ("all", "ring", "first")
HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Options:
    """What a user may say beside checkpoints, network and data.

    Attributes:
        args: further arguments of the network's function.
        classes: names of the network's classes in order, for a folder of images.
        weights: of torchvision, whose preprocessing and classes are used.
        mean: of each channel, for pixels in [0, 1].
        std: of each channel.
        size: to which images are resized and cropped.
        samples: most training samples that are used.
        test_samples: most test samples that are used.
        pairs: which pairs get a curve.
        minutes: that measuring may take; only curves are shortened.
        device: to compute on.
        model: file of a diagnosis model; None: no reference.
        sizes: width, samples and batch size by dotted path, for a model that takes them.
    """

    args: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    weights: str | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: int | None = None
    samples: int | None = None
    test_samples: int | None = None
    pairs: PairChoice = "all"
    minutes: float | None = None
    device: str = "auto"
    model: Path | None = None
    sizes: Mapping[str, float] = field(default_factory=dict)


def diagnose(
    checkpoints: Sequence[Any], network: Any, data: Any, folder: Path, options: Options
) -> Diagnosis:
    """Measure checkpoints of one network, and say which phase they are in and what would help.

    Args:
        checkpoints: paths of files, or state dicts; each of another seed.
        network: `torchvision:NAME`, `module:function`, or a function.
        data: `module:function`, a folder of images, a function, or `Data`.
        folder: in which modules are looked for.
        options: everything else.

    Raises:
        UserError: if something does not fit, before anything is measured.
    """
    device = _device(options.device)
    _require_options(checkpoints, options)
    found = [_checkpoint(given, place) for place, given in enumerate(checkpoints, 1)]
    source = _source(network, folder, options)
    how = preprocessing_of(
        source, weights=options.weights, mean=options.mean, std=options.std, size=options.size
    )
    standing = standard(options.model, options.sizes)
    wanted = DataOptions(how, options.classes, options.samples, options.test_samples)
    threads = torch.get_num_threads()
    with reproducible(), sdpa_kernel(SDPBackend.MATH):  # the only one with a second derivative
        known = diagnosed_data(data, folder, source, found[0], wanted).to(device)
        log.info("%d training and %d test samples", known.n_train, known.n_test)
        landscape, remarks = _landscape(found, source, known, standing, device, threads)
        measured = measure(landscape, options.pairs, minutes=options.minutes)
        measured.remarks[:0] = remarks
    return summarised(found, source, known, landscape, measured, standing)


def _require_options(checkpoints: Sequence[Any], options: Options) -> None:
    if not checkpoints:
        raise CheckpointError("there are no checkpoints; allowed: one or more")
    if options.pairs not in PAIRS:
        raise CheckpointError(f"--pairs: got {options.pairs!r}; allowed: {', '.join(PAIRS)}")
    if options.sizes and options.model is None:
        raise CheckpointError("--at: allowed only with --model, which takes sizes")
    minutes = options.minutes
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise CheckpointError(f"--budget: got {minutes}; allowed: a positive number of minutes")


def _device(name: str) -> str:
    if name not in DEVICES:
        raise CheckpointError(f"--device: got {name!r}; allowed: {', '.join(DEVICES)}")
    if name == "auto":
        return "cuda" if usable_gpus("cuda") else "cpu"
    if name != "cpu" and not usable_gpus(name):
        raise CheckpointError(
            f"--device: got {name!r}; allowed: cpu, since torch finds no such GPU"
        )
    return name


def _checkpoint(given: Any, place: int) -> Checkpoint:
    if isinstance(given, (str, Path)):
        return read_checkpoint(Path(given))
    name = f"checkpoint {place}"
    return Checkpoint(name, dict(tensors_of(given, name)))


def _source(network: Any, folder: Path, options: Options) -> NetworkSource:
    if isinstance(network, str):
        return network_source(network, folder, options.args)
    if isinstance(network, nn.Module) or not callable(network):
        raise TypeError(
            f"network: got {type(network).__name__}; allowed: a function that builds a network, or "
            "its name"
        )
    return NetworkSource(getattr(network, "__qualname__", "network"), network, options.args)


def _landscape(
    checkpoints: Sequence[Checkpoint],
    source: NetworkSource,
    data: DiagnosedData,
    standing: Standard,
    device: str,
    threads: int,
) -> tuple[DiagnosedLandscape, list[str]]:
    """The networks with their weights, after all checks, and remarks about them.

    From here on torch uses as many of the threads as pay off.
    """

    def build(seed: int) -> nn.Module:
        return source.build(seed, data.input_shape, data.n_outputs).to(device)

    network = source.build(0, data.input_shape, data.n_outputs)
    states: list[dict[str, Tensor]] = []
    for checkpoint in checkpoints:
        state = fitted_state(checkpoint, network, source.name)
        states.append({name: value.to(device) for name, value in state.items()})
    names = [checkpoint.name for checkpoint in checkpoints]
    method = fitted_to(
        standing.method, len(data.train), data.input_shape, longest=not standing.has_method
    )
    batch_size = first_probe(method, "connectivity").batch_size
    torch.set_num_threads(threads_for(network, data.train, data.task, batch_size, threads))
    log.info("trial of %s", source.name)
    require_usable(build, data, source, len(checkpoints))
    require_one_landscape_of(build, states, names)
    coarse = [_coarsest(checkpoint) for checkpoint in checkpoints]
    _require_different(names, states, coarse, [name for name, _ in network.named_parameters()])
    landscape = DiagnosedLandscape(build, states, data, method)
    remarks = _types(checkpoints)
    for index, name in enumerate(names):
        confusion = confusion_of(landscape.network(index), data)
        remarks.append(require_above_chance(confusion, name, data))
    if len(data.train) < data.n_train:
        remarks.append(
            f"Measured on {len(data.train)} of {data.n_train} training samples, drawn at random; "
            "the Hessian, curves and CKA are those of the loss on these."
        )
    return landscape, [remark for remark in remarks if remark]


def _coarsest(checkpoint: Checkpoint) -> torch.dtype:
    """The type with the least precision among those that weights were stored in."""
    types = {value.dtype for value in checkpoint.state.values() if value.is_floating_point()}
    return max(types, key=lambda one: torch.finfo(one).eps, default=torch.float32)


def _types(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """A remark on weights that were stored with less precision than they are measured in."""
    names = [one.name for one in checkpoints if any(v.dtype in HALF for v in one.state.values())]
    if not names:
        return []
    return [f"{', '.join(names)}: stored in half precision, and measured in single precision."]


def _require_different(
    names: Sequence[str],
    states: Sequence[Mapping[str, Tensor]],
    types: Sequence[torch.dtype],
    parameters: Sequence[str],
) -> None:
    """Require that no two checkpoints have the same trained weights.

    They are compared in the coarser of the types that they were stored in, so that a copy in half
    precision is the same.
    """
    for i, state in enumerate(states):
        for j in range(i):
            coarser = max(types[i], types[j], key=lambda one: torch.finfo(one).eps)
            if parameters and all(
                torch.equal(state[name].to(coarser), states[j][name].to(coarser))
                for name in parameters
            ):
                raise CheckpointError(
                    f"{names[j]} and {names[i]} hold the same weights; allowed: checkpoints of "
                    "trainings with different seeds, since a comparison of a network with itself "
                    "says nothing about its landscape"
                )
