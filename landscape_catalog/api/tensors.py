"""Plain tensors and loss functions as the tasks and samples that metrics are computed from."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from landscape_catalog.tasks import Perturbation, Samples, Task
from landscape_catalog.tasks.task import Network

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Pair: TypeAlias = tuple[Tensor, Tensor]
AGREEMENT = 1e-4  # of a mean loss in float32, relative


class LossTask(Task):
    """A task made of a loss function alone.

    A unit is a sample. Inputs go into the network as they are, floating-point ones in its
    precision. There is no error apart from the loss.

    Args:
        function: called as `function(outputs, targets)`; returns one loss a sample, (n,), or their
            mean, as `torch.nn.functional.cross_entropy` does.
    """

    error_unit = ""
    error_scale = 1.0
    connectivity_by = "loss"
    loss_unit = ""

    def __init__(self, function: LossFunction) -> None:
        self.function = function

    def outputs(self, network: Network, samples: Samples, dtype: torch.dtype) -> Tensor:
        """What the network returns."""
        inputs = samples.inputs.clone()  # a network may write over what it is given
        return network(inputs.to(dtype) if inputs.is_floating_point() else inputs)

    def loss(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """The mean over samples, ()."""
        return self._called(outputs, samples.targets).mean()

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """The loss of each sample, (n,), one at a time where the function returns their mean.

        Raises:
            ValueError: if the loss of the batch is not the mean over its samples.
        """
        found = self._called(outputs, samples.targets)
        if found.ndim == 1:
            return found
        targets = samples.targets
        rows = [slice(i, i + 1) for i in range(len(samples))]
        each = torch.stack([self._called(outputs[row], targets[row]) for row in rows])
        whole, mean = float(found.detach()), float(each.detach().double().mean())
        if math.isfinite(whole) and not math.isclose(whole, mean, rel_tol=AGREEMENT, abs_tol=1e-6):
            raise ValueError(
                f"the loss of {len(samples)} samples is {whole:.6g}, but the mean of their own "
                f"losses is {mean:.6g}: the loss must be a mean over samples, or one value a sample"
            )
        return each

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The losses."""
        return self.losses(outputs, samples)

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The outputs themselves, (n, d)."""
        return outputs.flatten(1)

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        """Refused: a loss function does not say what its inputs are."""
        raise ValueError("a loss function alone does not say how its inputs can be perturbed")

    def _called(self, outputs: Tensor, targets: Tensor) -> Tensor:
        found = self.function(outputs, targets)
        if not isinstance(found, Tensor) or found.shape not in ((), (len(targets),)):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"the loss of {len(targets)} samples is {shape}; it must be a tensor with one "
                "value a sample, or their mean"
            )
        return found


def task_of(loss: LossFunction | Task) -> Task:
    """A task as it is, a loss function as a `LossTask`."""
    return loss if isinstance(loss, Task) else LossTask(loss)


def samples_of(data: Pair | Samples) -> Samples:
    """Samples as they are, a pair (inputs, targets) as samples.

    Raises:
        ValueError: if there is no sample, or inputs and targets are of different length.
    """
    samples = data if isinstance(data, Samples) else Samples(*data)
    if not len(samples):
        raise ValueError("there is no sample")
    return samples


def copied(network: nn.Module) -> nn.Module:
    """A copy whose mode, gradients and statistics may change."""
    return copy.deepcopy(network)


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers by name, detached from the graph."""
    return {name: value.detach() for name, value in network.state_dict().items()}
