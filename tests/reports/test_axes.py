"""Axes to scale: edges computed by hand, directions, and ticks at the values."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from landscape_catalog.reports.charts.scales import scale_of, ticks_of
from landscape_catalog.reports.data.axes import Axis, cell_edges, make_axis

WIDTHS = [1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128]


def axis(path: str, values: list[Any], setting: str = "auto") -> Axis:
    return make_axis(path, values, setting, vertical=path.startswith("temperature."))


def test_edges_of_a_logarithmic_axis_are_geometric_means() -> None:
    edges = axis("load.width", [8, 1, 2]).edges
    assert edges == pytest.approx((2**-0.5, 2**0.5, 4.0, 16.0))


def test_edges_of_a_linear_axis_are_half_way() -> None:
    edges = axis("load.label_noise", [0.0, 0.1, 0.4]).edges
    assert edges == pytest.approx((-0.05, 0.05, 0.25, 0.55))


@pytest.mark.parametrize("scale", ["log", "linear", "even"])
def test_neighbours_share_an_edge_and_the_outermost_cells_are_symmetric(scale: Any) -> None:
    drawn = axis("load.width", WIDTHS, scale)
    cells = [drawn.cell(width) for width in WIDTHS]
    assert all(left[1] == right[0] for left, right in itertools.pairwise(cells))
    assert all(low < place < high for low, high, _, place in cells)
    parts = [
        (drawn.fraction(low), drawn.fraction(place), drawn.fraction(high))
        for low, high, _, place in cells
    ]
    for low, place, high in (parts[0], parts[-1]):
        assert place - low == pytest.approx(high - place)
    assert (parts[0][0], parts[-1][2]) == (0.0, 1.0)


def test_a_single_value_has_a_cell() -> None:
    assert axis("temperature.weight_decay", [5e-4]).edges == (-0.5, 0.5)
    assert cell_edges([3.0], "log") == (2.5, 3.5)


@pytest.mark.parametrize(
    ("path", "values", "setting", "scale"),
    [
        ("load.width", [1, 2], "auto", "log"),
        ("load.samples", [100, 1000], "auto", "log"),
        ("temperature.batch_size", [16, 32], "auto", "log"),
        ("temperature.lr", [0.1, 0.2], "auto", "log"),
        ("temperature.weight_decay", [1e-4, 5e-4], "auto", "log"),
        ("temperature.weight_decay", [0.0, 5e-4], "auto", "linear"),
        ("temperature.weight_decay", [0.0, 5e-4], "log", "linear"),
        ("load.extra.depth", [1, 2**63 - 1, 1e308], "auto", "even"),
        ("load.extra.depth", [-(2**63), 0, 2**63 - 1], "auto", "linear"),
        ("load.extra.depth", [1.0, 1.0 + 2e-16, 1.0 + 4e-16], "auto", "even"),
        ("load.extra.depth", [-1.7e308, 1.7e308], "auto", "even"),
        ("load.extra.depth", [0.0, 1e-9, 1.0], "linear", "even"),
        ("temperature.lr", [5e-324, 1e308], "auto", "even"),
        ("temperature.lr", [1e-100, 1e-10, 1.0], "auto", "log"),
        ("temperature.lr", [1e308, 1.5e308], "log", "even"),
        ("load.label_noise", [0.0, 0.1], "auto", "linear"),
        ("load.pixel_noise", [0.0, 9.0], "auto", "linear"),
        ("load.extra.beta", [1.0, 10.0], "auto", "linear"),
        ("load.extra.beta", [1.0, 10.0], "log", "log"),
        ("load.extra.activation", ["relu", "tanh"], "log", "even"),
        ("temperature.extra.dropout", [False, True], "auto", "even"),
        ("load.width", [8, 16], "even", "even"),
        ("load.width", [8], "log", "even"),
    ],
)
def test_scales(path: str, values: list[Any], setting: str, scale: str) -> None:
    drawn = axis(path, values, setting)
    assert drawn.scale == scale
    assert scale_of(drawn)["type"] == ("log" if scale == "log" else "linear")


@pytest.mark.parametrize(
    ("path", "values", "labels"),
    [
        ("load.width", [2, 1, 4], ["1", "2", "4"]),
        ("load.samples", [100, 400, 200, 300], ["100", "200", "300", "400"]),
        ("load.label_noise", [0.0, 0.2, 0.1, 0.3], ["0.3", "0.2", "0.1", "0"]),
        ("load.pixel_noise", [0.0, 9.0, 5.0, 1.0], ["9", "5", "1", "0"]),
        ("load.extra.beta", [10.0, 1.0], ["1", "10"]),
        ("load.extra.kind", ["small", "big"], ["small", "big"]),
    ],
)
def test_load_decreases_to_the_right(path: str, values: list[Any], labels: list[str]) -> None:
    assert axis(path, values).labels == labels


@pytest.mark.parametrize("setting", ["auto", "even"])
@pytest.mark.parametrize(
    ("path", "values", "top_to_bottom"),
    [
        ("temperature.batch_size", [64, 16, 32], ["16", "32", "64"]),
        ("temperature.lr", [0.01, 0.3, 0.1], ["0.3", "0.1", "0.01"]),
        ("temperature.weight_decay", [0.01, 0.3, 0.1], ["0.3", "0.1", "0.01"]),
        ("temperature.extra.noise", [1, 2], ["2", "1"]),
    ],
)
def test_temperature_increases_upwards(
    path: str, values: list[Any], top_to_bottom: list[str], setting: str
) -> None:
    drawn = axis(path, values, setting)
    assert drawn.labels == top_to_bottom
    rising = [str(value) for value in sorted(values)]
    assert scale_of(drawn)["reverse"] == (top_to_bottom == rising)


def test_an_unknown_parameter_is_titled_by_its_name() -> None:
    assert axis("load.extra.reaction_rate", [1.0, 2.0]).title == "reaction rate"
    assert axis("temperature.batch_size", [1, 2]).title == "batch size   (↑ hotter)"
    assert axis("load.width", [1, 2]).title == "width   (less load →)"


def test_ticks_are_exactly_the_values() -> None:
    ticks = ticks_of(axis("load.width", WIDTHS)).to_dict()
    assert ticks["values"] == WIDTHS
    assert ticks["labelOverlap"] == "greedy"
    even = ticks_of(axis("load.extra.kind", ["a", "b"])).to_dict()
    assert even["values"] == [0.0, 1.0]
    assert '["a", "b"]' in even["labelExpr"]
