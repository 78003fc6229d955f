"""Losses of stacked networks against one call of the task for each network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from landscape_catalog.graphs.stacked.losses import stacked_losses
from landscape_catalog.tasks import Classification, Samples

COUNT, CLASSES, BATCH = 3, 4, 6


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_each_network_has_its_own_losses(smoothing: float) -> None:
    torch.manual_seed(0)
    outputs = torch.randn(COUNT, CLASSES, BATCH, dtype=torch.float64)
    outputs[1, 0, 2] = torch.nan
    targets = torch.randint(CLASSES, (COUNT, BATCH))
    kept = outputs.clone()
    losses, errors, gradient = stacked_losses(
        Classification(), outputs, targets.flatten(), label_smoothing=smoothing
    )
    assert torch.equal(outputs[[0, 2]], kept[[0, 2]])
    assert not losses.requires_grad
    for t in range(COUNT):
        rows = outputs[t].T.clone().requires_grad_()
        batch = Samples(rows, targets[t])
        mean = Classification().loss(rows, batch, label_smoothing=smoothing)
        mean.backward()
        assert rows.grad is not None
        torch.testing.assert_close(losses[t].mean(), mean.detach(), equal_nan=True)
        torch.testing.assert_close(gradient[t].T, rows.grad, equal_nan=True)
        assert torch.equal(errors[t], Classification().errors(rows, batch))
    assert errors[1, 2]


class OneLoss(Classification):
    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        return self.loss(outputs, samples)[None]


def test_tasks_without_a_loss_for_each_sample_are_refused() -> None:
    outputs, targets = torch.randn(COUNT, CLASSES, BATCH), torch.zeros(COUNT * BATCH).long()
    with pytest.raises(ValueError, match="one loss for each sample"):
        stacked_losses(OneLoss(), outputs, targets)
