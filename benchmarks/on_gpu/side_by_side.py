"""Ways of taking SGD steps of several networks in one graph: side by side."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn import functional as F

from benchmarks.on_gpu.engines import TASK, Captured, sgd
from landscape_catalog.graphs.batching import stable_graph
from landscape_catalog.graphs.stacked.losses import stacked_losses
from landscape_catalog.tasks import Samples
from landscape_catalog.training import Recipe
from landscape_catalog.training.samples import GroupSamples
from landscape_catalog.training.stack import Stack


def stacked(nets: list[nn.Module], data: Samples, recipe: Recipe, rows: Tensor) -> Captured:
    """The CPU's engine for networks side by side: batched matrix products of shifted rows."""
    batch = data[: recipe.batch_size]
    graph = stable_graph(copy.deepcopy(nets[0]), batch, TASK, len(batch))
    assert graph is not None
    stack = Stack(
        graph, [(net, recipe) for net in nets], input_shape=data.inputs.shape[1:],
        batch_size=recipe.batch_size,
    )  # fmt: skip
    samples = GroupSamples([(data, TASK)] * len(nets), stack.weights.dtype)
    sums = torch.zeros(len(nets), device=data.inputs.device)

    def step(chosen: Tensor) -> None:
        inputs, targets = samples.batch(chosen)
        losses, _, gradient = stacked_losses(TASK, stack.forward(inputs), targets)
        stack.step(gradient, 1.0)
        sums.add_(losses.mean(dim=1))

    return Captured(step, rows)


class GroupedLinear(nn.Module):
    """Linear layers of T networks: (B, T * in) -> (B, T, out)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().t() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers]))

    def forward(self, values: Tensor) -> Tensor:
        """The outputs of each network on its own features."""
        each = values.view(len(values), len(self.weight), -1).transpose(0, 1)
        return torch.baddbmm(self.bias, each, self.weight).transpose(0, 1)


def grouped_network(nets: Sequence[nn.Module]) -> nn.Module:
    """One network whose convolutions have a group for each of T networks."""
    network = copy.deepcopy(nets[0])
    for name, module in list(network.named_modules()):
        own = [net.get_submodule(name) for net in nets]
        made: nn.Module
        if isinstance(module, nn.Conv2d):
            made = nn.Conv2d(
                len(nets) * module.in_channels, len(nets) * module.out_channels,
                module.kernel_size, module.stride, module.padding, groups=len(nets), bias=False,
            )  # fmt: skip
        elif isinstance(module, nn.BatchNorm2d):
            made = nn.BatchNorm2d(len(nets) * module.num_features)
        elif isinstance(module, nn.Linear):
            network.set_submodule(name, GroupedLinear(own))  # type: ignore[arg-type]
            continue
        else:
            continue
        state = {
            key: torch.cat([one.state_dict()[key] for one in own]) if value.ndim else value
            for key, value in module.state_dict().items()
        }
        made.load_state_dict(state)
        network.set_submodule(name, made.to(next(module.parameters()).device))
    return network.train()


def grouped(
    nets: list[nn.Module], data: Samples, recipe: Recipe, rows: Tensor, *,
    channels_last: bool = False,
) -> Captured:  # fmt: skip
    """One network with grouped convolutions."""
    network, count = grouped_network(nets), len(nets)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    optimizer = sgd(network, recipe)
    sums = torch.zeros((), device=data.inputs.device)

    def step(chosen: Tensor) -> None:
        inputs = TASK.inputs(data.inputs[chosen.flatten()]).unflatten(0, chosen.shape)
        inputs = inputs.transpose(0, 1).flatten(1, 2)  # (B, T * channels, height, width)
        if channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        outputs = network(inputs).transpose(0, 1).flatten(0, 1)
        loss = count * F.cross_entropy(outputs, data.targets[chosen.flatten()])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.add_(loss.detach())

    return Captured(step, rows)


def vmapped(nets: list[nn.Module], data: Samples, recipe: Recipe, rows: Tensor) -> Captured:
    """torch.func's vmap over the networks' weights."""
    params, _ = stack_module_state(nets)
    params = {name: value.detach() for name, value in params.items()}
    velocity = {name: torch.zeros_like(value) for name, value in params.items()}
    base = copy.deepcopy(nets[0]).to("meta")
    for module in base.modules():  # running statistics cannot be updated in place under vmap
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
    names = [name for name, _ in base.named_parameters()]

    def loss(own: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(base, own, (inputs,)), targets)

    derivative = vmap(grad_and_value(loss))
    assert set(names) == set(params)

    def step(chosen: Tensor) -> None:
        inputs = TASK.inputs(data.inputs[chosen.flatten()]).unflatten(0, chosen.shape)
        gradients, _ = derivative(params, inputs, data.targets[chosen])
        for name in names:
            velocity[name].mul_(recipe.momentum).add_(gradients[name])
            velocity[name].add_(params[name], alpha=recipe.weight_decay)
            params[name].add_(velocity[name], alpha=-recipe.lr)

    return Captured(step, rows)
