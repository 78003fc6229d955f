"""Converts plain tensors and loss functions to the samples and tasks that metrics need."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from landscape_catalog.models.float64 import in_float64
from landscape_catalog.tasks import Perturbation, Samples, Task
from landscape_catalog.tasks.task import Network

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Pair: TypeAlias = tuple[Tensor, Tensor]
AGREEMENT = 1e-4  # relative tolerance when comparing means of losses in float32


class LossTask(Task):
    """A task that consists of a loss function only.

    A unit is a sample. Inputs are passed to the network unchanged, except that floating-point
    inputs are converted to its precision. The error is the loss.

    Args:
        function: called as `function(outputs, targets)`; returns the loss of each sample, (n,), or
            their mean, as `torch.nn.functional.cross_entropy` does.
    """

    error_unit = ""
    error_scale = 1.0
    connectivity_by = "loss"
    loss_unit = ""

    def __init__(self, function: LossFunction) -> None:
        self.function = function

    def outputs(self, network: Network, samples: Samples, dtype: torch.dtype) -> Tensor:
        """The network's outputs."""
        inputs = samples.inputs.clone()  # a network may modify its inputs in place
        return network(inputs.to(dtype) if inputs.is_floating_point() else inputs)

    def loss(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """The mean over samples, ()."""
        return self._called(outputs, samples.targets).mean()

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """The loss of each sample, (n,); computed one by one if the function returns their mean.

        Raises:
            ValueError: if the loss of the batch is not the mean over its samples.
            TypeError: if the function returns their mean, and the outputs are not a tensor, of
                which single samples could be taken.
        """
        found = self._called(outputs, samples.targets)
        if found.ndim == 1:
            return found
        if not isinstance(outputs, Tensor):
            raise TypeError(
                f"the outputs of the network are a {type(outputs).__name__}, not a tensor, so the "
                "losses of single samples cannot be computed: return the loss of each sample"
            )
        targets = samples.targets
        rows = [slice(i, i + 1) for i in range(len(samples))]
        each = torch.stack([self._called(outputs[row], targets[row]) for row in rows])
        whole, mean = float(found.detach()), float(in_float64(each.detach()).mean())
        if math.isfinite(whole) and not math.isclose(whole, mean, rel_tol=AGREEMENT, abs_tol=1e-6):
            raise ValueError(
                f"the loss of {len(samples)} samples is {whole:.6g}, but the mean of their single "
                f"losses is {mean:.6g}: the loss must be one value per sample, or their mean"
            )
        return each

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The losses."""
        return self.losses(outputs, samples)

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The outputs themselves, (n, d).

        Raises:
            TypeError: if the outputs are not a tensor.
        """
        if not isinstance(outputs, Tensor):
            raise TypeError(
                f"the outputs of the network are a {type(outputs).__name__}, not a tensor: name a "
                "`layer` whose output is one, or pass features"
            )
        return outputs.flatten(1)

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        """Not supported: a loss function does not determine how to perturb inputs."""
        raise ValueError("a loss function alone does not determine how to perturb inputs")

    def _called(self, outputs: Tensor, targets: Tensor) -> Tensor:
        found = self.function(outputs, targets)
        if not isinstance(found, Tensor) or found.shape not in ((), (len(targets),)):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"the loss of {len(targets)} samples is {shape}; it must be a tensor with one "
                "value per sample, or their mean"
            )
        return found


def task_of(loss: LossFunction | Task) -> Task:
    """A `Task` unchanged; a loss function as a `LossTask`.

    Raises:
        TypeError: if it is neither, or a class instead of an instance of it.
    """
    if isinstance(loss, Task):
        return loss
    if isinstance(loss, type) or not callable(loss):
        given = f"the class {loss.__name__}" if isinstance(loss, type) else repr(loss)
        raise TypeError(f"loss: got {given}; allowed: a function loss(outputs, targets), or a Task")
    return LossTask(loss)


def samples_of(data: Pair | Samples, name: str = "data") -> Samples:
    """`Samples` unchanged; a pair (inputs, targets) as `Samples`.

    Args:
        data: the argument.
        name: of the argument.

    Raises:
        TypeError: if it is neither, or if the inputs or targets are not tensors.
        ValueError: if there are no samples, or inputs and targets differ in length.
    """
    if isinstance(data, Samples):
        pair = [data.inputs, data.targets]
    elif isinstance(data, (tuple, list)):
        pair = list(data)
    else:
        pair = [data]
    if len(pair) != 2 or not all(isinstance(part, Tensor) for part in pair):
        given = ", ".join(type(part).__name__ for part in pair)
        raise TypeError(
            f"{name}: got {given}; allowed: a pair (inputs, targets) of tensors, or Samples"
        )
    if any(part.ndim == 0 for part in pair):
        raise ValueError(f"{name}: got a tensor without dimensions; allowed: one row per sample")
    samples = data if isinstance(data, Samples) else Samples(*pair)
    if not len(samples):
        raise ValueError(f"{name}: there are no samples")
    return samples


def check_network(**networks: nn.Module) -> None:
    """Require networks with parameters, given by the names of the arguments.

    Raises:
        TypeError: if one is not a torch module.
        ValueError: if one has no parameters.
    """
    for argument, network in networks.items():
        if not isinstance(network, nn.Module):
            given = type(network).__name__
            raise TypeError(f"{argument}: got {given}; allowed: a network, a torch.nn.Module")
        if next(network.parameters(), None) is None:
            given = type(network).__name__
            raise ValueError(f"{argument}: got {given}, which has no parameters")


def check_precision(**networks: nn.Module) -> None:
    """Require networks in single or double precision, in which losses are compared and summed.

    Raises:
        TypeError: if a floating-point parameter is of another type, or as for `check_network`.
        ValueError: as for `check_network`.
    """
    check_network(**networks)
    for argument, network in networks.items():
        for name, value in network.named_parameters():
            inexact = value.is_floating_point() or value.is_complex()
            if inexact and value.dtype not in (torch.float32, torch.float64):
                raise TypeError(
                    f"{argument}: got {value.dtype} for the parameter {name}; allowed: "
                    "torch.float32 or torch.float64 (convert a copy with `.float()`)"
                )


def check_trainable(network: nn.Module) -> None:
    """Require a parameter that is not frozen.

    Raises:
        ValueError: if there is none.
    """
    if not any(value.requires_grad for value in network.parameters()):
        raise ValueError(
            "the network has no trainable parameters, which span its loss landscape: set "
            "`requires_grad` of at least one"
        )


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers by name, detached from the graph."""
    return {name: value.detach() for name, value in network.state_dict().items()}
