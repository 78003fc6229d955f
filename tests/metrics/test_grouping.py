"""Which curves are fitted as a group: a frozen rule, since grouping affects rounding."""

from __future__ import annotations

from typing import Any

import pytest

from landscape_catalog.metrics.connectivity.grouping import fits_in_group
from landscape_catalog.pipeline.shared.measurement_specs import measurements_of
from tests.experiment.grids import TEXT, experiment_of, grid_of

# Network, width, input shape, outputs, args, batch size, answer: mostly the widest network that
# fits and the narrowest that does not. The answers belong to `curve_fit` recipe 2; if one changes,
# stored curves are no longer what the code computes.
Spec = tuple[str, int, tuple[int, ...], int, dict[str, Any], int, bool]
SPECS: list[Spec] = [
    ("resnet18", 12, (1, 8, 8), 10, {}, 32, True),
    ("resnet18", 13, (1, 8, 8), 10, {}, 32, False),
    ("resnet18", 6, (1, 8, 8), 10, {}, 128, True),
    ("resnet18", 7, (1, 8, 8), 10, {}, 128, False),
    ("resnet18", 3, (1, 28, 28), 10, {}, 32, True),
    ("resnet18", 4, (1, 28, 28), 10, {}, 32, False),
    ("resnet18", 1, (1, 28, 28), 10, {}, 128, True),
    ("resnet18", 2, (1, 28, 28), 10, {}, 128, False),
    ("resnet18", 3, (3, 32, 32), 10, {}, 32, True),
    ("resnet18", 4, (3, 32, 32), 10, {}, 32, False),
    ("resnet18", 1, (3, 32, 32), 10, {}, 128, True),
    ("resnet18", 2, (3, 32, 32), 10, {}, 128, False),
    ("resnet18", 3, (3, 32, 32), 100, {}, 32, True),
    ("resnet18", 4, (3, 32, 32), 100, {}, 32, False),
    ("resnet18", 1, (3, 32, 32), 100, {}, 128, True),
    ("resnet18", 2, (3, 32, 32), 100, {}, 128, False),
    ("resnet18", 6, (3, 9, 17), 5, {}, 32, True),
    ("resnet18", 7, (3, 9, 17), 5, {}, 32, False),
    ("resnet18", 3, (3, 9, 17), 5, {}, 128, True),
    ("resnet18", 4, (3, 9, 17), 5, {}, 128, False),
    ("vgg11", 8, (3, 32, 32), 10, {}, 16, True),
    ("vgg11", 9, (3, 32, 32), 10, {}, 16, False),
    ("vgg11", 2, (3, 32, 32), 10, {}, 128, True),
    ("vgg11", 3, (3, 32, 32), 10, {}, 128, False),
    ("vgg11", 6, (1, 32, 48), 100, {"batch_norm": False}, 16, True),
    ("vgg11", 7, (1, 32, 48), 100, {"batch_norm": False}, 16, False),
    ("vgg11", 2, (1, 32, 48), 100, {"batch_norm": False}, 128, True),
    ("vgg11", 3, (1, 32, 48), 100, {"batch_norm": False}, 128, False),
    ("vgg11", 3, (3, 64, 64), 10, {}, 16, True),
    ("vgg11", 4, (3, 64, 64), 10, {}, 16, False),
    ("vgg11", 1, (3, 64, 64), 10, {}, 128, True),
    ("vgg11", 2, (3, 64, 64), 10, {}, 128, False),
    ("transformer", 96, (), 400, {}, 1, True),
    ("transformer", 104, (), 400, {}, 1, False),
    ("transformer", 32, (), 400, {}, 8, True),
    ("transformer", 40, (), 400, {}, 8, False),
    ("transformer", 8, (), 400, {}, 64, True),
    ("transformer", 16, (), 400, {}, 64, False),
    ("transformer", 242, (), 400, {"n_layers": 1, "n_heads": 2}, 1, True),
    ("transformer", 244, (), 400, {"n_layers": 1, "n_heads": 2}, 1, False),
    ("transformer", 80, (), 400, {"n_layers": 1, "n_heads": 2}, 8, True),
    ("transformer", 82, (), 400, {"n_layers": 1, "n_heads": 2}, 8, False),
    ("transformer", 22, (), 400, {"n_layers": 1, "n_heads": 2}, 64, True),
    ("transformer", 24, (), 400, {"n_layers": 1, "n_heads": 2}, 64, False),
    ("transformer", 128, (), 8000, {"n_layers": 2, "n_heads": 4, "feed_forward": 2}, 1, True),
    ("transformer", 132, (), 8000, {"n_layers": 2, "n_heads": 4, "feed_forward": 2}, 1, False),
    ("transformer", 24, (), 8000, {"n_layers": 2, "n_heads": 4, "feed_forward": 2}, 8, True),
    ("transformer", 28, (), 8000, {"n_layers": 2, "n_heads": 4, "feed_forward": 2}, 8, False),
    ("transformer", 4, (), 8000, {"n_layers": 2, "n_heads": 4, "feed_forward": 2}, 64, False),
    ("resnet18", 64, (3, 32, 32), 10, {}, 128, False),
]  # fmt: skip


@pytest.mark.parametrize(("network", "width", "shape", "outputs", "args", "batch", "fits"), SPECS)
def test_the_answers_are_pinned(
    network: str,
    width: int,
    shape: tuple[int, ...],
    outputs: int,
    args: dict[str, Any],
    batch: int,
    fits: bool,
) -> None:
    found = fits_in_group(
        network, width=width, input_shape=shape, n_outputs=outputs, args=args, batch_size=batch
    )
    assert found is fits


def test_the_table_covers_every_network() -> None:
    """Fifty different specs, with both answers for every network."""
    assert len({repr(spec[:-1]) for spec in SPECS}) == len(SPECS) == 50
    networks = {spec[0] for spec in SPECS}
    assert networks == {"resnet18", "vgg11", "transformer"}
    assert {(spec[0], spec[-1]) for spec in SPECS} == {(n, a) for n in networks for a in (0, 1)}


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"load.width": [12, 13], "measure.connectivity.batch_size": 32}, [True, False]),
        ({"load.width": [6, 7], "measure.connectivity.batch_size": 128}, [True, False]),
        ({**TEXT, "load.width": [32, 40], "measure.connectivity.batch_size": 8}, [True, False]),
    ],
    ids=str,
)
def test_curves_of_an_experiment(changes: dict[str, Any], fits: list[bool]) -> None:
    measure = experiment_of(changes).measure
    found = {}
    for cell in grid_of(changes).cells:
        curve = next(
            spec
            for spec in measurements_of(cell.runs, measure, {})
            if spec.metric == "connectivity"
        )
        found[cell.landscape.width] = curve.group_id is not None
    assert [found[width] for width in sorted(found)] == fits
