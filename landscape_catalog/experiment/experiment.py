"""What an experiment is: the sections of `params.yaml` as frozen models.

Defaults are the values of Yang et al. 2021 unless a field says otherwise.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict
from pydantic_core import PydanticCustomError

from landscape_catalog.experiment.landscape import Dataset, Load, Model
from landscape_catalog.experiment.measure import Measure
from landscape_catalog.experiment.training import Temperature, Train
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases.registry import Classify
from landscape_catalog.schema.fields import Name, PositiveInt, Section, Text

Scale = Literal["auto", "log", "linear", "even"]
CUSTOM_QUANTITY = re.compile(r"custom\.([A-Za-z_]\w*)\.[A-Za-z_]\w*", re.ASCII)


def _known_quantities(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse names that no metric gives."""
    for name in names:
        if name not in QUANTITIES and CUSTOM_QUANTITY.fullmatch(name) is None:
            raise PydanticCustomError(
                "unknown_quantity",
                "{known}, or custom.<name>.<value>",
                {"known": ", ".join(QUANTITIES)},
            )
    return names


class Report(Section):
    """How the report is drawn."""

    title: Text = "Phases of training"
    """Title of the page."""
    x: str | None = None
    """The parameter under `load` that runs along x, e.g. `load.width`; `null`: the first axis."""
    y: str | None = None
    """The parameter under `temperature` that runs along y; `null`: the first axis."""
    x_scale: Scale = "auto"
    """How x is drawn: `log`, `linear`, `even` (equal cells), or `auto`, as fits the parameter."""
    y_scale: Scale = "auto"
    """How y is drawn, in the same words."""
    panels: (
        Annotated[
            tuple[Text, ...], Strict(False), Field(min_length=1), AfterValidator(_known_quantities)
        ]
        | None
    ) = None
    """Which metrics are drawn over the grid, by their names in the catalog, e.g. `cka_debiased` or
    `custom.sharpness.increase`; `null`: those of the paper's Figure 2."""


class Execution(Section):
    """Where and how work is done. Changes no result."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU when there is one."""
    workers: PositiveInt | Literal["auto"] = "auto"
    """Jobs at a time, one thread each; `auto`: one for every core, two on a GPU."""
    executor: Text = "processes"
    """Where jobs run: `processes` of this machine, or `serial`, one after the other in the
    stage's own process, for debugging. Both give the same bits."""


class Experiment(Section):
    """A whole experiment: everything in `params.yaml`."""

    dataset: Dataset
    """Images and labels."""
    model: Model
    """Network."""
    load: Load
    """Load-like parameters; lists are axes."""
    temperature: Temperature
    """Temperature-like parameters; lists are axes."""
    train: Train
    """Training of each run."""
    measure: Measure
    """Metrics."""
    classify: Classify
    """The rule that tells phases apart, and its thresholds."""
    report: Report
    """Drawing of the report."""
    execution: Execution = Execution()
    """Device and workers."""
    variants: dict[Name, dict[str, Any]]
    """Named overlays of dotted paths. Each is one more copy of the grid, and a facet: the grid as
    it stands here is called `base`."""
