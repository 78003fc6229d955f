"""The committed settings of an import: thresholds, and how its report is drawn."""

from __future__ import annotations

from typing import Any


def cifar_settings(title: str) -> dict[str, Any]:
    """The sections `classify` and `report` that a grid of a ResNet on CIFAR-10 starts with.

    The threshold of the Hessian is that of the paper's standard setting, 2 (1 + 0.9) / 0.05.
    """
    return {
        "classify": {
            "rule": "yang2021",
            "connectivity": {"tolerance": 1.0},
            "hessian": {"metric": "top_eigenvalue", "threshold": 76.0},
            "cka": {"threshold": 0.5},
            "train_loss": 0.05,
        },
        "report": {
            "title": title,
            "x": "load.width",
            "y": "temperature.batch_size",
            "x_scale": "log",
            "y_scale": "log",
        },
    }
