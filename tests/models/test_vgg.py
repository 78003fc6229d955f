"""VGG11(k): torchvision's layout at k = 64, known parameter counts, and its limits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landscape_catalog.models.vgg import vgg11


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("width", "batch_norm", "count"),
    [(2, True, 9_482), (64, True, 9_231_114), (2, False, 9_310), (64, False, 9_225_610)],
)
def test_parameter_counts(width: int, batch_norm: bool, count: int) -> None:
    assert n_parameters(vgg11(width=width, batch_norm=batch_norm)) == count


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_same_function_as_torchvision(batch_norm: bool) -> None:
    torchvision = pytest.importorskip("torchvision.models")
    reference = torchvision.vgg11_bn() if batch_norm else torchvision.vgg11()
    ours = vgg11(width=64, batch_norm=batch_norm)
    expected = {name: value.shape for name, value in reference.features.state_dict().items()}
    assert {name: v.shape for name, v in ours.features.state_dict().items()} == expected
    ours.features.load_state_dict(reference.features.state_dict())
    for training in (True, False):
        ours.train(training), reference.train(training)
        batch = images(4, 3, 32, 64)
        torch.testing.assert_close(
            ours.features(batch), reference.features(batch), rtol=0, atol=1e-5
        )


def test_the_features_are_averaged_and_passed_to_one_linear_layer() -> None:
    network = vgg11(width=2, num_classes=7, batch_norm=True).eval()
    batch = images(3, 3, 64, 96)
    features = network.features(batch)
    assert features.shape == (3, 16, 2, 3)
    expected = features.mean(dim=(2, 3)) @ network.linear.weight.T + network.linear.bias
    torch.testing.assert_close(network(batch), expected)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize(("channels", "size"), [(1, (32, 32)), (3, (33, 71)), (2, (64, 32))])
def test_any_channels_and_any_larger_image(
    channels: int, size: tuple[int, int], batch_norm: bool
) -> None:
    network = vgg11(width=1, in_channels=channels, num_classes=7, batch_norm=batch_norm).eval()
    assert network(torch.zeros(2, channels, *size)).shape == (2, 7)


@pytest.mark.parametrize("size", [(8, 8), (31, 32), (32, 31)])
def test_small_images(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"at least 32 x 32, got {size[0]} x {size[1]}"):
        vgg11(width=1, batch_norm=True)(torch.zeros(2, 3, *size))


def test_bad_sizes() -> None:
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        vgg11(width=0, batch_norm=True)
    with pytest.raises(ValueError, match="in_channels must be at least 1, got 0"):
        vgg11(width=1, in_channels=0, batch_norm=True)
    with pytest.raises(ValueError, match="num_classes must be at least 1, got -1"):
        vgg11(width=1, num_classes=-1, batch_norm=True)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_initial_logits_depend_on_the_images(batch_norm: bool) -> None:
    """With torch's default initialisation and no batch norm this is 1e-4, and training fails."""
    torch.manual_seed(0)
    logits = vgg11(width=8, batch_norm=batch_norm)(images(32, 3, 32, 32))
    assert 0.03 < logits.std(0).mean().item() < 3
