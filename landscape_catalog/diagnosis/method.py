"""How checkpoints are measured: the paper's method, or that of a reference catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landscape_catalog.experiment.measure import Measure
from landscape_catalog.metrics.registry import METRICS

# The section `measure` as the paper has it: its code keeps the running statistics of batch norm,
# and recomputes them along curves. `check` fits each curve with half the epochs as well, since a
# fit that has not converged counts as missing.
PAPER: Mapping[str, Any] = {"batch_norm": "authors", "connectivity": {"check": True}}
OF_RUNS, OF_PAIRS = ("loss", "hessian"), ("connectivity", "similarity", "distance")


def paper_method() -> Any:
    """The section `measure` with the paper's values."""
    return Measure.model_validate(PAPER)


def changed(method: Any, section: str, **values: Any) -> Any:
    """The method with other settings in one of its sections."""
    settings = first_probe(method, section)
    return method.model_copy(update={section: settings.model_copy(update=values)})


def first_probe(method: Any, section: str | None) -> Any:
    """The settings of a section's primary probe; None if it has none."""
    return next(iter(method.probes(section)), None)


def method_in_words(method: Any) -> dict[str, str]:
    """How each metric is measured, by the metric's name."""
    return {
        name: METRICS[name].method(first_probe(method, METRICS[name].section))
        for name in (*OF_RUNS, *OF_PAIRS)
    }
