"""The domain of a panel's colour scale: centred on the threshold, robust against outliers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import quantiles

from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.panels import PanelChart

FEWEST_TO_CLIP = 40  # values below which a scale shows all of them
TAIL, WORTH = 50, 1.4  # clipped at 1/50 of the values on a side, if the range shrinks by this


@dataclass(frozen=True)
class ColourScale:
    """The colours of a panel.

    Attributes:
        domain: the least and the largest value with a colour of its own.
        middle: the value in the middle of the colours; None: halfway.
        marks: the thresholds of the phase rule on this scale, marked on the legend.
        clipped: number of cells that lie beyond the domain.
        linear_to: distance from 0 from which on the scale is logarithmic; None: it is linear.
    """

    domain: tuple[float, float]
    middle: float | None
    marks: tuple[float, ...]
    clipped: int
    linear_to: float | None = None

    @property
    def ticks(self) -> list[float]:
        """Where the legend has a label: the ends and the thresholds, or five places."""
        low, high = self.domain
        if not self.marks:
            return [low + part * (high - low) / 4 for part in range(5)]
        room = 0.08 * (high - low)
        ends = [end for end in self.domain if all(abs(end - mark) > room for mark in self.marks)]
        return sorted([*ends, *self.marks])

    def place(self, value: float) -> float:
        """Where a value of the domain lies on the legend, from 0 to 1; `middle` moves no value."""
        low, value, high = (self._on_legend(one) for one in (self.domain[0], value, self.domain[1]))
        return (value - low) / (high - low)

    def _on_legend(self, value: float) -> float:
        if self.linear_to is None:
            return value
        return math.copysign(math.log1p(abs(value) / self.linear_to), value)


def colour_scale(data: ReportData, panel: PanelChart) -> ColourScale | None:
    """The colour scale over all panels that share it; None if there are no values.

    A scale of a metric that the phase rule compares has the threshold in its middle, or, with a
    threshold on either side, the value between them. The largest and smallest 2% of many values
    are clipped where they take up much of the range.
    """
    cells = [row[field] for field in panel.fields for row in data.cells]
    values = sorted(value for value in cells if value is not None)
    if not values:
        return None
    marks = _marks(data, panel)
    low, high = clipped_range(values)
    low, high = min(low, *marks, high), max(high, *marks, low)
    if panel.symmetric:
        reach = max(abs(low), abs(high)) or 1.0
        low, high = -reach, reach
    middle = sum(marks) / len(marks) if marks else None
    if math.isclose(low, high):
        low, high = low - 0.5, high + 0.5
    if middle is not None and not low < middle < high:
        reach = max(high - low, 1e-3)
        low, high = min(low, middle - reach / 4), max(high, middle + reach / 4)
    own = [value for value in (row[panel.field] for row in data.cells) if value is not None]
    clipped = sum(value < low or value > high for value in own)
    linear_to = max(map(abs, marks)) if panel.symmetric and any(marks) else None
    return ColourScale((low, high), middle, marks, clipped, linear_to)


def _marks(data: ReportData, panel: PanelChart) -> tuple[float, ...]:
    """The thresholds on the panel's metric, as values of its scale."""
    found = {c.threshold for c in data.rule.criteria if c.metric == panel.metric}
    logarithmic = panel.field != panel.column
    usable = sorted(one for one in found if math.isfinite(one) and (one > 0 or not logarithmic))
    return tuple(math.log(one) if logarithmic else one for one in usable)


def clipped_range(values: list[float]) -> tuple[float, float]:
    """The ends of the colours for some values in ascending order, robust against outliers."""
    low, high = values[0], values[-1]
    if len(values) < FEWEST_TO_CLIP:
        return low, high
    cuts = quantiles(values, n=TAIL)
    worth = high - low > WORTH * (cuts[-1] - cuts[0]) > 0
    return (cuts[0], cuts[-1]) if worth else (low, high)
