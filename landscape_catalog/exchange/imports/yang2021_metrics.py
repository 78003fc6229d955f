"""What the archive of Yang et al. 2021 holds, and how the paper says it was measured."""

from __future__ import annotations

from typing import Any

from landscape_catalog.exchange.imports.grid import PublishedMetric, PublishedProbe
from landscape_catalog.metrics.metric import PRIMARY

PERCENT = "%"
LOGITS = "logits"
HESSIAN = "PyHessian, one batch of 200 training samples"
CURVE = (
    "quadratic Bezier curve between seeds 0 and 1, batch-norm statistics recomputed, 5 points; "
    "mc is the mean error of the curve's ends minus the error strictly between them that deviates "
    "most, with its sign"
)
CURVE_UPDATES = 50 * (50_000 // 128)  # 50 epochs of all data, and as many updates on a part of them
_CKA = "biased linear CKA of the {of}, mixup, mean of two draws of samples for each pair"
_DIRECT = "as published, in eval mode"
_DERIVED = "100 - accuracy as published"


def _of_curve(name: str) -> PublishedMetric:
    return PublishedMetric(name, CURVE, PERCENT, of_pairs=True)


def _similarity(of: str, probe: str) -> PublishedMetric:
    return PublishedMetric("cka", _CKA.format(of=of), probe=probe, n_unit="draws", of_pairs=True)


METRICS = (
    PublishedMetric("train_loss", _DIRECT, "nats"),
    PublishedMetric("train_accuracy", _DIRECT, PERCENT),
    PublishedMetric("train_error", _DERIVED, PERCENT),
    PublishedMetric("test_loss", _DIRECT, "nats"),
    PublishedMetric("test_accuracy", _DIRECT, PERCENT),
    PublishedMetric("test_error", _DERIVED, PERCENT),
    PublishedMetric("top_eigenvalue", HESSIAN),
    PublishedMetric("trace", HESSIAN),
    _of_curve("mode_connectivity"),
    _of_curve("connectivity_lowest"),
    _of_curve("connectivity_highest"),
    _of_curve("peak_error"),
    _of_curve("curve_area"),
    _similarity("softmax outputs", PRIMARY),
    _similarity("logits", LOGITS),
    PublishedMetric("l2_distance", "as published", of_pairs=True),
)
_SIMILARITY = {"samples": 640, "perturbation": "mixup", "alpha": 16.0, "draw": "pair"}
# The parameters are those of the paper's appendix A and B.
PROBES = (
    PublishedProbe(
        "hessian",
        PRIMARY,
        PRIMARY,
        HESSIAN,
        {"backend": "pyhessian", "samples": 200, "max_iterations": 100, "tolerance": 1e-3},
    ),
    PublishedProbe(
        "connectivity",
        PRIMARY,
        PRIMARY,
        "quadratic Bezier curve, random start",
        {
            "pairs": "first",
            "control_points": 3,
            "init": "random",
            "epochs": 50,
            "updates": CURVE_UPDATES,
            "batch_size": 128,
            "lr": 0.01,
            "points": 5,
        },
    ),
    PublishedProbe("similarity", PRIMARY, PRIMARY, _CKA.format(of="softmax outputs"), _SIMILARITY),
    PublishedProbe("similarity", LOGITS, LOGITS, _CKA.format(of="logits"), _SIMILARITY),
)


def measure_section() -> dict[str, Any]:
    """The section `measure`, as far as it is known."""
    sections = {probe.metric: dict(probe.parameters) for probe in PROBES if probe.name == PRIMARY}
    return {"snapshots": ["final"], "batch_norm": "authors", **sections}
