"""The sections of `params.yaml` as frozen models.

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
from landscape_catalog.schema.fields import (
    Count,
    KnownOr,
    Name,
    PositiveFloat,
    PositiveInt,
    Section,
    Text,
    allowed,
)

Scale = Literal["auto", "log", "linear", "even"]
CUSTOM_QUANTITY = re.compile(r"custom\.([A-Za-z_][A-Za-z0-9_]*)\.[A-Za-z_][A-Za-z0-9_]*")


QuantityName = Annotated[
    Text, KnownOr(tuple(QUANTITIES), CUSTOM_QUANTITY.pattern, "custom.<name>.<value>")
]


def _require_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Reject a name that is given twice."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PydanticCustomError(
            "repeated_panel", "each name once (repeated: {named})", {"named": ", ".join(repeated)}
        )
    return names


class Report(Section):
    """How the report is drawn."""

    title: Text = "Phases of training"
    """Title of the page."""
    x: str | None = None
    """The `load` parameter on the x axis, such as `load.width`; `null`: the first axis."""
    y: str | None = None
    """The `temperature` parameter on the y axis; `null`: the first axis."""
    x_scale: Scale = "auto"
    """Scale of x: `log`, `linear`, `even` (equally wide cells), or `auto`, which depends on the
    parameter."""
    y_scale: Scale = "auto"
    """Scale of y, with the same choices."""
    panels: (
        Annotated[
            tuple[QuantityName, ...],
            Strict(False),
            Field(min_length=1, json_schema_extra={"uniqueItems": True}),
            AfterValidator(_require_distinct),
        ]
        | None
    ) = None
    """Metrics to draw over the grid, by their names in the catalog, such as `cka_debiased` or
    `custom.sharpness.increase`; `null`: those of the paper's Figure 2."""


def _require_distinct_indices(indices: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(indices)) < len(indices):
        raise PydanticCustomError("repeated_index", "each index once")
    return indices


DeviceIndices = Annotated[
    tuple[Count, ...],
    Strict(False),
    Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_require_distinct_indices),
]


class Execution(Section):
    """Where and how jobs run. Does not affect the results."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Kind of device: `cuda`, GPUs of NVIDIA or AMD; `mps`, the GPU of an Apple computer; `auto`:
    `cuda` if there is one, else `cpu`."""
    devices: Annotated[
        Literal["auto"] | PositiveInt | DeviceIndices,
        allowed("auto, a number of GPUs, or a list of distinct indices from 0"),
    ] = "auto"
    """Which GPUs of that kind: `auto`, all; a number, the first ones; a list of indices, as torch
    counts them. Each worker uses a single one, where the memory that its jobs need is free. The
    engine `serial` uses one, by default the first; on a Dask cluster each worker has its own."""
    workers: PositiveInt | Literal["auto"] = "auto"
    """Number of parallel jobs, one thread each; `auto`: one per core, or one on each GPU that has
    room for it."""
    engine: Text = "local"
    """Where jobs run: `local`, in processes on this machine; `serial`, one after the other in the
    stage's own process, for debugging; or `dask`, on the workers of a Dask cluster. All give
    bit-identical results on the same kind of machine."""
    scheduler: Text | None = None
    """The scheduler of the Dask cluster: its address, such as `tcp://host:8786`, or the path of its
    scheduler file. Needed by the engine `dask`, which ignores `workers`."""
    checkpoint_seconds: PositiveFloat = 60.0
    """Seconds between two checkpoints of a run in training: the work that an interruption loses at
    most. They lie in the shared store and are removed when the run is finished."""


class Experiment(Section):
    """A whole experiment: everything in `params.yaml`."""

    dataset: Dataset
    """The dataset, and how training and test data are made from it."""
    model: Model
    """The network."""
    load: Load
    """Load-like parameters; lists are axes."""
    temperature: Temperature
    """Temperature-like parameters; lists are axes."""
    train: Train
    """How each run is trained."""
    measure: Measure
    """What is measured on the trained runs."""
    classify: Classify
    """The phase rule and its thresholds."""
    report: Report
    """Axes, scales and panels of the report."""
    execution: Execution = Execution()
    """Device, workers and engine."""
    variants: dict[Name, dict[str, Any]]
    """Named overlays, given as dotted paths and values. Each adds a copy of the grid, shown as a
    facet of the report; the grid without an overlay is called `base`."""
