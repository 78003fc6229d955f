"""CKA against its definition, its invariances, and its error; distance; evaluation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.metrics import (
    evaluate,
    l2_distance,
    linear_cka,
    network_features,
    similarity,
)
from landscape_catalog.models import build
from landscape_catalog.tasks import Classification, Perturbation, Samples


def features(m: int = 50, d: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(m, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_definition(x: Tensor, y: Tensor) -> float:
    """Eq. 3 word by word, with m x m matrices."""
    m = len(x)
    centring = torch.eye(m, dtype=torch.float64) - 1 / m

    def cov(a: Tensor, b: Tensor) -> float:
        return float((a @ a.T @ centring @ b @ b.T @ centring).trace()) / (m - 1) ** 2

    return cov(x, y) / math.sqrt(cov(x, x) * cov(y, y))


def test_the_definition() -> None:
    x, y = features(), features(d=3, seed=1) + features()[:, :3]
    assert linear_cka(x, y) == pytest.approx(by_definition(x, y), rel=1e-12)


@pytest.mark.parametrize(
    ("d", "other_d"),
    [(4, 3), (19, 20), (20, 20), (20, 21), (21, 21), (3, 90), (90, 3), (50, 90)],
)
def test_both_forms_are_the_definition(d: int, other_d: int) -> None:
    """Covariances of features, or, for more features than the 20 samples, Gram matrices."""
    x = features(20, d) + 5
    y = features(20, other_d, seed=1)
    y[:, :3] += x[:, :3]
    assert linear_cka(x, y) == pytest.approx(by_definition(x, y), rel=1e-10)
    assert linear_cka(y, x) == pytest.approx(by_definition(x, y), rel=1e-10)
    # Features that say nothing change the form, and not the number.
    wide = torch.cat([y, torch.full((20, 40), 7.0, dtype=torch.float64)], 1)
    assert linear_cka(x, wide) == pytest.approx(linear_cka(x, y), rel=1e-10)


def test_itself_rotations_and_shifts() -> None:
    x, y = features(), features(seed=1)
    rotation, _ = torch.linalg.qr(features(4, 4, seed=2))
    assert linear_cka(x, x) == pytest.approx(1, abs=1e-12)
    assert linear_cka(x, x @ rotation) == pytest.approx(1, abs=1e-12)
    assert linear_cka(x @ rotation, 7 * y + 3) == pytest.approx(linear_cka(x, y), rel=1e-12)
    assert linear_cka(y, x) == pytest.approx(linear_cka(x, y), rel=1e-12)
    assert 0 <= linear_cka(x, y) < 0.5


def test_a_network_is_like_itself(task: Classification, tiny_data: Samples) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    outputs = network_features(network, tiny_data, task)
    assert outputs.dtype == torch.float64
    torch.testing.assert_close(outputs.sum(1), torch.ones(24, dtype=torch.float64))
    assert similarity(outputs, outputs).cka == pytest.approx(1, abs=1e-12)


def test_an_inner_layer_by_its_name(task: Classification, tiny_data: Samples) -> None:
    network = build("resnet18", width=2, input_shape=(1, 4, 4), n_outputs=3, seed=0).double()
    network(torch.randn(8, 1, 4, 4, dtype=torch.float64))  # statistics that are not 0 and 1
    network.eval()
    with torch.no_grad():
        stem = torch.relu(network.bn1(network.conv1(task.inputs(tiny_data.inputs, torch.float64))))
        expected = {
            "layer1": network.layer1(stem),
            "layer3": network.layer3(network.layer2(network.layer1(stem))),
            "layer2.0.conv1": network.layer2[0].conv1(network.layer1(stem)),
        }
        expected["linear"] = network(task.inputs(tiny_data.inputs, torch.float64))
    network.train()
    for layer, activations in expected.items():
        found = network_features(network, tiny_data, task, layer=layer)
        torch.testing.assert_close(found, activations.flatten(1))
    logits = network_features(network, tiny_data, task, layer="linear")
    outputs = network_features(network, tiny_data, task)
    torch.testing.assert_close(logits.softmax(1), outputs)  # the task's own features


@pytest.mark.parametrize("layer", [None, "layer4"])
def test_samples_keep_their_order_over_batches(
    task: Classification, tiny_data: Samples, layer: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build("resnet18", width=2, input_shape=(1, 4, 4), n_outputs=3, seed=0).double()
    together = network_features(network, tiny_data, task, layer=layer)
    monkeypatch.setattr(Classification, "evaluation_batch", 7)
    torch.testing.assert_close(network_features(network, tiny_data, task, layer=layer), together)


class Twofold(nn.Module):
    """Gives two tensors."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, inputs


class Split(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flat, self.twofold, self.last = nn.Flatten(), Twofold(), nn.Linear(16, 3)
        self.unused = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.twofold(self.flat(inputs))[0])


def test_layers_that_cannot_be_had(task: Classification, tiny_data: Samples) -> None:
    network = Split()
    for layer in ("layer9", ""):
        with pytest.raises(ValueError, match=f"no module `{layer}`; there are flat, twofold, last"):
            network_features(network, tiny_data, task, layer=layer)
    for layer in ("twofold", "unused"):
        with pytest.raises(ValueError, match=f"module `{layer}` gives no tensor"):
            network_features(network, tiny_data, task, layer=layer)
    assert network_features(network, tiny_data, task, layer="flat").shape == (24, 16)
    hooks = [hook for module in network.modules() for hook in module._forward_hooks]
    assert hooks == [], "a network is still watched"


def test_the_standard_error_is_that_of_repetitions() -> None:
    """Jackknife against the spread over independent samples of the same two networks."""
    mix = features(4, 4, seed=9)
    estimates = []
    for seed in range(60):
        x = features(400, 4, seed=100 + seed)
        estimates.append(similarity(x, x @ mix + features(400, 4, seed=900 + seed)))
    values = torch.tensor([estimate.cka for estimate in estimates])
    errors = torch.tensor([estimate.standard_error for estimate in estimates])
    assert float(errors.mean()) == pytest.approx(float(values.std()), rel=0.35)


def test_constant_outputs_have_no_cka() -> None:
    found = similarity(torch.ones(30, 3, dtype=torch.float64), features(30, 3))
    assert math.isnan(found.cka)
    assert found.reason == "the outputs of a network are constant"
    # The mean of 30 equal numbers need not be that number.
    row = features(1, 3).softmax(1).expand(30, 3)
    assert not torch.equal(row.mean(0), row[0]), "rows for which this test means nothing"
    for one, other in ((row, features(30, 3)), (features(30, 40), row), (row, row)):
        assert similarity(one, other).reason == "the outputs of a network are constant"
    broken = similarity(torch.full((30, 3), torch.nan, dtype=torch.float64), features(30, 3))
    assert broken.reason == "outputs are not finite"


def test_sample_counts_that_differ() -> None:
    with pytest.raises(ValueError, match="30 samples on one side, 20"):
        linear_cka(features(30), features(20))


def test_mixup_lies_between_its_partners(task: Classification) -> None:
    images = torch.zeros(10, 1, 2, 2, dtype=torch.uint8)
    images[5:] = 200
    mixed = (
        task.perturb(Samples(images, torch.zeros(10)), Perturbation(samples=4000), seed=0).inputs
        / 200
    )
    flat = mixed.flatten(1)
    assert torch.equal(flat.min(1).values, flat.max(1).values)  # one coefficient for each sample
    inside = flat[(flat[:, 0] > 0) & (flat[:, 0] < 1), 0].double()
    # Half of the pairs mix 0 and 200; Beta(16, 16) has mean 1/2 and variance 1 / (4 * 33).
    assert len(inside) / 4000 == pytest.approx(0.5, abs=0.04)
    assert float(inside.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(inside.var()) == pytest.approx(1 / 132, rel=0.15)


def test_distance() -> None:
    one = {"w": torch.tensor([[3.0, 0.0]]), "bn": torch.tensor([100.0])}
    other = {"w": torch.tensor([[0.0, 4.0]]), "bn": torch.tensor([0.0])}
    found = l2_distance(one, other, ["w"])
    assert (found.l2, found.norm, found.other_norm, found.n) == (5.0, 3.0, 4.0, 2)
    assert l2_distance(one, one, ["w", "bn"]).l2 == 0
    with pytest.raises(ValueError, match="differ"):
        l2_distance(one, {"w": torch.zeros(3)}, ["w"])


def test_evaluation_by_hand(task: Classification) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[1.0], [0.0]]))
    images = torch.tensor([[[[255]]], [[[0]]], [[[255]]]], dtype=torch.uint8)  # 2, -2, 2 normalised
    found = evaluate(network, Samples(images, torch.tensor([0, 0, 1])), task)
    losses = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(2)), math.log(1 + math.exp(2))]
    assert found.loss == pytest.approx(sum(losses) / 3, rel=1e-6)
    assert found.loss_sd == pytest.approx(torch.tensor(losses).std().item(), rel=1e-6)
    assert (found.n_wrong, found.n) == (2, 3)
    assert found.error == pytest.approx(200 / 3)


def test_nan_outputs_are_errors(task: Classification, tiny_data: Samples) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with torch.no_grad():
        network[1].weight.fill_(torch.nan)
    found = evaluate(network, tiny_data, task)
    assert math.isnan(found.loss)
    assert found.n_wrong == 24
