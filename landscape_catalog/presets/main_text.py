"""Figures 2 to 8: the standard setting, and other loads and temperatures."""

from __future__ import annotations

from landscape_catalog.presets.blocks import (
    AMOUNTS,
    CURVE_UPDATES,
    LABEL_NOISES,
    WEIGHT_DECAYS,
)
from landscape_catalog.presets.grids import (
    DECAY,
    DECAY_PAPER,
    images,
    rates,
)
from landscape_catalog.presets.preset import Preset

PHASES = (
    "Test accuracy is best where the landscape is flat and well connected and runs are similar "
    "(phase IV-B), at the right of the diagram and at moderate or low temperature. From sharp to "
    "flat, the training loss falls more than tenfold; connectivity improves with width."
)

STANDARD = Preset(
    name="fig02-standard",
    title="Standard setting: width against batch size",
    reproduces="Figure 2: ResNet18 of several widths on CIFAR-10, with batch size as the temperature "
    "and a constant learning rate of 0.05; seven metrics and the phases.",
    expect=PHASES,
    scales=images(),
)

MAIN_TEXT: tuple[Preset, ...] = (
    STANDARD,
    Preset(
        name="fig03-lr-decay",
        title="Learning-rate decay",
        reproduces="Figure 3: as Figure 2, with the learning rate decayed late in training.",
        expect="The same four phases, and a higher best accuracy. In phase IV-A the Hessian is "
        "larger for large batches.",
        choices="As in the released decay runs: 100 epochs at rate 0.1, multiplied by 0.1 at 75%; "
        "weights of the best training loss.",
        scales=images(DECAY_PAPER, DECAY, DECAY),
    ),
    Preset(
        name="fig04-noisy-labels",
        title="Training on noisy labels",
        reproduces="Figure 4: as Figure 2, with 10% of the training labels wrong.",
        expect="Double descent: a dark band of low test accuracy between the phases, along width and "
        "along temperature. At widths with poor connectivity the best accuracy is in phase I or II, "
        "not in III.",
        overlay={"load.label_noise": 0.1},
        scales=images(),
    ),
    Preset(
        name="fig05-weight-decay",
        title="Weight decay as temperature",
        reproduces="Figure 5: width against weight decay at batch size 128.",
        expect="As Figure 2. Wide networks with little weight decay have a very small Hessian trace "
        "but not the best accuracy: local metrics alone do not predict it.",
        scales=rates("weight_decay", WEIGHT_DECAYS, [5e-3, 2e-3, 5e-4, 1e-4, 5e-5], [5e-3, 5e-4]),
    ),
    Preset(
        name="fig06-data-amount",
        title="Amount of training data",
        reproduces="Figure 6: the grid of Figure 2 for several amounts of data, one per column.",
        expect="Accuracy improves with more data. The Hessian grows with the data and connectivity "
        "gets worse, so wider networks are needed. Only CKA increases with the accuracy.",
        choices="All ten amounts that the authors ran (the figure shows some of them), each the "
        "first samples of a fixed shuffle.",
        overlay={"report.x": "load.width"},
        scales=images(
            {"load.samples": AMOUNTS, "measure.connectivity.updates": CURVE_UPDATES},
            {"load.samples": [1000, 2000, 4000]},
            {"load.samples": [320, 640], "measure.connectivity.updates": 60},
        ),
    ),
    Preset(
        name="fig07-data-as-load",
        title="Amount of data as load, clean and noisy",
        reproduces="Figure 7: the amount of data along x, for three widths, with clean labels and "
        "with 10% of the labels wrong.",
        expect="Double descent of the test accuracy along the amount of data, also with clean "
        "labels. CKA follows the accuracy.",
        choices="The paper does not give the widths of the figure's columns: a narrow, a medium and "
        "a wide network are used.",
        overlay={"report.x": "load.samples", "load.label_noise": [0.0, 0.1]},
        scales=images(
            {
                "load.width": [4, 16, 64],
                "load.samples": AMOUNTS,
                "measure.connectivity.updates": CURVE_UPDATES,
            },
            {
                "load.width": [2, 8],
                "load.samples": [500, 1000, 2000, 4000],
                "temperature.batch_size": [32, 128],
            },
            {
                "load.width": [2],
                "load.samples": [320, 640],
                "measure.connectivity.updates": 60,
            },
        ),
    ),
    Preset(
        name="fig08-noisy-labels-as-load",
        title="Share of noisy labels as load",
        reproduces="Figure 8: the share of wrong labels along x; Figure 8e corresponds to the "
        "report's slices (trace against batch size, one line per share).",
        expect="Once the loss is small, more noise does not change the Hessian much; connectivity "
        "and CKA get worse.",
        choices="The paper does not give the width: 64, the standard ResNet18, is used. Wrong labels "
        "are drawn from the other classes, as the paper says (the authors' code draws from all).",
        scales=images(
            {"load.width": 64, "load.label_noise": LABEL_NOISES},
            {"load.width": 8, "load.label_noise": [0.0, 0.1, 0.2, 0.4, 0.8]},
            {"load.width": 4, "load.label_noise": [0.0, 0.2, 0.4]},
        ),
    ),
)
