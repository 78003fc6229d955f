"""What a preset is: a figure of the paper as a small overlay on the defaults, at three scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.variants import overlaid

Overlay = Mapping[str, Any]
Scale = Literal["paper", "small", "smoke"]
SCALES: tuple[Scale, ...] = get_args(Scale)

# Sections without a default of their own; every other value is the default of its field.
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
        name: starts with the figure.
        title: of the report.
        reproduces: what of the paper it reproduces.
        expect: what one should see, as the paper says.
        choices: what neither the paper nor its code says, and what is chosen here.
        overlay: dotted paths that hold at every scale.
        scales: what each scale adds, over the block of the scale.
    """

    name: str
    title: str
    reproduces: str
    expect: str
    choices: str = ""
    overlay: Overlay = field(default_factory=dict)
    scales: Mapping[Scale, tuple[Overlay, ...]] = field(default_factory=dict)

    def experiment(self, scale: Scale) -> Experiment:
        """The whole experiment at a scale, checked."""
        data = dict(BARE)
        title = self.title if scale == "paper" else f"{self.title} ({scale})"
        for overlay in (*self.scales[scale], self.overlay, {"report.title": title}):
            data = overlaid(data, dict(overlay))
        return Experiment.model_validate(data)
