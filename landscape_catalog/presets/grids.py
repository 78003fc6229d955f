"""Grids shared by presets: width against a temperature, for images or text, at each scale."""

from __future__ import annotations

from collections.abc import Mapping

from landscape_catalog.presets.blocks import (
    BATCH_SIZES,
    IMAGES_PAPER,
    IMAGES_SMALL,
    IMAGES_SMOKE,
    TRANSLATION_PAPER,
    TRANSLATION_SMALL,
    TRANSLATION_SMOKE,
)
from landscape_catalog.presets.preset import Overlay, Scale

Scales = Mapping[Scale, tuple[Overlay, ...]]

BATCHES: dict[Scale, Overlay] = {
    "paper": {"temperature.batch_size": BATCH_SIZES},
    "small": {"temperature.batch_size": [16, 32, 64, 128, 256]},
    "smoke": {"temperature.batch_size": [16, 64]},
}
WIDE_STEPS = [2, 4, 8, 16, 32, 64, 128]


def images(
    paper: Overlay | None = None, small: Overlay | None = None, smoke: Overlay | None = None
) -> Scales:
    """Width against batch size, with a figure's changes at each scale."""
    return {
        "paper": (IMAGES_PAPER, BATCHES["paper"], paper or {}),
        "small": (IMAGES_SMALL, BATCHES["small"], small or {}),
        "smoke": (IMAGES_SMOKE, BATCHES["smoke"], smoke or {}),
    }


def translation(
    paper: Overlay | None = None, small: Overlay | None = None, smoke: Overlay | None = None
) -> Scales:
    """Embedding dimension against batch size, with a figure's changes at each scale."""
    return {
        "paper": (TRANSLATION_PAPER, paper or {}),
        "small": (TRANSLATION_SMALL, small or {}),
        "smoke": (TRANSLATION_SMOKE, smoke or {}),
    }


def rates(name: str, paper: list[float], small: list[float], smoke: list[float]) -> Scales:
    """Width against a temperature other than batch size, at the default batch size."""
    path = f"temperature.{name}"
    return {
        "paper": (IMAGES_PAPER, {path: paper}),
        "small": (IMAGES_SMALL, {path: small}),
        "smoke": (IMAGES_SMOKE, {path: smoke}),
    }


DECAY: Overlay = {
    "train.schedule": "step",
    "train.stopping": "epochs",
    "temperature.lr": 0.1,
    "train.milestones": [0.75],
    "train.factor": 0.1,
}
DECAY_PAPER: Overlay = {
    **DECAY,
    "train.epochs": 100,
    "measure.snapshots": ["best_train_loss"],
}
