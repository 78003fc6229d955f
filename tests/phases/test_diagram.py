"""A phase diagram as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_catalog.phases.diagram import Diagram, DiagramAxis

WIDTH, BATCH = "load.width", "temperature.batch_size"


def diagram(points: list[tuple[int, int, int]]) -> Diagram:
    """Cells at (width, batch size, variant), in this order."""
    axes = (
        DiagramAxis.of(WIDTH, [p[0] for p in points]),
        DiagramAxis.of(BATCH, [p[1] for p in points]),
    )
    places = [[axis.values.index(p[i]) for i, axis in enumerate(axes)] for p in points]
    n = len(points)
    return Diagram(
        axes=axes,
        variants=("base", "decay"),
        cell_ids=tuple(map(str, range(n))),
        places=np.array(places, dtype=int).reshape(n, 2),
        variant=np.array([p[2] for p in points], dtype=int),
        n_runs=np.full(n, 2),
        n_converged=np.full(n, 2),
        means={"cka": np.arange(n, dtype=float)},
        fixed={"temperature.lr": 0.05},
    )


@pytest.mark.parametrize(
    ("path", "values", "expected"),
    [
        (WIDTH, [8, 2, 8, 4], (2, 4, 8)),
        (BATCH, [16, 128, 32], (128, 32, 16)),
        ("temperature.lr", [0.1, 0.01], (0.01, 0.1)),
        ("load.label_noise", [0.0, 0.2], (0.2, 0.0)),
        ("load.extra.activation", ["tanh", "relu", "tanh"], ("tanh", "relu")),
        ("load.extra.bias", [True, False], (True, False)),
    ],
)
def test_values_go_towards_less_load_or_a_higher_temperature(
    path: str, values: list[object], expected: tuple[object, ...]
) -> None:
    assert DiagramAxis.of(path, values).values == expected


def test_lines_join_the_cells_that_differ_along_one_axis_only() -> None:
    found = diagram([(8, 16, 0), (2, 64, 0), (2, 16, 0), (8, 16, 1), (8, 64, 1), (8, 32, 0)])
    assert [line.tolist() for line in found.lines(BATCH)] == [[1, 2], [5, 0], [4, 3]]
    assert [line.tolist() for line in found.lines(WIDTH)] == [[1], [5], [2, 0], [4], [3]]


def test_a_parameter_has_a_value_in_every_cell_whether_it_varies_or_not() -> None:
    found = diagram([(8, 16, 0), (2, 64, 0)])
    assert found.parameter(WIDTH).tolist() == [8, 2]  # type: ignore[union-attr]
    assert found.parameter("temperature.lr").tolist() == [0.05, 0.05]  # type: ignore[union-attr]
    assert found.parameter("temperature.weight_decay") is None


def test_an_empty_diagram_has_no_lines_and_an_unknown_metric_no_values() -> None:
    assert diagram([]).lines(WIDTH) == []
    assert np.isnan(diagram([(8, 16, 0)]).mean("trace")).all()
    with pytest.raises(ValueError, match="not in list"):
        diagram([]).lines("load.samples")
