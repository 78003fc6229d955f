"""A preset: a figure of the paper as an overlay on the default parameters, at three scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.variants import overlaid

Overlay = Mapping[str, Any]
Scale = Literal["paper", "small", "smoke"]
SCALES: tuple[Scale, ...] = get_args(Scale)

# The values without a default; all others are the defaults of their fields.
BARE: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet18"},
    "load": {"width": 8},
    "temperature": {},
    "train": {},
    "measure": {},
    "classify": {},
    "report": {},
    "execution": {},
    "variants": {},
}


@dataclass(frozen=True)
class Preset:
    """A figure of Yang et al. 2021.

    Attributes:
        name: starts with the number of the figure.
        title: of the report.
        reproduces: what it reproduces from the paper.
        expect: the expected result according to the paper.
        choices: choices that neither the paper nor its code specifies.
        overlay: values by dotted path, for all scales.
        scales: overlays for each scale, applied in order.
    """

    name: str
    title: str
    reproduces: str
    expect: str
    choices: str = ""
    overlay: Overlay = field(default_factory=dict)
    scales: Mapping[Scale, tuple[Overlay, ...]] = field(default_factory=dict)

    def experiment(self, scale: Scale) -> Experiment:
        """The whole experiment at a scale, validated."""
        data = dict(BARE)
        title = self.title if scale == "paper" else f"{self.title} ({scale})"
        for overlay in (*self.scales[scale], self.overlay, {"report.title": title}):
            data = overlaid(data, dict(overlay))
        return Experiment.model_validate(data)
