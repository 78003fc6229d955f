"""The features of samples that CKA compares: a network's outputs, or those of an inner layer."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.hsic import CentredFeatures, centre_features
from landscape_catalog.tasks import Samples, Task

# Input elements per batch on a CPU: with ResNet18 k = 8, batches of 130 images of 3 x 32 x 32 are
# 1.6x faster than batches of 640, whose activations do not fit the cache.
CACHED_INPUTS = 400_000


@torch.no_grad()
def network_features(
    network: nn.Module, data: Samples, task: Task, *, layer: str | None = None
) -> Tensor:
    """Features of each sample in eval mode, (samples, features), in float64 on the CPU.

    Args:
        network: left in eval mode.
        data: perturbed samples.
        task: how the network is called, and what its features are.
        layer: name of an inner module whose output is used; None: the task's own features.

    Raises:
        ValueError: if there is no such module, or if its output is not a single tensor.
    """
    network.eval()
    dtype = next(network.parameters()).dtype
    recorded: list[Tensor] = []
    hook: AbstractContextManager[object] = nullcontext()
    if layer is not None:
        modules = dict(network.named_modules())
        if layer not in modules or not layer:
            raise ValueError(f"no module `{layer}`; there are {', '.join(filter(None, modules))}")
        hook = modules[layer].register_forward_hook(lambda _, __, output: recorded.append(output))
    rows = []
    size = _batch_size(data, task)
    with hook:
        for start in range(0, len(data), size):
            batch = data[start : start + size]
            outputs = task.outputs(network, batch, dtype)
            if layer is None:
                rows.append(task.features(outputs, batch))
            else:
                rows.append(task.layer_features(_single(recorded, layer), batch))
                recorded.clear()
    return torch.cat(rows).cpu().double()


def _batch_size(data: Samples, task: Task) -> int:
    """The task's evaluation batch size, reduced on a CPU to what fits the cache."""
    if data.inputs.device.type != "cpu" or not len(data):
        return task.evaluation_batch
    return min(task.evaluation_batch, max(1, CACHED_INPUTS // max(1, data.inputs[0].numel())))


def _single(recorded: list[Tensor], layer: str) -> Tensor:
    if not recorded or not isinstance(recorded[-1], Tensor):
        raise ValueError(f"the output of module `{layer}` is not a tensor")
    return recorded[-1]


def centred_features(
    network: nn.Module, data: Samples, task: Task, *, layer: str | None = None
) -> CentredFeatures:
    """`network_features`, centred once for comparison with any number of other networks.

    With the task's own features and classes, the predicted classes (argmax of the features) are
    kept, so that `similarity` can compute the disagreement.

    Args:
        network: left in eval mode.
        data: perturbed samples, the same for all networks to compare.
        task: how the network is called, and what its features are.
        layer: name of an inner module whose output is used; None: the task's own features.

    Raises:
        ValueError: if there is no such module, if its output is not a single tensor, or if there
            are no samples.
    """
    features = network_features(network, data, task, layer=layer)
    has_classes = layer is None and task.has_classes
    return centre_features(features, predictions=features.argmax(1) if has_classes else None)
