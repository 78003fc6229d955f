"""Figures 14 to 23: other data, networks, temperatures and training procedures."""

from __future__ import annotations

from landscape_catalog.presets.blocks import (
    BATCH_SIZES,
    RATES,
    WIDTHS,
)
from landscape_catalog.presets.grids import (
    WIDE_STEPS,
    images,
    rates,
    translation,
)
from landscape_catalog.presets.preset import Preset

VGG_CHOICE = (
    "The paper does not give the widths: powers of two from 2 to 128 are used. With batch norm, as "
    "in the authors' earlier code; this paper's repository does not contain its VGG. The classifier "
    "is one linear layer."
)
TRANSLATION_CHOICE = (
    "The paper gives neither the embedding dimensions nor the batch sizes: powers of two from 8 to "
    "512, and from 16 to 512 sentences, are used. It does not give the learning rate either: 5e-4 "
    "at the end of 4,000 updates of warm-up, as is usual for this dataset. Byte-pair vocabulary of "
    "8,000, with one embedding shared by source, target and output. Mixup is not defined for text: "
    "CKA uses sentences with a tenth of the tokens replaced. Curves are fitted with the learning "
    "rate for images. `small` and `smoke` translate number words."
)

APPENDIX: tuple[Preset, ...] = (
    Preset(
        name="fig14-svhn",
        title="SVHN",
        reproduces="Figure 14: Figure 2 on SVHN, at a lower resolution.",
        expect="As Figure 2, but the trace is smallest for small batches, where accuracy is not "
        "best: connectivity and CKA are needed.",
        choices="The paper does not give the resolution: every second width and batch size is used. "
        "`small` uses MNIST, the most similar dataset without a large download.",
        scales=images(
            {
                "dataset.name": "svhn",
                "load.width": WIDTHS[1::2],
                "temperature.batch_size": BATCH_SIZES[::2],
            },
            {"dataset.name": "mnist"},
        ),
    ),
    Preset(
        name="fig15-cifar100",
        title="CIFAR-100",
        reproduces="Figure 15: Figure 2 on CIFAR-100.",
        expect="As Figure 2.",
        choices="The paper does not give the resolution: every second width and batch size is used. "
        "`small` uses CIFAR-100 itself, with 8,000 samples.",
        scales=images(
            {
                "dataset.name": "cifar100",
                "load.width": WIDTHS[1::2],
                "temperature.batch_size": BATCH_SIZES[::2],
            },
            {"dataset.name": "cifar100", "load.samples": 8000},
        ),
    ),
    Preset(
        name="fig16-vgg11",
        title="VGG11",
        reproduces="Figure 16: Figure 2 with VGG11 of widths k, 2k, 4k, 4k, 8k, 8k, 8k, 8k.",
        expect="As Figure 2.",
        choices=VGG_CHOICE,
        overlay={"model.name": "vgg11"},
        scales=images(
            {"load.width": WIDE_STEPS, "temperature.batch_size": BATCH_SIZES[::2]},
            {"dataset.resize": 32, "load.samples": 2000},
            {"dataset.resize": 32, "load.samples": 320, "train.epochs": 5},
        ),
    ),
    Preset(
        name="fig17-noisy-labels-lr",
        title="Noisy labels, learning rate as temperature",
        reproduces="Figure 17: width against learning rate with 10% of the labels wrong.",
        expect="Similar to Figure 4: double descent, and the best accuracy of narrow networks in "
        "phase I.",
        overlay={"load.label_noise": 0.1},
        scales=rates("lr", RATES, [0.2, 0.1, 0.05, 0.0125, 0.003125], [0.2, 0.05]),
    ),
    Preset(
        name="fig18-translation",
        title="Machine translation",
        reproduces="Figure 18: transformers with several embedding dimensions on 4,000 pairs sampled "
        "from IWSLT 2016 German-English, with batch size as the temperature.",
        expect="Poor connectivity throughout (phase I), double descent of the test loss, and wide "
        "networks that do not converge (NC) at high temperature.",
        choices=TRANSLATION_CHOICE,
        overlay={"measure.snapshots": ["last"]},
        scales=translation(),
    ),
    Preset(
        name="fig19-early-stopping",
        title="Optimal early stopping for translation",
        reproduces="Figure 19: constant and inverse square-root learning rate, after all updates and "
        "at the best test loss during training.",
        expect="The schedule has little effect. Stopping at the best test loss helps considerably, "
        "and more so for wider networks.",
        choices="One experiment with two variants; the best test loss is a second snapshot of the "
        "same runs. " + TRANSLATION_CHOICE,
        overlay={
            "measure.snapshots": ["last", "best_test"],
            "variants": {"inverse_sqrt": {"train.schedule": "inverse_sqrt"}},
        },
        scales=translation(),
    ),
    Preset(
        name="fig20-learning-rate",
        title="Learning rate as temperature",
        reproduces="Figure 20: width against learning rate at batch size 128.",
        expect="As Figure 2.",
        scales=rates("lr", RATES, [0.2, 0.1, 0.05, 0.0125, 0.003125], [0.2, 0.05]),
    ),
    Preset(
        name="fig21-pixel-noise",
        title="Pixel noise as load",
        reproduces="Figure 21: the amplitude of uniform noise on the training images along x.",
        expect="Connectivity stays near zero at all amplitudes; at low temperature, CKA decreases "
        "with the noise.",
        choices="The paper gives neither the amplitudes nor the width: 0, and 5 to 80 by doubling; "
        "width 64, the standard ResNet18.",
        scales=images(
            {"load.width": 64, "load.pixel_noise": [0.0, 5.0, 10.0, 20.0, 40.0, 80.0]},
            {"load.width": 8, "load.pixel_noise": [0.0, 10.0, 40.0, 160.0]},
            {"load.width": 4, "load.pixel_noise": [0.0, 40.0, 160.0]},
        ),
    ),
    Preset(
        name="fig22-large-batch",
        title="Large-batch training",
        reproduces="Figure 22: as Figure 2, with batch sizes up to 8,192.",
        expect="As Figure 2, with a much larger Hessian for the largest batches.",
        scales=images(
            {"temperature.batch_size": [*BATCH_SIZES[::2], 2048, 4096, 8192]},
            {"temperature.batch_size": [32, 128, 512, 2048]},
            {"temperature.batch_size": [16, 64, 256]},
        ),
    ),
    Preset(
        name="fig23-linear-scaling",
        title="Learning rate scaled with the batch size",
        reproduces="Figure 23: as Figure 2, with the learning rate 0.05 B / 128.",
        expect="Accuracy depends much less on the batch size; connectivity and Hessian hardly depend "
        "on it.",
        overlay={"train.linear_scaling": True},
        scales=images(),
    ),
)
