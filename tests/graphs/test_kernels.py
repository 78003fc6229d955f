"""The kernels for small networks against torch's, on the CPU; batch norm in Triton's interpreter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.graphs.kernels import mode
from landscape_catalog.graphs.kernels.convolution import (
    LARGEST_PART,
    SMALLEST_PART,
    _number_of_parts,
    convolution,
)
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from tests.graphs.interpreter import in_tritons_interpreter

TASK = Classification((0.5,) * 3, (0.25,) * 3)
# in, out, kernel, stride, padding, image, samples
SHAPES = [
    (3, 4, 3, 1, 1, 8, 6), (4, 6, 3, 2, 1, 9, 5), (4, 6, 1, 2, 0, 8, 3), (2, 2, 3, 1, 1, 5, 1),
    (1, 1, 5, 3, 2, 7, 2), (2, 3, 3, 1, 0, 3, 4),
]  # fmt: skip


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_derivatives_of_convolutions(shape: tuple[int, ...]) -> None:
    inputs, outputs, size, stride, padding, image, samples = shape
    x = drawn(samples, inputs, image, image).requires_grad_()
    w = drawn(outputs, inputs, size, size, seed=1).requires_grad_()

    def ours(x: Tensor, w: Tensor) -> Tensor:
        return convolution(x, w, stride=(stride, stride), padding=(padding, padding))

    def torchs(x: Tensor, w: Tensor) -> Tensor:
        return F.conv2d(x, w, stride=stride, padding=padding)

    torch.testing.assert_close(ours(x, w), torchs(x, w))
    cotangent = torch.randn_like(torchs(x, w))
    first = [torch.autograd.grad(f(x, w), (x, w), cotangent) for f in (ours, torchs)]
    torch.testing.assert_close(*first)
    few = x[:2].detach().requires_grad_()
    assert torch.autograd.gradgradcheck(ours, (few, w))


def test_sums_are_cut_into_equal_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from landscape_catalog.graphs.kernels import convolution as module

    x, w = drawn(4, 2, 6, 6), drawn(3, 2, 3, 3, seed=1).requires_grad_()
    found = []
    monkeypatch.setattr(module, "SMALLEST_PART", 1)
    for largest in (10**6, 36, 7):
        monkeypatch.setattr(module, "LARGEST_PART", largest)
        loss = convolution(x, w, stride=(1, 1), padding=(1, 1)).sin().sum()
        found.append(torch.autograd.grad(loss, w)[0])
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


@given(st.integers(1, 2**23))
def test_parts_cover_the_total(total: int) -> None:
    """They are equal, and as long as `LARGEST_PART` allows wherever there are such parts."""
    parts = _number_of_parts(total)
    assert total % parts == 0
    lengths = [n for n in range(SMALLEST_PART, LARGEST_PART + 1) if total % n == 0]
    assert total // parts == max(lengths, default=total)


@given(st.integers(1, 2**13), st.sampled_from([4, 8, 16, 32, 64]))
def test_no_batch_of_images_is_summed_in_one_part(samples: int, side: int) -> None:
    total = samples * side**2
    assert total // _number_of_parts(total) <= LARGEST_PART or total % 32


def test_parts_of_batches_that_were_measured_on_a_card() -> None:
    assert [_number_of_parts(batch * 32**2) for batch in (128, 512, 1024)] == [64, 256, 512]
    assert [_number_of_parts(batch * 32**2) for batch in (2048, 4096)] == [1024, 2048]
    assert _number_of_parts(48 * 224**2) <= 48 * 224**2 // 1024


def test_gradients_of_large_batches_are_exact() -> None:
    """2^21 values in float32; summed up in one product, they would be wrong by 1e-5."""
    x, gradient = drawn(2048, 1, 32, 32).float(), drawn(2048, 2, 32, 32, seed=1).float()
    w = torch.zeros(2, 1, 3, 3, requires_grad=True)
    y = convolution(x, w, stride=(1, 1), padding=(1, 1))
    (found,) = torch.autograd.grad(y, w, gradient)
    w = torch.zeros(2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    y = F.conv2d(x.double(), w, padding=1)
    (right,) = torch.autograd.grad(y, w, gradient.double())
    assert float((found - right).norm() / right.norm()) < 2e-6


@pytest.fixture
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mode, "DEVICES", ("cpu",))


def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    real = mode.convolution

    def counted(inputs: Tensor, weight: Tensor, **options: Any) -> Tensor:
        found.append(tuple(weight.shape))
        return real(inputs, weight, **options)

    monkeypatch.setattr(mode, "convolution", counted)
    return found


@pytest.mark.usefixtures("on_the_cpu")
def test_networks_need_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calls(monkeypatch)
    network = build("resnet18", width=2, input_shape=(3, 8, 8), n_outputs=10, seed=0).double()
    x = drawn(4, 3, 8, 8)
    parameters = list(network.parameters())
    expected = torch.autograd.grad(network(x).sin().sum(), parameters)
    assert not seen
    with mode._Kernels(None):
        found = torch.autograd.grad(network(x).sin().sum(), parameters)
    assert len(seen) == sum(isinstance(m, nn.Conv2d) for m in network.modules()) == 20
    torch.testing.assert_close(found, expected)


@pytest.mark.usefixtures("on_the_cpu")
def test_hessian_products(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build("vgg11", width=2, input_shape=(3, 32, 32), n_outputs=10, seed=0).double()
    images = (drawn(4, 3, 32, 32).abs() * 100).clamp(max=255).to(torch.uint8)
    data = Samples(images, torch.arange(4))
    hessian = BatchHessian(network, data, TASK)
    vector = drawn(hessian.size, seed=2)
    expected = hessian(vector)
    seen = calls(monkeypatch)
    with mode._Kernels(None):
        found = BatchHessian(network, data, TASK)(vector)
    assert seen
    torch.testing.assert_close(found, expected)


LEFT_TO_TORCH = {
    "groups": lambda x: F.conv2d(x, torch.ones(4, 1, 3, 3), groups=4),
    "dilation": lambda x: F.conv2d(x, torch.ones(4, 4, 3, 3), dilation=2),
    "padding by name": lambda x: F.conv2d(x, torch.ones(4, 4, 3, 3), padding="same"),
    "one image": lambda x: F.conv2d(x[0], torch.ones(4, 4, 3, 3)),
    "no images": lambda x: F.conv2d(x[:0], torch.ones(4, 4, 3, 3)),
    "keywords": lambda x: F.conv2d(x, torch.ones(4, 4, 3, 3), stride=2),
    "many channels": lambda x: F.conv2d(x.repeat(1, 17, 1, 1), torch.ones(1, 68, 3, 3)),
    "transposed": lambda x: F.conv_transpose2d(x, torch.ones(4, 4, 3, 3)),
}  # fmt: skip


@pytest.mark.usefixtures("on_the_cpu")
@pytest.mark.parametrize("name", LEFT_TO_TORCH)
def test_what_is_left_to_torch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call, x = LEFT_TO_TORCH[name], drawn(2, 4, 8, 8).float()
    expected, seen = call(x), calls(monkeypatch)
    with mode._Kernels(None):
        assert torch.equal(call(x), expected)
    assert seen == []


def test_nothing_is_intercepted_on_a_cpu() -> None:
    with mode.small_network_kernels(torch.device("cpu")) as context:
        assert context is None


BATCH_NORM = """
import torch
from torch.nn import functional as F
from landscape_catalog.graphs.kernels import batchnorm
from landscape_catalog.graphs.kernels.batchnorm import batch_norm

def error(found, right):
    return float((found.detach().double() - right.detach()).norm() / right.detach().norm())

torch.manual_seed(0)
for block in (2048, 64):
    batchnorm.BLOCK = block
    for shape in [(16, 2, 16, 16), (5, 3, 7, 5), (64, 4, 8, 8), (3, 1, 2, 2), (33, 5)]:
        x = (3 * torch.randn(shape) + 100).requires_grad_()
        w, b = torch.rand(shape[1]).requires_grad_(), torch.randn(shape[1]).requires_grad_()
        mean, variance, g = torch.zeros(shape[1]), torch.ones(shape[1]), torch.randn(shape)
        y = batch_norm(x, w, b, mean, variance, momentum=0.1, epsilon=1e-5)
        found = [y, mean, variance, *torch.autograd.grad(y, (x, w, b), g)]
        x, w, b = (t.detach().double().requires_grad_() for t in (x, w, b))
        mean, variance = torch.zeros_like(w), torch.ones_like(w)
        y = F.batch_norm(x, mean.detach(), variance.detach(), w, b, True, 0.1, 1e-5)
        right = [y, mean, variance, *torch.autograd.grad(y, (x, w, b), g.double())]
        errors = [error(one, other) for one, other in zip(found, right)]
        assert max(errors) < 2e-5, (block, shape, errors)
print("compared")
"""


@pytest.mark.slow
def test_batch_norm_in_tritons_interpreter() -> None:
    """float32 against torch in float64, where the mean is 33 times the standard deviation."""
    done = in_tritons_interpreter(BATCH_NORM)
    assert done.stdout == "compared\n", done.stderr


# shape, dtype, and whether batch norm here computes with it
COVERED = [
    ((2, 3), torch.float32, True),
    ((1, 3, 1, 2), torch.float32, True),
    ((4, 3, 5), torch.float32, True),
    ((2, 3, 2, 2, 2), torch.float32, True),
    ((1, 3), torch.float32, False),
    ((1, 3, 1, 1), torch.float32, False),
    ((0, 3, 4, 4), torch.float32, False),
    ((4, 0, 4, 4), torch.float32, False),
    ((4,), torch.float32, False),
    ((2, 3, 4, 4), torch.float64, False),
    ((2, 3, 4, 4), torch.bfloat16, False),
    ((2**16, 1, 32, 32), torch.float32, True),
    ((2**17, 1, 32, 32), torch.float32, False),
    ((2**15, 63, 32, 32), torch.float32, True),
    ((2**15, 64, 32, 32), torch.float32, False),
]


@pytest.mark.parametrize(("shape", "dtype", "expected"), COVERED, ids=str)
def test_what_batch_norm_covers(shape: tuple[int, ...], dtype: torch.dtype, expected: bool) -> None:
    """A variance needs two values, and addresses have 32 bits; everything else is left to torch."""
    pytest.importorskip("triton", reason="Triton comes with torch on Linux only")
    from landscape_catalog.graphs.kernels.batchnorm import covers

    assert covers(torch.empty(shape, dtype=dtype, device="meta")) == expected


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("missing", ["weight", "statistics", "nothing"])
def test_which_batch_norms_are_left_to_torch(
    training: bool, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mode, "DEVICES", ("cpu",))
    seen = []
    kernels = SimpleNamespace(
        covers=lambda inputs: True, batch_norm=lambda inputs, *_, **__: seen.append(1) or inputs
    )
    norm = nn.BatchNorm2d(
        4, affine=missing != "weight", track_running_stats=missing != "statistics"
    ).train(training)
    with mode._Kernels(kernels):
        norm(torch.ones(2, 4, 3, 3))
    assert len(seen) == (training and missing == "nothing")


@pytest.mark.usefixtures("on_the_cpu")
def test_other_dimensions_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calls(monkeypatch)
    with mode._Kernels(None):
        for layer, dimensions in ((nn.Conv1d, 1), (nn.Conv3d, 3)):
            layer(4, 4, 3)(torch.ones(2, 4, *[5] * dimensions))
    assert seen == []


def test_patches_of_some_samples_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as fit; their gradients are added up."""
    from landscape_catalog.graphs.kernels import convolution as module

    x, w = drawn(7, 2, 6, 6), drawn(3, 2, 3, 3, seed=1).requires_grad_()
    of_a_sample, largest, found = 2 * 9 * 6 * 6, [], []
    real = module._patches

    def patches(inputs: Tensor, window: Any) -> Tensor:
        largest.append(len(inputs))
        return real(inputs, window)

    monkeypatch.setattr(module, "_patches", patches)
    for limit, expected in ((7, [7]), (3, [3, 3, 1]), (0.5, [1] * 7)):
        monkeypatch.setattr(module, "LARGEST_PATCHES", int(limit * of_a_sample))
        largest.clear()
        loss = convolution(x, w, stride=(1, 1), padding=(1, 1)).sin().sum()
        found.append(torch.autograd.grad(loss, w)[0])
        assert largest == expected
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])
