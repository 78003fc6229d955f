"""Settings shared by presets, by scale.

`paper`: the axes and choices of the authors' released code (nsfzyzz/loss_landscape_taxonomy).
`small`: runs overnight on one GPU or a laptop; curves are fitted until mode connectivity no longer
changes by half of the classifier's tolerance. `smoke`: runs in about two minutes on two cores, to
check that everything works; its results are not meaningful.
"""

from __future__ import annotations

from landscape_catalog.presets.preset import Overlay

WIDTHS = [1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128]
BATCH_SIZES = [16, 24, 32, 44, 64, 92, 128, 180, 256, 364, 512, 724, 1024]
RATES = [
    0.4, 0.28, 0.2, 0.14, 0.1, 0.07, 0.05, 0.035, 0.025, 0.0177, 0.0125, 0.0088, 0.00625, 0.0044,
    0.003125, 0.0022, 0.0015625,
]  # fmt: skip
WEIGHT_DECAYS = [
    5e-3, 4.5e-3, 4e-3, 3.5e-3, 3e-3, 2.5e-3, 2e-3, 1.5e-3, 1e-3, 7e-4, 5e-4, 3.2e-4, 2e-4, 1.4e-4,
    1e-4, 7e-5, 5e-5,
]  # fmt: skip
LABEL_NOISES = [0.0, 0.025, 0.05, 0.075, *(round(0.05 * i, 2) for i in range(2, 17))]
AMOUNTS = [5000 * i for i in range(1, 11)]
# Updates of a curve on all of CIFAR-10: 50 epochs of 390 batches of 128. On a subset the authors
# train for 50 / share epochs, so that the number of updates is the same.
CURVE_UPDATES = 50 * 390

# Threshold on lambda_max: 2 (1 + momentum) / lr, the edge of stability (docs/thresholds.md).
EDGE_AT_005 = 76.0

# The authors' code trains until the last epoch, prefers the weights at the first plateau of the
# stopping rule, initialises curves with random weights, and mixes 6 batches of 128 with one
# coefficient each.
AS_RELEASED: Overlay = {
    "train.stopping": "epochs",
    "train.stop_not_before": 30,
    "measure.snapshots": ["early_stopped"],
    "measure.batch_norm": "authors",
    "measure.connectivity.init": "random",
    "measure.similarity.samples": 768,
    "measure.similarity.coefficient": "batch",
    "classify.hessian.threshold": EDGE_AT_005,
}
IMAGES_PAPER: Overlay = {
    "dataset.name": "cifar10",
    "dataset.test_samples": "all",
    "load.width": WIDTHS,
    "temperature.batch_size": 128,
    **AS_RELEASED,
}
IMAGES_SMALL: Overlay = {
    "dataset.name": "fashion_mnist",
    "dataset.test_samples": "all",
    "load.width": [2, 4, 8, 16],
    "load.samples": 4000,
    "temperature.batch_size": 64,
    "train.epochs": 40,
    "train.seeds": 3,
    "measure.connectivity.epochs": "auto",
    "measure.connectivity.lr": 0.05,  # the rate of training: a fit at a fifth of it takes far longer
    "classify.hessian.threshold": EDGE_AT_005,
}
IMAGES_SMOKE: Overlay = {
    "dataset.name": "digits",
    "load.width": [2, 4],
    "load.samples": 640,
    "temperature.batch_size": 64,
    "train.epochs": 10,
    "train.seeds": 2,
    "measure.hessian.samples": 100,
    "measure.hessian.max_iterations": 30,
    "measure.connectivity.epochs": 8,
    "measure.connectivity.batch_size": 64,
    "measure.similarity.samples": 200,
    "classify.hessian.threshold": EDGE_AT_005,
}
# Nakkiran et al. 2019, whom the paper follows: six layers, eight heads, Adam, 10% label smoothing,
# 80,000 updates including 4,000 of warm-up.
TRANSLATION: Overlay = {
    "model.name": "transformer",
    "train.optimizer": "adam",
    "train.stopping": "updates",
    "train.label_smoothing": 0.1,
    "temperature.weight_decay": 0.0,
    "measure.similarity.perturbation": "token_noise",
}
TRANSLATION_PAPER: Overlay = {
    **TRANSLATION,
    "dataset.name": "iwslt_de_en",
    "dataset.test_samples": "all",
    "load.samples": 4000,
    "load.width": [8, 16, 32, 64, 128, 256, 512],
    "temperature.batch_size": [16, 32, 64, 128, 256, 512],
    "temperature.lr": 5e-4,
    "train.updates": 80_000,
    "train.warmup": 4000,
    "measure.connectivity.init": "random",
    "measure.connectivity.lr": 0.01,
    "classify.connectivity.tolerance": 0.1,
}
TRANSLATION_SMALL: Overlay = {
    **TRANSLATION,
    "dataset.name": "number_words",
    "dataset.test_samples": 500,
    "dataset.vocabulary": 400,
    "load.samples": 2000,
    "load.width": [16, 32, 64],
    "temperature.batch_size": [32, 64, 128],
    "temperature.lr": 1e-3,
    "train.updates": 2000,
    "train.warmup": 200,
    "train.seeds": 3,
    "measure.connectivity.epochs": "auto",
    "measure.connectivity.lr": 0.1,  # a fit at 0.01 takes far longer
    "measure.connectivity.convergence": 0.05,
    "classify.connectivity.tolerance": 0.1,
}
TRANSLATION_SMOKE: Overlay = {
    **TRANSLATION,
    "dataset.name": "number_words",
    "dataset.test_samples": 100,
    "dataset.vocabulary": 300,
    "model.args": {"n_layers": 2},
    "load.samples": 512,
    "load.width": [16, 32],
    "temperature.batch_size": [32, 64],
    "temperature.lr": 2e-3,
    "train.updates": 120,
    "train.warmup": 20,
    "train.seeds": 2,
    "measure.hessian.samples": 64,
    "measure.hessian.max_iterations": 15,
    "measure.connectivity.epochs": 4,
    "measure.connectivity.batch_size": 64,
    "measure.similarity.samples": 200,
    "classify.connectivity.tolerance": 0.1,
}
