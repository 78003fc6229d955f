"""VGG11 of any width, for images of at least 32 x 32 with any number of channels."""

from __future__ import annotations

from torch import Tensor, nn

from landscape_catalog.models.registry import NETWORKS
from landscape_catalog.models.sizes import require_positive

# Channels of the eight convolutions in units of k; convolutions followed by a max-pool.
MULTIPLES = (1, 2, 4, 4, 8, 8, 8, 8)
POOLED = (1, 2, 4, 6, 8)
DECLARED = NETWORKS["vgg11"]


class VGG11(nn.Module):
    """VGG11 with convolutions of k, 2k, 4k, 4k, 8k, 8k, 8k, 8k channels, in its CIFAR form.

    Each convolution is 3 x 3 with padding 1 and a bias, followed by batch norm (if `batch_norm`)
    and ReLU; five of them are followed by a 2 x 2 max-pool. The remaining positions (a single one
    for 32 x 32 images) are averaged and passed to one linear layer; there is no dropout. `features`
    has the layout, and hence the parameter names, of torchvision's `vgg11` and `vgg11_bn`.

    `batch_norm` normalises each channel over the batch before the ReLU, which makes the loss
    invariant to the scale of a convolution and, in training mode, to its bias. It is not part of
    the original (Simonyan & Zisserman 2015) but of the usual CIFAR form, and most likely of the
    paper's networks: the authors' first release (nsfzyzz/loss_landscape_taxonomy) builds
    `VGG("VGG11", width=...)` without the file that defines it, and the `VGG` of their earlier
    nsfzyzz/boundary_thickness has batch norm after each convolution and one linear layer. So True
    is the default, and used by the paper's presets. False requires smaller learning rates.

    Weights have torch's default initialisation (uniform within 1 / sqrt(fan-in)), except that
    without batch norm convolutions have He's normal initialisation (variance 2 / fan-in) with zero
    bias: torch's default would attenuate the signal a thousandfold, and training would not start.

    Args:
        width: k, the number of channels of the first convolution.
        in_channels: channels of the images.
        num_classes: number of outputs.
        batch_norm: whether batch norm follows each convolution.

    Source: Simonyan & Zisserman 2015, configuration A; Yang et al. 2021, appendices B.2 and D.2.
    With 3 channels, 10 classes and batch norm it has 9,482 parameters at k = 2 and 9,231,114 at
    k = 64.
    """

    def __init__(self, *, width: int, in_channels: int, num_classes: int, batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = in_channels
        for number, multiple in enumerate(MULTIPLES, start=1):
            after = multiple * width
            layers += _block(before, after, batch_norm=batch_norm)
            if number in POOLED:
                layers.append(nn.MaxPool2d(2))
            before = after
        self.features = nn.Sequential(*layers)
        self.linear = nn.Linear(before, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(samples, in_channels, h, w) -> logits (samples, num_classes).

        Raises:
            ValueError: for images below 32 x 32, which cannot be halved five times.
        """
        height, width = images.shape[-2:]
        least = DECLARED.smallest_image
        if min(height, width) < least:
            raise ValueError(
                f"{DECLARED.name} {DECLARED.why_smallest}: images must be at least "
                f"{least} x {least}, got {height} x {width}"
            )
        return self.linear(self.features(images).mean(dim=(2, 3)))


def _block(before: int, after: int, *, batch_norm: bool) -> list[nn.Module]:
    """A convolution, batch norm if enabled, and ReLU."""
    convolution = nn.Conv2d(before, after, 3, padding=1)
    if batch_norm:
        return [convolution, nn.BatchNorm2d(after), nn.ReLU()]
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    return [convolution, nn.ReLU()]


def vgg11(*, width: int, in_channels: int = 3, num_classes: int = 10, batch_norm: bool) -> VGG11:
    """Build a `VGG11`; raises ValueError for a width, channel or class count below one.

    >>> sum(p.numel() for p in vgg11(width=2, batch_norm=True).parameters())
    9482
    """
    require_positive(width=width, in_channels=in_channels, num_classes=num_classes)
    return VGG11(
        width=width, in_channels=in_channels, num_classes=num_classes, batch_norm=batch_norm
    )
