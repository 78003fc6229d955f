"""`measure.batch_norm`: which measurements it renames, for which networks and settings."""

from __future__ import annotations

from typing import Any

import pytest

from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.pipeline.shared.measurement_specs import losses_of, measurements_of
from tests.experiment.grids import TEXT, experiment_of, grid_of

OWN = {"measure.custom": [{"name": "mine", "scope": "run", "function": "mine:metric"}]}
ON_RUNS = {"loss", "hessian", "density", "layers", "similarity", "custom"}
ON_CURVES = {"connectivity", "barrier"}
NONE: set[str] = set()
EVERYTHING = {"measure.hessian.density": True, "measure.hessian.layers": True, **OWN}


def ids_by_metric(changes: dict[str, Any]) -> dict[str, list[str]]:
    """The ids of all measurements of the first cell, by metric."""
    cell, measure = grid_of(changes).cells[0], experiment_of(changes).measure
    specs = [
        *losses_of(cell.runs, measure),
        *measurements_of(cell.runs, measure, {"mine:metric": "a" * 64}),
    ]
    found: dict[str, list[str]] = {}
    for spec in specs:
        found.setdefault(spec.metric, []).append(spec.measurement_id)
    return found


def renamed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The metrics whose ids differ between two experiments that measure the same."""
    one, other = ids_by_metric(before), ids_by_metric(after)
    common = one.keys() & other.keys()
    assert one.keys() ^ other.keys() <= {"statistics"}
    return {name for name in common if one[name] != other[name]}


NETWORKS: dict[str, dict[str, Any]] = {
    "resnet18": {},
    "vgg11": {"model.name": "vgg11", "dataset.name": "cifar10"},
    "vgg11 without": {
        "model.name": "vgg11",
        "dataset.name": "cifar10",
        "model.args": {"batch_norm": False},
    },
    "transformer": TEXT,
    "own network": {"model.name": "mine:network"},
}
HAVE_NORM = {"resnet18", "vgg11", "own network"}  # an own network may have it


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("choice", "expected"),
    [("recomputed", ON_RUNS), ("running", ON_CURVES), ("authors", NONE)],
)
def test_what_a_choice_renames(network: str, choice: str, expected: set[str]) -> None:
    changes = NETWORKS[network] | EVERYTHING
    authors = changes | {"measure.batch_norm": "authors"}
    chosen = changes | {"measure.batch_norm": choice}
    assert renamed(authors, chosen) == (expected if network in HAVE_NORM else NONE)
    compared = "statistics" in ids_by_metric(chosen)
    assert compared == (network in HAVE_NORM and choice != "authors")
    runs = [[run.run_id for run in grid_of(of).runs] for of in (authors, chosen)]
    assert runs[0] == runs[1]


def test_every_metric_is_in_the_table() -> None:
    assert {*ON_RUNS, *ON_CURVES, "distance", "statistics"} == set(METRICS)


def test_recomputed_is_the_default_and_authors_is_not_stored() -> None:
    assert "batch_norm" not in experiment_of({}).measure.stored()
    default = type(experiment_of({}).measure)()
    assert default.batch_norm == "recomputed"
    assert default.stored()["batch_norm"] == "recomputed"


def test_a_hessian_in_train_mode_sees_the_batch_only() -> None:
    mode = EVERYTHING | {"measure.hessian.mode": "train"}
    expected = ON_RUNS - {"hessian", "density", "layers"}
    assert renamed(mode, mode | {"measure.batch_norm": "recomputed"}) == expected


PROBES = [{"batch_size": 64}, {"name": "other", "batch_size": 64}]


@pytest.mark.parametrize(
    ("probes", "choice", "expected"),
    [
        ([{"batch_size": 32}, PROBES[1]], "recomputed", ON_RUNS | ON_CURVES | {"statistics"}),
        ([{"batch_size": 32}, PROBES[1]], "authors", ON_CURVES),
        ([PROBES[0], {"name": "other", "batch_size": 32}], "recomputed", {"connectivity"}),
        ([{"batch_size": 64, "repeats": 1, "pairs": "all"}, PROBES[1]], "recomputed", NONE),
        ([PROBES[0], {"name": "renamed", "batch_size": 64}], "recomputed", NONE),
    ],
    ids=["primary", "primary, authors", "secondary", "same length", "name"],
)
def test_the_primary_probe_says_how_statistics_are_recomputed(
    probes: list[dict[str, Any]], choice: str, expected: set[str]
) -> None:
    chosen = EVERYTHING | {"measure.batch_norm": choice}
    one, other = (chosen | {"measure.connectivity": found} for found in (PROBES, probes))
    assert renamed(one, other) == expected
