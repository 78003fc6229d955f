"""What a network says of samples: the features that CKA compares."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.hsic import Prepared, prepare
from landscape_catalog.tasks import Samples, Task

CACHED_INPUTS = 400_000  # numbers in a batch on a CPU: 130 images of 3 x 32 x 32 are 1.6x faster
# (ResNet18 k = 8) than 640, whose activations leave the cache


@torch.no_grad()
def network_features(
    network: nn.Module, data: Samples, task: Task, *, layer: str | None = None
) -> Tensor:
    """Features of each sample in eval mode, (samples, features), in float64 on the CPU.

    Args:
        network: left in eval mode.
        data: perturbed samples.
        task: how the network is called, and what its features are.
        layer: name of an inner module whose output is taken; None takes the task's own features.

    Raises:
        ValueError: if there is no such module, or it gives no single tensor.
    """
    network.eval()
    dtype = next(network.parameters()).dtype
    seen: list[Tensor] = []
    watched: AbstractContextManager[object] = nullcontext()
    if layer is not None:
        modules = dict(network.named_modules())
        if layer not in modules or not layer:
            raise ValueError(f"no module `{layer}`; there are {', '.join(filter(None, modules))}")
        watched = modules[layer].register_forward_hook(lambda _, __, output: seen.append(output))
    rows = []
    size = _batch_size(data, task)
    with watched:
        for start in range(0, len(data), size):
            batch = data[start : start + size]
            outputs = task.outputs(network, batch, dtype)
            if layer is None:
                rows.append(task.features(outputs, batch))
            else:
                rows.append(task.layer_features(_single(seen, layer), batch))
                seen.clear()
    return torch.cat(rows).to("cpu", torch.float64)


def _batch_size(data: Samples, task: Task) -> int:
    """Samples at a time: as many as the task bears and, on a CPU, as the cache does."""
    if data.inputs.device.type != "cpu" or not len(data):
        return task.evaluation_batch
    return min(task.evaluation_batch, max(1, CACHED_INPUTS // max(1, data.inputs[0].numel())))


def _single(seen: list[Tensor], layer: str) -> Tensor:
    if not seen or not isinstance(seen[-1], Tensor):
        raise ValueError(f"module `{layer}` gives no tensor")
    return seen[-1]


def prepared_features(
    network: nn.Module, data: Samples, task: Task, *, layer: str | None = None
) -> Prepared:
    """`network_features` made ready for every pair: one pass over the network, whatever the pairs.

    Where the task's own features are taken and the task has classes, the class that each sample is
    put into is kept, the argmax of its features, so that `similarity` can say how often two
    networks disagree.

    Args:
        network: left in eval mode.
        data: perturbed samples, the same for every network that is compared.
        task: how the network is called, and what its features are.
        layer: name of an inner module whose output is taken; None takes the task's own features.

    Raises:
        ValueError: if there is no such module, or it gives no single tensor, or there is no sample.
    """
    features = network_features(network, data, task, layer=layer)
    has_classes = layer is None and task.has_classes
    return prepare(features, predictions=features.argmax(1) if has_classes else None)
