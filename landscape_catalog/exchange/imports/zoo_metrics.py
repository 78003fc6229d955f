"""What a model zoo holds, and how it was measured: otherwise than in the 2021 paper."""

from __future__ import annotations

from landscape_catalog.exchange.imports.grid import LOGARITHM, PublishedMetric

PERCENT = "%"
_CELL = "published for the cell as the mean over its seeds; "
_TRAIN = "running mean over the epoch, in train mode (not the network as it is, in eval mode)"
_TEST = "as published, in eval mode"
_HESSIAN = f"{_CELL}ln of that mean; PyHessian, 640 {{}} samples (not 200)"
_CURVE = (
    f"{_CELL}mc of Eq. 4 over all points of the curve, its ends included; {{}} error, Bezier curve "
    "from the straight line, 10 epochs at lr 0.1 (not 50 at 0.01)"
)
_AVERAGE = f"{_CELL}as published"
RUN_METRICS = (
    PublishedMetric("train_loss", _TRAIN, "nats"),
    PublishedMetric("train_accuracy", f"{_TRAIN}; 100 times the published share", PERCENT),
    PublishedMetric("train_error", "100 - accuracy", PERCENT),
    PublishedMetric("test_loss", _TEST, "nats"),
    PublishedMetric("test_accuracy", f"{_TEST}; 100 times the published share", PERCENT),
    PublishedMetric("test_error", "100 - accuracy", PERCENT),
)
# Key of an annotated line -> metric. The key without `_train` and `_val` is named after them.
CELL_METRICS: dict[str, PublishedMetric] = {
    "representation_similarity": PublishedMetric(
        "cka", f"{_CELL}CKA of the logits on test images as they are (not of outputs on mixup)"
    ),
    "log_hessian_top_ev": PublishedMetric(
        "log_top_eigenvalue", _HESSIAN.format("training"), LOGARITHM
    ),
    "log_hessian_trace_train": PublishedMetric("log_trace", _HESSIAN.format("training"), LOGARITHM),
    "log_hessian_trace": PublishedMetric("log_hessian_trace", _HESSIAN.format("test"), LOGARITHM),
    "log_hessian_top_ev_val": PublishedMetric(
        "log_hessian_top_ev_val", _HESSIAN.format("test"), LOGARITHM
    ),
    "curve_mc_train_error": PublishedMetric(
        "mode_connectivity", _CURVE.format("training"), PERCENT
    ),
    "curve_mc_test_error": PublishedMetric("curve_mc_test_error", _CURVE.format("test"), PERCENT),
    **{
        key: PublishedMetric(key, _AVERAGE)
        for key in (
            "wiseft_acc_test",
            "wiseft_acc_test_delta",
            "gitrebasin_acc_test",
            "gitrebasin_acc_test_delta",
        )
    },
}
FACTS = ("representation_similarity_pairs",)
