"""The grid: order of cells, resolved values, shapes, pairs."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.datasets import DataFacts
from landscape_catalog.experiment.landscape import Dataset
from landscape_catalog.schema.pairs import chosen_pairs
from tests.experiment.grids import CIFAR, CUSTOM_CODE, DIGITS, TEXT, grid_of


def test_the_order_of_cells() -> None:
    """Load before temperature, each in the order of its section, custom parameters last."""
    axes: dict[str, list[Any]] = {
        "load.width": [4, 2],
        "load.samples": [300, "all"],
        "load.extra.depth": [3, 1],
        "load.extra.beta": [0.5, 2.0],
        "temperature.batch_size": [32, 16],
        "temperature.weight_decay": [0.0, 0.1],
        "temperature.extra.rate": [0.1, 0.0],
    }
    extra = {
        "load.extra": {"depth": [3, 1], "beta": [0.5, 2.0]}
    }  # in the order in which they are written
    backwards = {p: axes[p] for p in reversed(axes) if not p.startswith("load.extra")}
    grid = grid_of(CUSTOM_CODE | {"load": {}, "temperature": {}} | backwards | extra)
    assert [axis.path for axis in grid.axes] == list(axes)
    assert [list(axis.values) for axis in grid.axes] == list(axes.values())
    resolved = axes | {"load.samples": [300, 540]}  # 900 minus the 360 held out
    expected = [dict(zip(resolved, values)) for values in itertools.product(*resolved.values())]
    assert [{path: cell.values[path] for path in axes} for cell in grid.cells] == expected


def test_every_parameter_has_a_value_in_every_cell() -> None:
    cell = grid_of(CUSTOM_CODE | {"load.extra.beta": [1.0, 2.0], "load.label_noise": 0}).cells[-1]
    assert cell.values == {
        "load.width": 4,
        "load.samples": 540,
        "load.label_noise": 0.0,
        "load.pixel_noise": 0.0,
        "load.extra.beta": 2.0,
        "temperature.batch_size": 32,
        "temperature.lr": 0.05,
        "temperature.weight_decay": 5e-4,
    }


@pytest.mark.parametrize(
    ("changes", "samples"),
    [
        ({}, 1797 - 360),
        ({"dataset.test_samples": 100}, 1697),
        ({"dataset.name": "cifar10"}, 50_000),  # it has a test split of its own
        ({"dataset.name": "cifar10", "dataset.test_samples": "all"}, 50_000),
        (TEXT, 9640),
    ],
)
def test_all_samples_resolve_to_a_number(changes: dict[str, Any], samples: int) -> None:
    grid = grid_of(changes)
    assert {cell.landscape.data.samples for cell in grid.cells} == {samples}
    assert {cell.values["load.samples"] for cell in grid.cells} == {samples}
    assert grid_of(changes | {"load.samples": samples}).runs[0].run_id == grid.runs[0].run_id


def test_all_is_resolved_for_each_size_of_custom_data() -> None:
    grid = grid_of(CUSTOM_CODE | {"load.extra.count": [900, 700], "load.width": 4})
    assert [cell.landscape.data.samples for cell in grid.cells] == [540, 540, 340, 340]


@pytest.mark.parametrize(
    ("facts", "resize", "shape"),
    [
        (DIGITS, None, (1, 8, 8)),
        (DIGITS, 32, (1, 32, 32)),
        (DIGITS, [16, 24], (1, 16, 24)),
        (CIFAR, 8, (3, 8, 8)),
        (DataFacts("text", "c", 9, 0, 300, ()), None, ()),
        (DataFacts("points", "c", 9, 0, 0, (7,)), None, (7,)),
    ],
)
def test_shapes(facts: DataFacts, resize: Any, shape: tuple[int, ...]) -> None:
    dataset = Dataset.model_validate({"name": "digits", "resize": resize})
    assert facts.input_shape(dataset.resize) == shape


def test_cells_share_landscapes_and_data() -> None:
    grid = grid_of({"load.width": [2, 4, 8], "load.label_noise": [0.0, 0.1]})
    assert len(grid.cells) == 3 * 2 * 2
    assert len(grid.landscapes) == 3 * 2
    assert len(grid.data) == 2
    assert [landscape.width for landscape in grid.landscapes] == [2, 2, 4, 4, 8, 8]


def test_parameters_are_passed_to_the_functions_that_take_them() -> None:
    (cell,) = grid_of(
        CUSTOM_CODE
        | {
            "load": {"width": 4, "extra": {"beta": 2.0, "depth": 3, "strength": 0.5}},
            "temperature": {"extra": {"rate": 0.1}},
            "dataset.args": {"count": 800},
            "model.args": {"depth": 1},
        }
    ).cells
    assert cell.landscape.data.extra == {"beta": 2.0}
    assert cell.landscape.task_args == {"beta": 2.0, "strength": 0.5}
    assert cell.landscape.model_args == {"depth": 3}, "an axis overrides a constant"
    assert cell.model_args == {"depth": 3, "rate": 0.1}
    assert cell.task_args == {"beta": 2.0, "strength": 0.5, "rate": 0.1}


def test_each_seed_is_a_run() -> None:
    grid = grid_of({"train.seeds": 3})
    assert [run.seed for run in grid.runs[:4]] == [0, 1, 2, 0]
    assert [run.cell for run in grid.runs[:4]] == [*grid.cells[:1] * 3, grid.cells[1]]


@pytest.mark.parametrize(
    ("count", "which", "pairs"),
    [
        (0, "first", ""), (0, "ring", ""), (0, "all", ""),
        (1, "first", ""), (1, "ring", ""), (1, "all", ""),
        (2, "first", "ab"), (2, "ring", "ab"), (2, "all", "ab"),
        (3, "first", "ab"), (3, "ring", "ab bc ac"), (3, "all", "ab ac bc"),
        (5, "first", "ab"), (5, "ring", "ab bc cd de ae"),
        (5, "all", "ab ac ad ae bc bd be cd ce de"),
    ],
)  # fmt: skip
def test_chosen_pairs(count: int, which: Any, pairs: str) -> None:
    expected = [(pair[0], pair[1]) for pair in pairs.split()]
    assert chosen_pairs(list("abcde")[:count], which) == expected


AXES = st.fixed_dictionaries(
    {
        "load.width": st.lists(st.integers(1, 64), min_size=1, max_size=3, unique=True),
        "temperature.batch_size": st.lists(st.integers(2, 64), min_size=1, max_size=3, unique=True),
    },
    optional={
        "load.samples": st.lists(
            st.integers(256, 539) | st.just("all"), min_size=1, max_size=3, unique=True
        ),
        "load.extra.depth": st.lists(
            st.integers(-3, 3) | st.floats(4, 9) | st.text(max_size=3),
            min_size=1, max_size=2, unique=True,
        ),
        "load.extra.beta": st.lists(st.floats(0, 1), min_size=1, max_size=2, unique=True),
        "temperature.lr": st.lists(st.floats(1e-6, 9), min_size=1, max_size=2, unique=True),
        "temperature.extra.rate": st.lists(st.floats(0, 1), min_size=1, max_size=2, unique=True),
    },
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(AXES, st.integers(0, 2), st.integers(1, 2))
def test_cells_are_the_product_of_the_axes(
    axes: dict[str, list[Any]], n_variants: int, seeds: int
) -> None:
    variants = {f"v{i}": {"train.epochs": 200 + i} for i in range(n_variants)}
    grid = grid_of(CUSTOM_CODE | axes | {"variants": variants, "train.seeds": seeds})
    expected = math.prod(map(len, axes.values())) * (1 + n_variants)
    assert len(grid.cells) == expected
    assert len({cell.cell_id for cell in grid.cells}) == expected
    assert len({run.run_id for run in grid.runs}) == expected * seeds
    places = {(cell.variant, *cell.values.items()) for cell in grid.cells}
    assert len(places) == expected
