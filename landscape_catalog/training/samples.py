"""The batches of networks side by side, each from its own data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from landscape_catalog.tasks import Samples
from landscape_catalog.tasks.classification import Classification


class GroupSamples:
    """The training samples of T networks; data that several share are held once.

    Args:
        data: samples and task of each network; all of equal shape.
        dtype: of the networks.
    """

    def __init__(self, data: Sequence[tuple[Samples, Classification]], dtype: torch.dtype) -> None:
        distinct = {id(samples): samples for samples, _ in data}
        offsets = dict(zip(distinct, range(0, len(distinct) * len(data[0][0]), len(data[0][0]))))
        parts = list(distinct.values())
        alone = len(parts) == 1
        self._inputs = parts[0].inputs if alone else torch.cat([p.inputs for p in parts])
        self._targets = parts[0].targets if alone else torch.cat([p.targets for p in parts])
        device = self._inputs.device
        self._offsets = torch.tensor([offsets[id(samples)] for samples, _ in data], device=device)
        self._dtype = dtype
        self._moments = self._stacked_moments([task for _, task in data])

    def _stacked_moments(self, tasks: Sequence[Classification]) -> tuple[Tensor, Tensor] | None:
        """Mean and standard deviation of each network's channels, (T, 1, channels, 1, 1)."""
        if not tasks[0].mean:
            return None
        kinds = [[task.mean for task in tasks], [task.std for task in tasks]]
        mean, std = (
            torch.tensor(kind, dtype=self._dtype, device=self._inputs.device) for kind in kinds
        )
        return mean[:, None, :, None, None], std[:, None, :, None, None]

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The networks' normalised inputs and their targets.

        Args:
            rows: (T, B), each network's samples.

        Returns:
            Inputs, (T, B, ...), and targets, (T * B,).
        """
        places = (rows + self._offsets[:, None]).flatten()
        inputs = self._inputs[places].unflatten(0, rows.shape).to(self._dtype)
        if self._moments is not None:
            mean, std = self._moments
            inputs = inputs.div_(255).sub_(mean).div_(std)
        return inputs, self._targets[places]
