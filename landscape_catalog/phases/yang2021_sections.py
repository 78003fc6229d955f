"""The sections of `classify` for the rule of Yang et al. 2021."""

from __future__ import annotations

from typing import Literal, Union

from landscape_catalog.schema.fields import (
    Fraction,
    NonNegativeFloat,
    PositiveFloat,
    Section,
)

Auto = Literal["auto"]


class ConnectivityRule(Section):
    """When a cell is poorly connected."""

    tolerance: Union[NonNegativeFloat, Auto] = 1.0
    """Below minus this mode connectivity a cell is poorly connected; above plus this value its runs
    are not at a minimum. In the unit of mode connectivity (percentage points of training error).
    `auto`: found from the grid, by the noise of mode connectivity."""


class HessianRule(Section):
    """When a cell is sharp."""

    metric: Literal["top_eigenvalue", "trace"] = "top_eigenvalue"
    """The metric that is compared with the threshold."""
    threshold: Union[PositiveFloat, Auto] = 76.0
    """A cell is sharp above this value of the metric itself (not its logarithm). `auto`: found from
    the grid, where training loss and the metric rise together along temperature; if they do not,
    2 (1 + momentum) / lr of the cells where these are known, else 76."""


class CkaRule(Section):
    """When the runs of a connected, flat cell are alike."""

    threshold: Union[Fraction, Auto] = 0.5
    """Phase IV-B at or above this CKA, IV-A below. `auto`: found from the grid, between two groups
    of flat and connected cells."""
