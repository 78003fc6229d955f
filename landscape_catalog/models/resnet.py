"""ResNet18 of any width, for images of any size and number of channels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.models.sizes import require_positive


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm, added to a shortcut (He et al. 2016)."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """(samples, in_channels, h, w) -> (samples, channels, h / stride, w / stride)."""
        hidden = F.relu(self.bn1(self.conv1(inputs)))
        hidden = self.bn2(self.conv2(hidden))
        return F.relu(hidden + self.shortcut(inputs))


class ResNet18(nn.Module):
    """ResNet18 with blocks of k, 2k, 4k, 8k channels, as in the paper's standard setting.

    The stem is one 3 x 3 convolution without max-pool (the CIFAR form), and the linear layer
    follows global average pooling, so images may have any size.

    Args:
        width: k, the number of channels of the first stage.
        in_channels: channels of the images.
        num_classes: number of outputs.

    Source: He et al. 2016; Yang et al. 2021, section 3 and appendix B.2. At k = 2 and k = 64 with
    3 channels and 10 classes it has 11,420 and 11,173,962 parameters.
    """

    def __init__(self, *, width: int, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._stage(width, width, stride=1)
        self.layer2 = self._stage(width, 2 * width, stride=2)
        self.layer3 = self._stage(2 * width, 4 * width, stride=2)
        self.layer4 = self._stage(4 * width, 8 * width, stride=2)
        self.linear = nn.Linear(8 * width, num_classes)

    @staticmethod
    def _stage(in_channels: int, channels: int, *, stride: int) -> nn.Sequential:
        return nn.Sequential(
            BasicBlock(in_channels, channels, stride), BasicBlock(channels, channels, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        """(samples, in_channels, h, w) -> logits (samples, num_classes)."""
        hidden = F.relu(self.bn1(self.conv1(images)))
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        return self.linear(hidden.mean(dim=(2, 3)))


def resnet18(*, width: int, in_channels: int = 3, num_classes: int = 10) -> ResNet18:
    """Build a `ResNet18`; raises ValueError for a width, channel or class count below one.

    >>> sum(p.numel() for p in resnet18(width=2).parameters())
    11420
    """
    require_positive(width=width, in_channels=in_channels, num_classes=num_classes)
    return ResNet18(width=width, in_channels=in_channels, num_classes=num_classes)
