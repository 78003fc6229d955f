"""Ids: pinned, and a function of what a thing is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.schemas.expand import expand
from landscape_catalog.schemas.experiment import Experiment
from landscape_catalog.schemas.grid import Grid, chosen_pairs
from landscape_catalog.schemas.identity import RECIPES, canonical_json, derive_seed, identify
from landscape_catalog.schemas.ingredients import DataFacts, Ingredients, Part
from landscape_catalog.schemas.variants import resolve_variants
from landscape_catalog.stages.measurements import hessians_needed, losses_needed, pairs_needed

BASE: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet18"},
    "load": {"width": [2, 4]},
    "temperature": {"batch_size": [16, 32]},
    "train": {"seeds": 2},
    "measure": {},
    "classify": {},
    "report": {},
    "variants": {},
}
DIGITS = DataFacts("images", "c", 1797, 0, 10, (1, 8, 8))


def ingredients(experiment: Experiment) -> Ingredients:
    dataset, model, task = (
        Part(name)
        for name in (experiment.dataset.name, experiment.model.name, experiment.dataset.task)
    )
    return Ingredients(dataset, model, task, lambda _: DIGITS)


def grid(**sections: Any) -> Grid:
    experiment = Experiment.model_validate({**BASE, **sections})
    return expand(resolve_variants(experiment), ingredients)


def test_golden_ids() -> None:
    """These may never change: somebody's finished runs are found by them."""
    first = grid().cells[0]
    measure = Experiment.model_validate(BASE).measure
    assert first.landscape.data.data_id == "7ff70bae4d9c75e1"
    assert first.landscape.landscape_id == "5f9ac81009496231"
    assert first.cell_id == "502cee8040d76387"
    assert [run.run_id for run in first.runs] == ["f08326d11bbf778f", "3a5cda2001985052"]
    assert losses_needed(first.runs, measure)[0].measurement_id == "399da1cf7b672a68"
    assert hessians_needed(first.runs, measure)[0].measurement_id == "ebd155dc7c758a06"
    ids = {item.metric: item.measurement_id for item in pairs_needed(first.runs, measure)}
    assert ids == {
        "connectivity": "a4ce9d0794cadded",
        "similarity": "e4d10c4233103d93",
        "distance": "da51ae58592075ac",
    }


def test_a_recipe_renames_only_what_it_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    before, measure = grid().cells[0], Experiment.model_validate(BASE).measure
    curve, hessian = pairs_needed(before.runs, measure)[0], hessians_needed(before.runs, measure)[0]
    old = (before.runs[0].run_id, curve.measurement_id, hessian.measurement_id)
    monkeypatch.setitem(RECIPES, "curve_fit", 2)
    after = grid().cells[0]
    new = (
        after.runs[0].run_id,
        pairs_needed(after.runs, measure)[0].measurement_id,
        hessians_needed(after.runs, measure)[0].measurement_id,
    )
    assert old[0] == new[0]
    assert old[1] != new[1]
    assert old[2] == new[2]


def test_values_in_effect_are_hashed() -> None:
    ids = [cell.cell_id for cell in grid().cells]
    everything = {"width": [2, 4], "samples": 1437}
    assert [cell.cell_id for cell in grid(load=everything).cells] == ids
    assert [cell.cell_id for cell in grid(load={"width": [2, 4], "pixel_noise": 0}).cells] == ids
    integer_rate = {"batch_size": [16, 32], "lr": 1}
    float_rate = {"batch_size": [16, 32], "lr": 1.0}
    assert (
        grid(temperature=integer_rate).cells[0].cell_id
        == grid(temperature=float_rate).cells[0].cell_id
    )


def test_seeds_are_a_count() -> None:
    """Adding a seed adds runs and renames none."""
    few, more = grid(), grid(train={"seeds": 3})
    assert {run.run_id for run in few.runs} < {run.run_id for run in more.runs}
    assert len(more.runs) == 12


def test_thresholds_and_drawing_name_nothing() -> None:
    ids = [run.run_id for run in grid().runs]
    assert [run.run_id for run in grid(classify={"train_loss": 1.0}).runs] == ids
    assert [run.run_id for run in grid(report={"title": "other"}).runs] == ids


def test_another_axis_value_renames_none() -> None:
    wider = grid(load={"width": [2, 4, 8]})
    assert {run.run_id for run in grid().runs} < {run.run_id for run in wider.runs}
    fixed = grid(load={"width": 2})
    assert {run.run_id for run in fixed.runs} < {run.run_id for run in grid().runs}


def test_every_id_is_different() -> None:
    cells = grid(load={"width": [2, 4], "label_noise": [0.0, 0.2]}, train={"seeds": 3}).runs
    assert len({run.run_id for run in cells}) == 2 * 2 * 2 * 3


def test_the_grid_has_the_order_of_its_axes() -> None:
    found = grid()
    assert [axis.path for axis in found.axes] == ["load.width", "temperature.batch_size"]
    places = [
        (cell.values["load.width"], cell.values["temperature.batch_size"]) for cell in found.cells
    ]
    assert places == [(2, 16), (2, 32), (4, 16), (4, 32)]
    assert len(found.data) == 1
    assert len(found.landscapes) == 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_canonical_json_does_not_see_order(value: Any) -> None:
    def reversed_keys(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: reversed_keys(part[key]) for key in reversed(list(part))}
        return [reversed_keys(item) for item in part] if isinstance(part, list) else part

    assert canonical_json(value) == canonical_json(reversed_keys(value))


def test_canonical_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_seeds_differ_by_purpose() -> None:
    seeds = {derive_seed("data", purpose, 0) for purpose in ("curve", "hessian", "similarity")}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert identify("a", 1, ()) != identify("b", 1, ())


def test_pairs() -> None:
    runs = ["a", "b", "c", "d"]
    assert chosen_pairs(runs, "first") == [("a", "b")]
    assert chosen_pairs(runs, "ring") == [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    assert len(chosen_pairs(runs, "all")) == 6
    assert chosen_pairs(["a", "b"], "ring") == [("a", "b")]
    assert chosen_pairs(["a"], "first") == []
