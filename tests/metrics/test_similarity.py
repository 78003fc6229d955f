"""Features of networks and their similarity; perturbed samples; evaluation."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.features import centred_features, network_features
from landscape_catalog.metrics.numerics.hsic import centre_features
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Perturbation, Samples, Task


def test_a_network_is_identical_to_itself(task: Classification, tiny_data: Samples) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    outputs = network_features(network, tiny_data, task)
    assert outputs.dtype == torch.float64
    torch.testing.assert_close(outputs.sum(1), torch.ones(24, dtype=torch.float64))
    assert similarity(outputs, outputs).cka == pytest.approx(1, abs=1e-12)


def test_features_of_an_inner_layer(task: Classification, tiny_data: Samples) -> None:
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


def test_large_inputs_are_processed_in_batches_that_fit_the_cache(
    task: Classification, tiny_data: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    together = network_features(network, tiny_data, task)
    sizes: list[int] = []
    network.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    monkeypatch.setattr("landscape_catalog.metrics.numerics.features.CACHED_INPUTS", 16 * 10 + 5)
    torch.testing.assert_close(network_features(network, tiny_data, task), together)
    assert sizes == [10, 10, 4]
    monkeypatch.setattr("landscape_catalog.metrics.numerics.features.CACHED_INPUTS", 1)
    torch.testing.assert_close(network_features(network, tiny_data, task), together)


class Twofold(nn.Module):
    """Outputs two tensors."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, inputs


class Split(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flat, self.twofold, self.last = nn.Flatten(), Twofold(), nn.Linear(16, 3)
        self.unused = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.twofold(self.flat(inputs))[0])


def test_layers_without_features(task: Classification, tiny_data: Samples) -> None:
    network = Split()
    for layer in ("layer9", ""):
        with pytest.raises(ValueError, match=f"no module `{layer}`; there are flat, twofold, last"):
            network_features(network, tiny_data, task, layer=layer)
    for layer in ("twofold", "unused"):
        with pytest.raises(ValueError, match=f"module `{layer}` is not a tensor"):
            network_features(network, tiny_data, task, layer=layer)
    assert network_features(network, tiny_data, task, layer="flat").shape == (24, 16)
    hooks = [hook for module in network.modules() for hook in module._forward_hooks]
    assert hooks == [], "a forward hook was not removed"


@pytest.mark.parametrize("layer", [None, "flat"])
def test_centred_features_equal_plain_matrices(
    task: Classification, tiny_data: Samples, layer: str | None
) -> None:
    networks = [Split().double() for _ in (0, 1)]
    prepared = [centred_features(network, tiny_data, task, layer=layer) for network in networks]
    matrices = [network_features(network, tiny_data, task, layer=layer) for network in networks]
    found = similarity(*prepared)
    plain = dataclasses.replace(found, disagreement=None, differing=None)
    assert plain == similarity(*matrices)
    assert (found.n, found.reason) == (24, None)


def test_disagreement_is_the_share_of_samples_classified_differently(
    task: Classification, tiny_data: Samples
) -> None:
    torch.manual_seed(1)
    networks = [nn.Sequential(nn.Flatten(), nn.Linear(16, 3)) for _ in (0, 1)]
    with torch.no_grad():
        classes = [network(task.inputs(tiny_data.inputs)).argmax(1) for network in networks]
    prepared = [centred_features(network, tiny_data, task) for network in networks]
    expected = sum(a != b for a, b in zip(*(each.tolist() for each in classes))) / 24
    assert 0 < expected < 1
    assert similarity(*prepared).disagreement == pytest.approx(expected)
    assert similarity(prepared[0], prepared[0]).disagreement == 0
    inner = [centred_features(network, tiny_data, task, layer="1") for network in networks]
    assert similarity(*inner).disagreement is None
    assert similarity(prepared[0], inner[1]).disagreement is None


class Numbers(Task):
    """A task without classes."""

    def outputs(self, network: nn.Module, samples: Samples, dtype: torch.dtype) -> Tensor:
        return network(samples.inputs.to(dtype))

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        return outputs.square().sum(1)

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        return outputs.abs().sum(1)

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        return outputs

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        return samples


def test_tasks_without_classes_have_no_disagreement(tiny_data: Samples) -> None:
    one, other = (centred_features(Split().double(), tiny_data, Numbers()) for _ in (0, 1))
    found = similarity(one, other)
    assert 0 < found.cka < 1
    assert found.disagreement is None


def test_disagreement_if_cka_is_undefined(task: Classification, tiny_data: Samples) -> None:
    """Constant outputs still predict a class; outputs that are not finite do not."""
    torch.manual_seed(1)
    network, constant, broken = (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)) for _ in range(3))
    with torch.no_grad():
        constant[1].weight.zero_()
        broken[1].weight.fill_(torch.nan)
    one, constant_features, broken_features = (
        centred_features(each, tiny_data, task) for each in (network, constant, broken)
    )
    found = similarity(one, constant_features)
    assert math.isnan(found.cka)
    assert found.reason == "the outputs of a network are constant"
    assert found.disagreement is not None
    assert 0 < found.disagreement < 1
    for pair in (
        (one, broken_features),
        (broken_features, one),
        (broken_features, broken_features),
        (constant_features, broken_features),
    ):
        found = similarity(*pair)
        assert found.reason == "outputs are not finite"
        assert math.isnan(found.cka)
        assert found.disagreement is not None
        assert math.isnan(found.disagreement)


def test_old_fields_come_first() -> None:
    """The order of the first fields is fixed, for callers that use positions."""
    x = torch.eye(6, dtype=torch.float64)[:, :3]
    names = list(dataclasses.asdict(similarity(centre_features(x), x)))
    assert names[:4] == ["cka", "standard_error", "n", "reason"]


def test_mixup_lies_between_its_partners(task: Classification) -> None:
    images = torch.zeros(10, 1, 2, 2, dtype=torch.uint8)
    images[5:] = 200
    mixed = (
        task.perturb(Samples(images, torch.zeros(10)), Perturbation(samples=4000), seed=0).inputs
        / 200
    )
    flat = mixed.flatten(1)
    assert torch.equal(flat.min(1).values, flat.max(1).values)  # one coefficient per sample
    inside = flat[(flat[:, 0] > 0) & (flat[:, 0] < 1), 0].double()
    # Half of the pairs mix 0 and 200; Beta(16, 16) has mean 1/2 and variance 1 / (4 * 33).
    assert len(inside) / 4000 == pytest.approx(0.5, abs=0.04)
    assert float(inside.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(inside.var()) == pytest.approx(1 / 132, rel=0.15)


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
    assert found.error_value == pytest.approx(200 / 3)


def test_nan_outputs_are_errors(task: Classification, tiny_data: Samples) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with torch.no_grad():
        network[1].weight.fill_(torch.nan)
    found = evaluate(network, tiny_data, task)
    assert math.isnan(found.loss)
    assert found.n_wrong == 24
