"""A plain loop of the kind that is usually used to fit curves, as a baseline.

It does what the authors' released code does, but is not copied from it: layers hold all control
points and combine them in every forward pass; curves and values of t are processed one by one. Data
stay in main memory, and each batch is copied to the device of the network.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from landscape_catalog.metrics.numerics.curves.bezier import coefficients
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe, rate_factor
from landscape_catalog.metrics.numerics.parameters import random_weights

State = dict[str, Tensor]


class CurveLayer(nn.Module):
    """A layer with three control points for each of its parameters."""

    def __init__(self, layer: nn.Module, holder: list[tuple[float, ...]]) -> None:
        super().__init__()
        self.layer, self.holder = layer, holder
        self.l2: Tensor | float = 0.0
        self.names = [name for name, _ in layer.named_parameters()]
        for name, value in layer.named_parameters():
            for j in range(3):
                point = nn.Parameter(value.detach().clone(), requires_grad=j == 1)
                self.register_parameter(f"{name}_{j}", point)
        for name in self.names:
            delattr(layer, name)
            layer.register_parameter(name, None)

    def mixed(self) -> dict[str, Tensor]:
        """The parameters at the current t."""
        found = {}
        self.l2 = 0.0
        for name in self.names:
            points = [getattr(self, f"{name}_{j}") for j in range(3)]
            found[name] = sum(c * p for c, p in zip(self.holder[0], points))
            self.l2 = self.l2 + torch.sum(found[name] ** 2)
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's output with the parameters at the current t."""
        values, layer = self.mixed(), self.layer
        weight, bias = values["weight"], values.get("bias")
        if isinstance(layer, nn.Conv2d):
            return F.conv2d(inputs, weight, bias, layer.stride, layer.padding)
        if isinstance(layer, nn.Linear):
            return F.linear(inputs, weight, bias)
        assert isinstance(layer, nn.BatchNorm2d)
        return F.batch_norm(
            inputs, layer.running_mean, layer.running_var, weight, bias,
            self.training, layer.momentum or 0.0, layer.eps,
        )  # fmt: skip


class PlainCurve:
    """A curve between two networks, fitted and evaluated with a plain loop."""

    def __init__(
        self, network: nn.Module, ends: tuple[State, State], recipe: CurveRecipe, seed: int
    ) -> None:
        self.recipe = recipe
        self.holder: list[tuple[float, ...]] = [(1.0, 0.0, 0.0)]
        self.generator = np.random.Generator(np.random.Philox(key=seed))
        self.order = torch.Generator().manual_seed(seed)
        self.network = copy.deepcopy(network)
        self.device = next(network.parameters()).device
        self.train_loss = self.train_error = math.nan  # of the last epoch
        middle = {name: (ends[0][name] + ends[1][name]) / 2 for name in ends[0]}
        if recipe.init == "random":
            middle = random_weights(network, seed=seed)
        self.layers: list[CurveLayer] = []
        for name, module in list(self.network.named_modules()):
            if isinstance(module, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
                parent = self.network.get_submodule(name.rpartition(".")[0])
                layer = CurveLayer(module, self.holder)
                for parameter in layer.names:
                    for j, state in enumerate((ends[0], middle, ends[1])):
                        point = getattr(layer, f"{parameter}_{j}")
                        point.data.copy_(state[f"{name}.{parameter}"])
                setattr(parent, name.rpartition(".")[2], layer)
                self.layers.append(layer)

    def fit(self, inputs: Tensor, labels: Tensor) -> None:
        """SGD with momentum on the middle control point."""
        recipe = self.recipe
        trainable = [value for value in self.network.parameters() if value.requires_grad]
        optimizer = torch.optim.SGD(trainable, lr=recipe.lr, momentum=recipe.momentum)
        loader = self._loader(inputs, labels, shuffle=True)
        self.network.train()
        for epoch in range(recipe.epochs):
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * rate_factor(epoch / recipe.epochs)
            loss_sum = wrong = 0.0
            for batch, targets in self._on_device(loader):
                self.holder[0] = coefficients(self.generator.uniform())
                outputs = self.network(batch)
                loss = F.cross_entropy(outputs, targets)
                loss = loss + 0.5 * recipe.weight_decay * sum(layer.l2 for layer in self.layers)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss_sum += loss.item() * len(batch)
                wrong += (outputs.argmax(1) != targets).sum().item()
            seen = len(loader) * recipe.batch_size
            self.train_loss, self.train_error = loss_sum / seen, 100 * wrong / seen

    @torch.no_grad()
    def evaluate(
        self, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], points: int = 5
    ) -> list[tuple[float, float, float, float]]:
        """Loss and error in percent on training and test samples at each t."""
        found = []
        for t in np.linspace(0, 1, points):
            self.holder[0] = coefficients(float(t))
            self._statistics(*train)
            found.append((*self._passes(*train), *self._passes(*test)))
        return found

    def _statistics(self, inputs: Tensor, labels: Tensor) -> None:
        norms = [x.layer for x in self.layers if isinstance(x.layer, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
        self.network.train()
        batches = self._on_device(self._loader(inputs, labels, shuffle=True))
        for number, (batch, _) in enumerate(batches, start=1):
            for norm in norms:
                norm.momentum = 1 / number
            self.network(batch)

    def _passes(self, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
        self.network.eval()
        loss = wrong = 0.0
        for batch, targets in self._on_device(self._loader(inputs, labels, shuffle=False)):
            outputs = self.network(batch)
            loss += F.cross_entropy(outputs, targets).item() * len(batch)
            wrong += (outputs.argmax(1) != targets).sum().item()
        return loss / len(inputs), 100 * wrong / len(inputs)

    def _loader(self, inputs: Tensor, labels: Tensor, *, shuffle: bool) -> DataLoader:
        return DataLoader(
            TensorDataset(inputs, labels), self.recipe.batch_size, shuffle=shuffle,
            drop_last=shuffle, generator=self.order,
        )  # fmt: skip

    def _on_device(self, loader: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
        for batch, targets in loader:
            yield batch.to(self.device), targets.to(self.device)
