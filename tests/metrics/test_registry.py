"""The list of metrics: names are taken once, and a metric can wait until it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import TypeAdapter

from landscape_catalog.metrics.metric import Metric
from landscape_catalog.metrics.registry import METRICS, QUANTITIES, RUN_QUANTITIES, every_recipe
from landscape_catalog.schema.fields import Section
from landscape_catalog.schema.identity import RECIPES

EVERY = list(METRICS.values())


def repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def test_no_name_is_taken_twice() -> None:
    """The later of two would replace the earlier one in the catalog, silently."""
    quantities = [quantity for metric in EVERY for quantity in metric.quantities]
    assert not repeated(quantity.name for quantity in (*quantities, *RUN_QUANTITIES))
    assert len(QUANTITIES) == len(quantities) + len(RUN_QUANTITIES)
    assert not repeated(column[0] for metric in EVERY for column in metric.pair_columns)
    assert not repeated(name for metric in EVERY for name in metric.tables)
    assert not repeated(metric.section or "" for metric in EVERY if metric.owns_section)
    for metric in EVERY:
        assert not metric.recipes.keys() & RECIPES.keys()
        assert metric.recipes.items() <= every_recipe().items()


def test_a_metric_is_called_as_its_folder_and_its_records() -> None:
    for name, metric in METRICS.items():
        assert type(metric).__module__ == f"landscape_catalog.metrics.{name}.spec"
        assert metric.result.__dataclass_fields__["metric"].default == name


def test_an_optional_metric_is_measured_only_where_it_is_asked_for() -> None:
    class Settings(Section):
        side: Literal["test", "train"] = "test"

    class Optional(Metric):
        section, owns_section, settings, optional = "side", True, Settings, True

    annotation, default = Optional().field()
    assert default is None
    side: TypeAdapter[Settings | None] = TypeAdapter(annotation)
    assert side.validate_python(None) is None
    assert side.validate_python({}) == Settings()
    assert Optional().select_probes(()) == ()
    assert Optional().select_probes((Settings(),)) == (Settings(),)
