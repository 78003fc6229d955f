"""What is computed side by side: frozen rules, since that affects rounding."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from landscape_catalog.experiment.grid import Cell
from landscape_catalog.graphs.batching import batching_strategy, stable_graph
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.metrics.connectivity.spec import ConnectivityMetric
from landscape_catalog.models.build import build
from landscape_catalog.models.registry import footprint
from landscape_catalog.pipeline.shared.measurement_specs import measurements_of
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training.grouping import (
    has_small_steps,
    has_small_values,
    moved_from_stacks,
    trains_grouped,
)
from tests.experiment.grids import CUSTOM_CODE, TEXT, experiment_of, grid_of

Network = dict[str, Any]
PLAIN = {"batch_norm": False}
SMALL_TRANSFORMER = {"n_layers": 1, "n_heads": 1, "feed_forward": 1}

# Network, width, input shape, outputs, args, batch size, answer: mostly the widest network with
# small steps and the narrowest without. The answers belong to `train` 2 and `curve_fit` 3; if one
# changes, stored runs and curves are no longer what the code computes.
Spec = tuple[str, int, tuple[int, ...], int, dict[str, Any], int, bool]
STEPS: list[Spec] = [
    ("resnet18", 36, (1, 8, 8), 10, {}, 8, True),
    ("resnet18", 37, (1, 8, 8), 10, {}, 8, False),
    ("resnet18", 25, (1, 8, 8), 10, {}, 16, True),
    ("resnet18", 26, (1, 8, 8), 10, {}, 16, False),
    ("resnet18", 18, (1, 8, 8), 10, {}, 32, True),
    ("resnet18", 19, (1, 8, 8), 10, {}, 32, False),
    ("resnet18", 12, (1, 8, 8), 10, {}, 64, True),
    ("resnet18", 13, (1, 8, 8), 10, {}, 64, False),
    ("resnet18", 9, (1, 8, 8), 10, {}, 128, True),
    ("resnet18", 10, (1, 8, 8), 10, {}, 128, False),
    ("resnet18", 9, (1, 28, 28), 10, {}, 8, True),
    ("resnet18", 10, (1, 28, 28), 10, {}, 8, False),
    ("resnet18", 4, (1, 28, 28), 10, {}, 32, True),
    ("resnet18", 5, (1, 28, 28), 10, {}, 32, False),
    ("resnet18", 2, (1, 28, 28), 10, {}, 128, True),
    ("resnet18", 3, (1, 28, 28), 10, {}, 128, False),
    ("resnet18", 8, (3, 32, 32), 10, {}, 8, True),
    ("resnet18", 9, (3, 32, 32), 10, {}, 8, False),
    ("resnet18", 4, (3, 32, 32), 10, {}, 32, True),
    ("resnet18", 5, (3, 32, 32), 10, {}, 32, False),
    ("resnet18", 3, (3, 32, 32), 10, {}, 64, True),
    ("resnet18", 4, (3, 32, 32), 10, {}, 64, False),
    ("resnet18", 2, (3, 32, 32), 10, {}, 128, True),
    ("resnet18", 3, (3, 32, 32), 10, {}, 128, False),
    ("resnet18", 2, (3, 32, 32), 100, {}, 128, True),
    ("resnet18", 3, (3, 32, 32), 100, {}, 128, False),
    ("resnet18", 9, (3, 9, 17), 5, {}, 32, True),
    ("resnet18", 10, (3, 9, 17), 5, {}, 32, False),
    ("resnet18", 4, (3, 9, 17), 5, {}, 128, True),
    ("resnet18", 5, (3, 9, 17), 5, {}, 128, False),
    ("vgg11", 17, (3, 32, 32), 10, {}, 8, True),
    ("vgg11", 18, (3, 32, 32), 10, {}, 8, False),
    ("vgg11", 11, (3, 32, 32), 10, {}, 16, True),
    ("vgg11", 12, (3, 32, 32), 10, {}, 16, False),
    ("vgg11", 3, (3, 32, 32), 10, {}, 128, True),
    ("vgg11", 4, (3, 32, 32), 10, {}, 128, False),
    ("vgg11", 14, (1, 32, 48), 100, PLAIN, 8, True),
    ("vgg11", 15, (1, 32, 48), 100, PLAIN, 8, False),
    ("vgg11", 9, (1, 32, 48), 100, PLAIN, 16, True),
    ("vgg11", 10, (1, 32, 48), 100, PLAIN, 16, False),
    ("vgg11", 3, (1, 32, 48), 100, PLAIN, 128, True),
    ("vgg11", 4, (1, 32, 48), 100, PLAIN, 128, False),
    ("vgg11", 5, (3, 64, 64), 10, {}, 16, True),
    ("vgg11", 6, (3, 64, 64), 10, {}, 16, False),
    ("vgg11", 2, (3, 64, 64), 10, {}, 64, True),
    ("vgg11", 3, (3, 64, 64), 10, {}, 64, False),
    # batches of other than a multiple of 8
    ("resnet18", 2, (1, 8, 8), 10, {}, 1, False),
    ("resnet18", 2, (1, 8, 8), 10, {}, 12, False),
    ("resnet18", 2, (1, 8, 8), 10, {}, 100, False),
    ("vgg11", 1, (3, 32, 32), 10, PLAIN, 20, False),
    ("resnet18", 2, (1, 8, 8), 10, {}, 24, True),
    ("resnet18", 2, (1, 8, 8), 10, {}, 1000, True),
    # Transformers
    ("transformer", 1, (), 2, SMALL_TRANSFORMER, 8, False),
    ("transformer", 8, (), 400, {}, 8, False),
    ("transformer", 16, (), 400, {}, 64, False),
    ("transformer", 512, (), 8000, {}, 64, False),
]  # fmt: skip

# The same for values; the answers belong to `curve_points` 4 and `barrier` 3.
VALUES: list[Spec] = [
    ("resnet18", 128, (1, 8, 8), 10, {}, 8, True),
    ("resnet18", 129, (1, 8, 8), 10, {}, 8, False),
    ("resnet18", 64, (1, 8, 8), 10, {}, 16, True),
    ("resnet18", 65, (1, 8, 8), 10, {}, 16, False),
    ("resnet18", 32, (1, 8, 8), 10, {}, 32, True),
    ("resnet18", 33, (1, 8, 8), 10, {}, 32, False),
    ("resnet18", 16, (1, 8, 8), 10, {}, 64, True),
    ("resnet18", 17, (1, 8, 8), 10, {}, 64, False),
    ("resnet18", 8, (1, 8, 8), 10, {}, 128, True),
    ("resnet18", 9, (1, 8, 8), 10, {}, 128, False),
    ("resnet18", 10, (1, 28, 28), 10, {}, 8, True),
    ("resnet18", 11, (1, 28, 28), 10, {}, 8, False),
    ("resnet18", 2, (1, 28, 28), 10, {}, 32, True),
    ("resnet18", 3, (1, 28, 28), 10, {}, 32, False),
    ("resnet18", 1, (1, 28, 28), 10, {}, 128, False),
    ("resnet18", 8, (3, 32, 32), 10, {}, 8, True),
    ("resnet18", 9, (3, 32, 32), 10, {}, 8, False),
    ("resnet18", 1, (3, 32, 32), 10, {}, 32, False),
    ("resnet18", 13, (3, 9, 17), 5, {}, 32, True),
    ("resnet18", 14, (3, 9, 17), 5, {}, 32, False),
    ("resnet18", 3, (3, 9, 17), 5, {}, 128, True),
    ("resnet18", 4, (3, 9, 17), 5, {}, 128, False),
    ("vgg11", 8, (3, 32, 32), 10, {}, 8, True),
    ("vgg11", 9, (3, 32, 32), 10, {}, 8, False),
    ("vgg11", 4, (3, 32, 32), 10, {}, 16, True),
    ("vgg11", 5, (3, 32, 32), 10, {}, 16, False),
    ("vgg11", 1, (3, 32, 32), 10, {}, 128, False),
    ("vgg11", 1, (1, 64, 64), 10, {}, 16, True),
    ("vgg11", 2, (1, 64, 64), 10, {}, 16, False),
    # the input is the largest value
    ("resnet18", 1, (3, 32, 32), 10, {}, 16, True),
    ("resnet18", 1, (3, 32, 32), 10, {}, 24, False),
    ("vgg11", 1, (3, 64, 64), 10, {}, 16, False),
    # without batch norm there are no statistics
    ("vgg11", 8, (3, 32, 32), 10, {"batch_norm": True}, 8, True),
    ("vgg11", 8, (3, 32, 32), 10, PLAIN, 8, False),
    ("vgg11", 1, (3, 32, 32), 10, PLAIN, 8, False),
    # before `curve_points` 4, batches of any size were stacked
    ("resnet18", 8, (1, 8, 8), 10, {}, 100, True),
    ("resnet18", 11, (1, 8, 8), 10, {}, 100, False),
    ("transformer", 1, (), 2, SMALL_TRANSFORMER, 8, False),
    ("transformer", 8, (), 400, {}, 1, False),
]  # fmt: skip

# Network, width, input shape, batch size, answer: curves that `curve_fit` 2 stacked.
MOVED: list[tuple[str, int, tuple[int, ...], int, bool]] = [
    ("resnet18", 20, (1, 8, 8), 12, True),
    ("resnet18", 21, (1, 8, 8), 12, False),  # fitted alone, since its steps were large
    ("resnet18", 7, (1, 8, 8), 100, True),
    ("resnet18", 8, (1, 8, 8), 100, False),
    ("resnet18", 2, (3, 32, 32), 20, True),
    ("resnet18", 2, (3, 32, 32), 28, False),  # fitted alone, since its values were large
    ("resnet18", 20, (1, 8, 8), 8, False),  # is still fitted side by side
    ("resnet18", 2, (1, 8, 8), 128, False),
    ("vgg11", 2, (3, 32, 32), 20, True),
    ("vgg11", 2, (3, 32, 32), 22, False),
    ("transformer", 8, (), 12, False),
]  # fmt: skip


def network_of(spec: Spec) -> Network:
    name, width, shape, n_outputs, args, _, _ = spec
    return {
        "name": name, "width": width, "input_shape": shape, "n_outputs": n_outputs, "args": args,
    }  # fmt: skip


@pytest.mark.parametrize("spec", STEPS, ids=str)
def test_which_steps_are_small(spec: Spec) -> None:
    assert has_small_steps(network_of(spec), spec[-2]) is spec[-1]


@pytest.mark.parametrize("spec", VALUES, ids=str)
def test_which_values_are_small(spec: Spec) -> None:
    assert has_small_values(network_of(spec), spec[-2]) is spec[-1]


@pytest.mark.parametrize("spec", MOVED, ids=str)
def test_which_curves_were_stacked_and_no_longer_are(
    spec: tuple[str, int, tuple[int, ...], int, bool],
) -> None:
    name, width, shape, batch_size, moved = spec
    network = network_of((name, width, shape, 10, {}, batch_size, moved))
    assert moved_from_stacks(network, batch_size) is moved
    numbers = ConnectivityMetric().recipe_numbers(
        ConnectivitySettings(batch_size=batch_size), network
    )
    raised = moved or has_small_steps(network, batch_size)
    assert numbers["curve_fit"] == (3 if raised else 2)


def test_the_tables_cover_every_network() -> None:
    """At least fifty different specs, with both answers for the networks that can be stacked."""
    for specs in (STEPS, VALUES):
        assert len({repr(spec[:-1]) for spec in specs}) == len(specs)
        answers = {(name, answer) for name, *_, answer in specs}
        stacked = {(name, answer) for name in ("resnet18", "vgg11") for answer in (True, False)}
        assert answers == stacked | {("transformer", False)}
    assert len(STEPS) >= 50


def test_custom_code_is_never_grouped() -> None:
    assert not has_small_steps(None, 8)
    assert not moved_from_stacks(None, 12)
    assert has_small_values(None, 8), "whether it is stacked is known only when it is traced"


DIGITS = {"name": "resnet18", "width": 2, "input_shape": (1, 8, 8), "n_outputs": 10, "args": {}}
SGD = {"batch_size": 16, "optimizer": "sgd", "clip_norm": None, "augment": False}


@pytest.mark.parametrize(
    ("network", "changes", "grouped"),
    [
        (DIGITS, {}, True),
        (DIGITS, {"batch_size": 12}, False),
        (DIGITS, {"optimizer": "adam"}, False),
        (DIGITS, {"clip_norm": 1.0}, False),
        (DIGITS, {"augment": True}, False),
        (DIGITS, {"precision": "tf32"}, False),
        (DIGITS, {"precision": "bf16"}, False),
        (DIGITS | {"width": 26}, {}, False),
        (DIGITS | {"name": "transformer", "input_shape": (), "width": 8}, {}, False),
        (None, {}, False),
    ],
    ids=str,
)
def test_which_training_is_grouped(
    network: Network | None, changes: dict[str, Any], grouped: bool
) -> None:
    assert trains_grouped(network, **SGD | changes) is grouped  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "grouped"),
    [
        ({}, True),
        ({"train.schedule": "step", "train.label_smoothing": 0.1, "train.warmup": 5}, True),
        ({"train.stopping": "updates", "temperature.weight_decay": 0.0}, True),
        ({"load.label_noise": 0.2, "load.samples": 500, "load.pixel_noise": 10}, True),
        ({"train.optimizer": "adam"}, False),
        ({"train.clip_norm": 1.0}, False),
        ({"train.augment": True}, False),
        ({"train.precision": "bf16"}, False),
        ({"temperature.batch_size": 20}, False),
        ({"load.width": 64}, False),
        ({"dataset.task": "mine:task"}, False),
        ({"model.name": "mine:network"}, False),
        ({"dataset.name": "mine:data", "model.name": "mine:network"}, False),
        (CUSTOM_CODE, False),
        (TEXT, False),
    ],
    ids=str,
)
def test_which_cells_of_an_experiment_are_grouped(changes: dict[str, Any], grouped: bool) -> None:
    cells = grid_of(changes).cells
    assert {cell.is_grouped for cell in cells} == {grouped}
    assert {cell.recipes["train"] for cell in cells} == {2 if grouped else 1}


def test_a_grid_may_have_cells_of_both_kinds() -> None:
    cells = grid_of({"load.width": [18, 19], "temperature.batch_size": [16, 20, 32]}).cells

    def key(cell: Cell) -> tuple[int, int]:
        return cell.landscape.width, cell.temperature["batch_size"]

    assert {key(cell) for cell in cells if cell.is_grouped} == {(18, 16), (18, 32), (19, 16)}
    assert len(cells) == 6


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"load.width": [18, 19], "measure.connectivity.batch_size": 32}, [True, False]),
        ({"load.width": [9, 10], "measure.connectivity.batch_size": 128}, [True, False]),
        ({"load.width": [2, 4], "measure.connectivity.batch_size": 100}, [False, False]),
        ({**TEXT, "load.width": [8, 16], "measure.connectivity.batch_size": 8}, [False, False]),
    ],
    ids=str,
)
def test_which_curves_of_an_experiment_are_grouped(
    changes: dict[str, Any], fits: list[bool]
) -> None:
    measure = experiment_of(changes).measure
    found = {}
    for cell in grid_of(changes).cells:
        curve = next(
            spec
            for spec in measurements_of(cell.runs, measure, {})
            if spec.metric == "connectivity"
        )
        found[cell.landscape.width] = curve.procedure.group_id is not None
    assert [found[width] for width in sorted(found)] == fits


# The largest value may be the input itself, that of a later stage, or the output.
SIZES = [
    ("resnet18", width, shape, n_outputs, {})
    for width in (1, 2, 3, 8, 13)
    for shape in ((1, 1, 1), (1, 2, 2), (1, 8, 8), (3, 9, 17), (3, 32, 32), (1, 28, 28))
    for n_outputs in (10, 100)
] + [
    ("vgg11", width, shape, 10, args)
    for width in (1, 2, 3, 8)
    for shape in ((3, 32, 32), (1, 32, 48), (3, 40, 33))
    for args in ({"batch_norm": True}, PLAIN)
]


@pytest.mark.parametrize(("name", "width", "shape", "n_outputs", "args"), SIZES, ids=str)
def test_the_evaluator_stacks_where_the_rule_says(
    name: str, width: int, shape: tuple[int, ...], n_outputs: int, args: dict[str, Any]
) -> None:
    """Otherwise numbers would change without a new recipe, or the other way round."""
    sizes = {"width": width, "input_shape": shape, "n_outputs": n_outputs}
    network = build(name, **sizes, args=args, seed=0)  # type: ignore[arg-type]
    data = Samples(torch.zeros(8, *shape, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64))
    task = Classification((0.5,) * shape[0], (0.25,) * shape[0])
    graph = stable_graph(network.eval(), data, task, 8)
    counted = footprint(name, **sizes, args=args)  # type: ignore[arg-type]
    assert graph is not None
    assert counted is not None
    assert counted.largest == graph.largest_value
    described = {"name": name, **sizes, "args": args}
    for batch_size in (8, 16, 64, 128, 1024):
        strategy = batching_strategy(graph, batch_size, next(network.parameters()))
        has_statistics = args != PLAIN
        stacks = has_statistics and strategy.stack_size > 1
        assert has_small_values(described, batch_size) is stacks
    alone = batching_strategy(graph, 12, next(network.parameters()))
    assert alone.stack_size == 1
