"""Checks of custom networks, custom tasks and layer names, for which a network has to run.

They import torch, so they are made only if an experiment names any of these.
"""

from __future__ import annotations

import logging
from functools import partial

import torch
from torch import Tensor, nn

from landscape_catalog.errors import CodeError, Problem, SpecError, own_code, shown
from landscape_catalog.experiment.grid import Cell
from landscape_catalog.metrics.numerics.features import network_features
from landscape_catalog.metrics.numerics.flops import count_multiply_adds
from landscape_catalog.metrics.similarity.spec import SimilaritySettings
from landscape_catalog.pipeline.prepare.trial.checks import NEIGHBOUR_TOLERANCE
from landscape_catalog.pipeline.prepare.trial.messages import called, neighbour_hint, shown_names
from landscape_catalog.pipeline.prepare.trial.parameters import require_storable_parameters
from landscape_catalog.pipeline.prepare.trial.subject import SAMPLES, Trial
from landscape_catalog.pipeline.prepare.trial.walk import run_trial
from landscape_catalog.pipeline.shared.costs import network_key, note_multiply_adds
from landscape_catalog.pipeline.shared.loading import LoadedData, load_data
from landscape_catalog.pipeline.shared.rebuilt import relative_difference
from landscape_catalog.pipeline.shared.recipes import recipe_of
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.runner.device import chosen_device, current_gpu, own_gpu
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.tasks import Perturbation, Samples, Task

log = logging.getLogger(__name__)

TRIAL_SAMPLES = 3


def validate_networks(workspace: Workspace) -> None:
    """Try each distinct network that is custom, or has a custom task, on a few prepared samples.

    The multiply-adds of custom networks and tasks are counted and recorded for time estimates.

    Raises:
        CodeError: if a custom network or task fails, returns something of the wrong shape, or
            cannot be trained, stored and measured (see `run_trial`).
        SpecError: if a layer named by a similarity probe does not exist or cannot be compared.
    """
    probes = workspace.experiment.measure.probes("similarity")
    layers = {probe.layer for probe in probes if probe.layer}
    tried: set[str] = set()
    counts: dict[str, int] = {}
    cache, device = WorkerCache(), _trial_device(workspace)
    gpu = own_gpu(workspace.execution)
    for cell in workspace.grid.cells:
        landscape = cell.landscape
        custom = is_custom(landscape.model.name) or is_custom(landscape.task.name)
        key = network_key(cell)
        if not (layers or custom) or key in tried:
            continue
        tried.add(key)
        data_id = landscape.data.data_id
        record = workspace.data_record(data_id)
        with reproducible(), current_gpu(gpu):
            data = load_data(workspace.project.prepared / data_id, record, device, cache)
            name = landscape.task.name if is_custom(landscape.task.name) else landscape.model.name
            task = data.task(cell, workspace.project.custom)
            network = data.network(cell, workspace.project.custom).to(device)
            _require_layers(network, layers)
            if custom:
                require_storable_parameters(network, landscape.model.name)
                _try(cell, network, task, data, name)
                run_trial(_trial(workspace, cell, data, device))
            for probe in probes:
                _try_features(network, task, data, name, probe)
            if custom:
                counted = count_multiply_adds(network, data.train, task)
                if counted.count is None:
                    log.info("the multiply-adds of %s are unknown: %s", name, counted.reason)
                else:
                    counts[key] = counted.count
    if counts:
        note_multiply_adds(workspace.project.multiply_adds, counts)


def _trial_device(workspace: Workspace) -> str:
    """The device that will be used; for a cluster, whose workers have their own, the CPU."""
    execution = workspace.experiment.execution
    return "cpu" if execution.engine == "dask" else chosen_device(execution)


def _trial(workspace: Workspace, cell: Cell, data: LoadedData, device: str) -> Trial:
    """What the trial of a cell's network consists of."""
    custom, few = workspace.project.custom, data.train[:SAMPLES]
    hessians = workspace.experiment.measure.probes("hessian")
    return Trial(
        model=cell.landscape.model.name,
        name=_names(cell),
        build=lambda seed: data.network(cell, custom, seed=seed).to(device),
        make_task=lambda: data.task(cell, custom),
        samples=Samples(few.inputs.clone(), few.targets.clone()),
        recipe=recipe_of(cell),
        modes=tuple(dict.fromkeys(["eval", *(probe.mode for probe in hessians)])),
        has_pairs=len(cell.runs) > 1,
    )


def _names(cell: Cell) -> str:
    """The custom code that a cell's task and network consist of."""
    names = (cell.landscape.task.name, cell.landscape.model.name)
    return " on ".join(filter(is_custom, names)) or names[1]


def _try(cell: Cell, network: nn.Module, task: Task, data: LoadedData, name: str) -> None:
    """Compute loss, gradient and errors once, and check their shapes."""
    samples = data.train[:TRIAL_SAMPLES]
    model, custom_task = cell.landscape.model.name, cell.landscape.task.name
    both = _names(cell)
    dtype = next(network.parameters()).dtype
    if is_custom(custom_task):
        with own_code(custom_task, ": reading its attributes"):
            _require_attributes(custom_task, task)
    outputs = called(both, "", task.outputs, network, samples, dtype)
    if not isinstance(outputs, Tensor):
        raise CodeError(f"{both} returned {type(outputs).__name__}, not a tensor")
    if not is_custom(custom_task):
        _require_logits(model, outputs, samples, data)
    loss = called(name, "its loss ", task.loss, outputs, samples)
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise CodeError(f"{name}: its loss is {shape}, not one number")
    if not loss.requires_grad:
        raise CodeError(f"{name}: its loss does not depend on the network's parameters")
    losses = called(name, "its losses ", task.losses, outputs, samples)
    errors = called(name, "its errors ", task.errors, outputs, samples)
    for what, value in (("losses", losses), ("errors", errors)):
        if not isinstance(value, Tensor) or value.ndim != 1:
            hint = neighbour_hint(network, outputs, samples)
            raise CodeError(f"{name}: its {what} are not one number per sample{hint}")
    if losses.isnan().all():
        raise CodeError(
            f"{name}: before training its losses are NaN for all of {len(samples)} samples, so "
            "that nothing can be learned"
        )
    _require_gradient(name, network, task, samples)


def _require_attributes(name: str, task: Task) -> None:
    """Validate the task's attributes up front."""
    wrong = {
        "connectivity_by": ("error or loss", task.connectivity_by in ("error", "loss")),
        "error_unit": ("text", isinstance(task.error_unit, str)),
        "loss_unit": ("text", isinstance(task.loss_unit, str)),
        "error_scale": ("a number", isinstance(task.error_scale, int | float)),
        "evaluation_batch": (
            "a whole number of at least 1",
            isinstance(task.evaluation_batch, int) and task.evaluation_batch >= 1,
        ),
    }
    for attribute, (allowed, right) in wrong.items():
        if not right:
            given = getattr(task, attribute)
            raise CodeError(f"{name}: its {attribute} is {shown(given)}; it must be {allowed}")


def _require_gradient(name: str, network: nn.Module, task: Task, samples: Samples) -> None:
    """Require a gradient for every parameter, in train or in eval mode.

    A pass in train mode may skip layers at random, and a pass in eval mode auxiliary outputs.
    """
    trained = {key: value for key, value in network.named_parameters() if value.requires_grad}
    dtype, unused = next(network.parameters()).dtype, list(trained)
    for mode in (True, False):
        network.train(mode)
        if unused:
            outputs = called(name, "", task.outputs, network, samples, dtype)
            loss = called(name, "its loss ", task.loss, outputs, samples)
            take = partial(torch.autograd.grad, allow_unused=True)
            parts = called(name, "its gradient ", take, loss, [trained[key] for key in unused])
            unused = [key for key, part in zip(unused, parts) if part is None]
    network.train()
    if unused:
        raise CodeError(
            f"{name}: its loss does not depend on {shown_names(unused)}; "
            "remove parameters that have no effect, or set their requires_grad to False"
        )


def _try_features(
    network: nn.Module, task: Task, data: LoadedData, name: str, probe: SimilaritySettings
) -> None:
    """Check the input of CKA: perturbed samples, and a row of features for each."""
    how = Perturbation(kind=probe.perturbation, samples=TRIAL_SAMPLES)
    what = f"its perturbation by {how.kind} "
    perturbed = called(name, what, partial(task.perturb, seed=0), data.train, how)
    if not isinstance(perturbed, Samples):
        raise CodeError(f"{name}: {what}is {type(perturbed).__name__}, not Samples")
    if len(perturbed) != how.samples:
        raise CodeError(f"{name}: {what}returned {len(perturbed)} samples instead of {how.samples}")
    take = partial(network_features, layer=probe.layer)
    if probe.layer is None:
        features = called(name, "its features ", take, network, perturbed, task)
    else:
        try:
            features = take(network, perturbed, task)
        except (Exception, SystemExit) as error:  # a custom network's layer may output anything
            allowed = f"null, or a layer that can be compared: {error}"
            problem = Problem("measure.similarity.layer", repr(probe.layer), allowed)
            raise SpecError([problem]) from error
    if features.ndim != 2 or len(features) != len(perturbed):
        shape = tuple(features.shape)
        raise CodeError(
            f"{name}: its features of {len(perturbed)} samples have shape {shape}; "
            "there must be one row per sample"
        )
    if probe.layer is None and is_custom(name):
        rows = [take(network, perturbed[i : i + 1], task) for i in range(len(perturbed))]
        if relative_difference(features, torch.cat(rows)) > NEIGHBOUR_TOLERANCE:
            raise CodeError(
                f"{name}: its features of {len(perturbed)} samples are not those of the samples "
                "one at a time: a sample's features must not depend on the rest of its batch"
            )


def _require_logits(model: str, outputs: Tensor, samples: Samples, data: LoadedData) -> None:
    wanted: tuple[int, ...] = (len(samples), data.record.n_classes)
    if data.record.kind != "text" and tuple(outputs.shape) != wanted:
        raise CodeError(
            f"{model} returned an output of shape {tuple(outputs.shape)} for {len(samples)} "
            f"samples; it must be {wanted}: a number for each class"
        )


def _require_layers(network: nn.Module, layers: set[str]) -> None:
    known = [name for name, _ in network.named_modules() if name]
    problems = [
        Problem("measure.similarity.layer", repr(layer), "null, " + ", ".join(known))
        for layer in sorted(layers)
        if layer not in known
    ]
    if problems:
        raise SpecError(problems)
