"""A trial of what only running can show: a user's own network and task, and names of layers.

Loads torch, so it is done only where an experiment names such things.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from landscape_catalog.errors import CodeError, Problem, SpecError
from landscape_catalog.schemas.fields import is_own
from landscape_catalog.schemas.grid import Cell
from landscape_catalog.schemas.identity import canonical_json
from landscape_catalog.stages.loading import LoadedData, load_data
from landscape_catalog.stages.workspace import Workspace
from landscape_catalog.tasks import Samples, Task

TRIAL_SAMPLES = 3


def try_networks(workspace: Workspace) -> None:
    """Run each kind of network once on three prepared samples.

    Raises:
        CodeError: if a user's own network or task fails or gives something of the wrong shape.
        SpecError: if a layer that a similarity probe names is not there.
    """
    layers = {p.layer for p in workspace.experiment.measure.similarity_probes if p.layer}
    tried = set()
    for cell in workspace.grid.cells:
        landscape = cell.landscape
        if not (layers or is_own(landscape.model.name) or is_own(landscape.task.name)):
            continue
        key = canonical_json([landscape.landscape_id, cell.model_args, cell.task_args])
        if key in tried:
            continue
        tried.add(key)
        folder = workspace.project.prepared / landscape.data.data_id
        data = load_data(folder, "cpu")
        network = data.network(cell, workspace.project.custom)
        _try(cell, network, data.task(cell, workspace.project.custom), data)
        _require_layers(network, layers)


def _try(cell: Cell, network: nn.Module, task: Task, data: LoadedData) -> None:
    """One loss, its gradient, errors and features, each of the shape that it must have."""
    samples = data.train[:TRIAL_SAMPLES]
    model, own_task = cell.landscape.model.name, cell.landscape.task.name
    dtype = next(network.parameters()).dtype
    outputs = _called(model, "", task.outputs, network, samples, dtype)
    if not isinstance(outputs, Tensor):
        raise CodeError(f"{model} returned {type(outputs).__name__}, not a tensor")
    if not is_own(own_task):
        _require_logits(model, outputs, samples, data)
    name = own_task if is_own(own_task) else model
    loss = _called(name, "its loss ", task.loss, outputs, samples)
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise CodeError(f"{name}: its loss is {shape}, not one number")
    if not loss.requires_grad:
        raise CodeError(f"{name}: its loss does not depend on the network's parameters")
    losses = _called(name, "its losses ", task.losses, outputs, samples)
    errors = _called(name, "its errors ", task.errors, outputs, samples)
    for what, value in (("losses", losses), ("errors", errors)):
        if not isinstance(value, Tensor) or value.ndim != 1:
            raise CodeError(f"{name}: its {what} are not one number a sample")


def _require_logits(model: str, outputs: Tensor, samples: Samples, data: LoadedData) -> None:
    wanted: tuple[int, ...] = (len(samples), data.record.n_classes)
    if data.record.kind != "text" and tuple(outputs.shape) != wanted:
        raise CodeError(
            f"{model} gave an output of shape {tuple(outputs.shape)} for {len(samples)} samples; "
            f"it must be {wanted}: a number for each class"
        )


def _called(name: str, what: str, function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except Exception as error:  # whatever a user's code does
        raise CodeError(f"{name}: {what}failed: {type(error).__name__}: {error}") from error


def _require_layers(network: nn.Module, layers: set[str]) -> None:
    known = [name for name, _ in network.named_modules() if name]
    problems = [
        Problem("measure.similarity.layer", repr(layer), "null, " + ", ".join(known))
        for layer in sorted(layers)
        if layer not in known
    ]
    if problems:
        raise SpecError(problems)
