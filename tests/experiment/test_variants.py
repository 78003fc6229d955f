"""Variants: overlays on an experiment, each of which adds a copy of its grid."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.expand import expand
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.reading import parse_experiment
from landscape_catalog.experiment.variants import overlaid, resolve_variants
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.workspace import lay_out
from landscape_catalog.presets.render import render
from tests.experiment.grids import BASE, components, experiment_of, grid_of, put

DECAY = {"train.schedule": "step", "train.epochs": 100, "temperature.lr": 0.1}


def with_variants(**variants: dict[str, Any]) -> dict[str, Any]:
    return {"variants": variants}


def problems_of(changes: dict[str, Any]) -> list[Problem]:
    """The problems of an experiment with these changes, found while expanding it."""
    experiment = experiment_of(changes)
    with pytest.raises(SpecError) as caught:
        expand(resolve_variants(experiment), components)
    assert caught.value.exit_code == 2
    return caught.value.problems


def test_base_alone() -> None:
    experiment = experiment_of({})
    assert resolve_variants(experiment) == {"base": experiment}
    grid = grid_of({})
    assert grid.variants == ("base",)
    assert {cell.variant for cell in grid.cells} == {"base"}


def test_an_overlay_equals_the_experiment_written_out() -> None:
    """It equals the experiment with the same values written out."""
    found = resolve_variants(experiment_of(with_variants(decay=DECAY)))
    assert found["decay"] == experiment_of(DECAY)
    assert found["base"].train.schedule == "constant"


def test_overlays_modify_nothing() -> None:
    changes = with_variants(decay=DECAY, wide={"load.width": [8]})
    data = put(BASE, changes)
    untouched = copy.deepcopy(data)
    experiment = Experiment.model_validate(data)
    found = resolve_variants(experiment)
    assert data == untouched
    assert found["wide"].train == experiment.train, "no variant builds on another"
    assert found["wide"].variants == {}


def test_order() -> None:
    """The base comes first, then variants as listed; cells are grouped by variant."""
    grid = grid_of(with_variants(b={"temperature.lr": 0.2}, a={"temperature.lr": 0.1}))
    assert grid.variants == ("base", "b", "a")
    assert [cell.variant for cell in grid.cells] == ["base"] * 4 + ["b"] * 4 + ["a"] * 4
    assert [cell.lr for cell in grid.cells] == [0.05] * 4 + [0.2] * 4 + [0.1] * 4


def test_paths_are_set_in_order() -> None:
    overlay = {"model.args": {"n_layers": 2}, "model.args.n_heads": 4}
    assert overlaid({"model": {"name": "t"}}, overlay) == {
        "model": {"name": "t", "args": {"n_layers": 2, "n_heads": 4}}
    }
    reversed_order = dict(reversed(overlay.items()))
    assert overlaid({"model": {"name": "t"}}, reversed_order)["model"]["args"] == {"n_layers": 2}


def test_nested_paths() -> None:
    grid = grid_of(
        {
            "model.name": "mine:network",
            "load.width": 4,
            "variants": {
                "deep": {"model.args.depth": 9},
                "deeper": {"load.extra.depth": [10, 11], "dataset.test_samples": 100},
            },
        }
    )
    depths = [(cell.variant, cell.model_args.get("depth")) for cell in grid.cells[::2]]
    assert depths == [("base", None), ("deep", 9), ("deeper", 10), ("deeper", 11)]


@settings(deadline=None)
@given(
    st.recursive(
        st.integers(0, 3),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
        max_leaves=8,
    ).filter(lambda value: isinstance(value, dict)),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4),
    st.integers(4, 9),
)
def test_a_path_changes_only_what_it_names(data: Any, path: list[str], value: int) -> None:
    def leaves(part: Any, where: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
        if not isinstance(part, dict):
            return {where: part}
        found = {}
        for key, inner in part.items():
            found |= leaves(inner, (*where, key))
        return found

    before, untouched = leaves(data), copy.deepcopy(data)
    blocked = any(before.get(tuple(path[:n])) is not None for n in range(1, len(path)))
    if blocked:
        with pytest.raises(KeyError) as caught:
            overlaid(data, {".".join(path): value})
        assert caught.value.args == (".".join(path),)
        return
    after = leaves(overlaid(data, {".".join(path): value}))
    kept = {where: leaf for where, leaf in before.items() if list(where[: len(path)]) != path}
    assert after == kept | {tuple(path): value}
    assert data == untouched


@pytest.mark.parametrize(
    ("overlay", "path", "given_value", "allowed"),
    [
        ({"load.widht": 3}, "load.widht", "an unknown key", "did you mean `width`?"),
        ({"load.width": "wide"}, "load.width", "'wide'", "integer"),
        ({"load.width": [2, 0]}, "load.width", "0", "greater than 0"),
        ({"train.schedule": "cosine"}, "train.schedule", "'cosine'", "'constant', 'step' or"),
        ({"train.stop.patience": 3}, "train.stop", "an unknown key", "stop_patience"),
        (
            {"load.width.k": 3},
            "load.width.k",
            "a path below a parameter",
            "the path of a parameter",
        ),
        ({"temperature.lr": None}, "temperature.lr", "null", "number"),
        ({"model.args.a-b": 1}, "model.args.a-b", "'a-b'", "a name"),
        ({"model.args": 1}, "model.args", "1", "a mapping"),
        # Problems that only the whole grid reveals.
        ({"load.samples": 5000}, "load.samples", "5000", "at most 1437"),
        ({"temperature.batch_size": 2000}, "temperature.batch_size", "2000", "at most 1437"),
        ({"model.name": "vgg11"}, "dataset.resize", "images of 8 x 8", "at least 32 x 32"),
        ({"model.args.depth": 2}, "model.args.depth", "an unknown parameter", "none: resnet18"),
        (
            {"load.extra.depth": 2},
            "load.extra.depth",
            "a parameter that no function takes",
            "nothing",
        ),
    ],
)
def test_problems_name_the_variant(
    overlay: dict[str, Any], path: str, given_value: str, allowed: str
) -> None:
    (problem,) = problems_of(with_variants(good=DECAY, bad=overlay))
    assert problem.path == f"variants.bad.{path}"
    assert problem.given == given_value
    assert allowed in problem.allowed


def test_a_missing_file_of_a_variant(tmp_path: Path) -> None:
    experiment = experiment_of(with_variants(mine={"dataset.name": "arrays"}))
    with pytest.raises(SpecError) as caught:
        lay_out(experiment, Project(tmp_path))
    (problem,) = caught.value.problems
    assert (problem.path, problem.given) == ("variants.mine.dataset.path", "null")


@pytest.mark.parametrize(
    "path",
    [
        "measure.hessian.samples",
        "classify.train_loss",
        "report.title",
        "execution.device",
        "variants.other",
        "lod.width",
        "load",  # the rest of the section would fall back to its defaults
        "load.",
        "",
    ],
)
def test_paths_that_variants_cannot_change(path: str) -> None:
    sections = "dotted paths under dataset, model, load, temperature, train"
    assert problems_of(with_variants(v={"train.epochs": 3, path: 1})) == [
        Problem("variants.v", repr(path), sections)
    ]


def test_an_empty_overlay() -> None:
    (problem,) = problems_of(with_variants(v={}))
    assert (problem.path, problem.given) == ("variants.v", "an empty overlay")


def test_the_name_base() -> None:
    (problem,) = problems_of(with_variants(base=DECAY))
    assert problem.path == "variants.base"
    assert "the grid itself is `base`" in problem.allowed


@pytest.mark.parametrize("name", ["a-b", "1a", "", "a b"])
def test_invalid_names(name: str) -> None:
    with pytest.raises(SpecError, match="letters, digits and `_`"):
        parse_experiment(as_yaml(put(BASE, {"variants": {name: DECAY}})))


@pytest.mark.parametrize(
    ("overlay", "shared_with"),
    [
        ({"train.epochs": 150}, "base"),  # the default
        ({"train.factor": 0.5}, "base"),  # without effect
        ({"train.seeds": 4}, "base"),  # a count
        ({"train.first_seed": 4}, "base"),  # other runs of the same cells
        ({"load.width": [4, 8]}, "base"),  # some cells exist already
        ({"temperature.lr": 0.2}, "first"),
    ],
)
def test_variants_that_share_cells(overlay: dict[str, Any], shared_with: str) -> None:
    found = problems_of(with_variants(first={"temperature.lr": 0.2}, second=overlay))
    (problem,) = found
    assert problem.path == "variants.second"
    assert f"`{shared_with}`" in problem.given


def test_problems_of_the_base_are_reported_once() -> None:
    found = problems_of({"load.samples": 5000} | with_variants(a=DECAY, b={"train.epochs": 3}))
    assert [problem.path for problem in found] == ["load.samples"]


def test_all_problems_are_reported_together() -> None:
    found = problems_of(
        with_variants(a={"load.widht": 3, "train.epochs": 0}, base={}, b={"report.x": "load.width"})
    )
    assert [problem.path for problem in found] == [
        "variants.a.load.widht",
        "variants.a.train.epochs",
        "variants.base",
        "variants.b",
    ]


def test_axes_of_all_variants() -> None:
    """The union of the values, in order of appearance; a scalar is not an axis."""
    grid = grid_of(
        {
            "load.width": [2, 4],
            "variants": {
                "wide": {"load.width": [16, 2], "train.epochs": 3},
                "fixed": {"load.width": 32, "temperature.lr": [0.1, 0.2]},
                "noisy": {"load.label_noise": [0.1, 0.2], "temperature.batch_size": 64},
            },
        }
    )
    assert {axis.path: axis.values for axis in grid.axes} == {
        "load.width": (2, 4, 16),
        "temperature.batch_size": (16, 32),
        "temperature.lr": (0.1, 0.2),
        "load.label_noise": (0.1, 0.2),
    }
    sizes = {name: sum(cell.variant == name for cell in grid.cells) for name in grid.variants}
    assert sizes == {"base": 4, "wide": 4, "fixed": 4, "noisy": 4}
    widths = {cell.landscape.width for cell in grid.cells if cell.variant == "fixed"}
    assert widths == {32}


def test_variants_may_have_other_data_and_seeds() -> None:
    grid = grid_of(
        with_variants(
            cifar={"dataset.name": "cifar10", "dataset.test_samples": "all", "train.seeds": 3}
        )
    )
    samples = {cell.variant: cell.load["samples"] for cell in grid.cells}
    assert samples == {"base": 1437, "cifar": 50_000}
    assert len(grid.data) == 2
    assert len(grid.runs) == 4 * 2 + 4 * 3


def as_yaml(data: dict[str, Any]) -> str:
    stream, yaml = io.StringIO(), YAML(typ="safe", pure=True)
    yaml.representer.sort_base_mapping_type_on_output = False
    yaml.dump(data, stream)
    return stream.getvalue()


VARIANTS = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda n: n != "base"),
    st.fixed_dictionaries(
        {"train.epochs": st.integers(1, 200)},
        optional={
            "train.milestones": st.lists(st.floats(0, 1), min_size=1, max_size=3),
            "temperature.lr": st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=3, unique=True),
            "train.clip_norm": st.none() | st.floats(1e-9, 1e9),
            "train.linear_scaling": st.booleans(),
            "model.name": st.sampled_from(["vgg11", "mine:network"]),
            "model.args": st.fixed_dictionaries({"batch_norm": st.booleans()}),
        },
    ),
    max_size=2,
)


@settings(max_examples=12, deadline=None)
@given(VARIANTS)
def test_round_trips(variants: dict[str, Any]) -> None:
    """Via JSON, via YAML, and via the text of `params.yaml`."""
    experiment = experiment_of({"variants": variants})
    as_json = json.loads(experiment.model_dump_json())
    for again in (
        Experiment.model_validate(as_json),
        parse_experiment(as_yaml(as_json)),
        parse_experiment(render(experiment, "A test.")),
    ):
        assert again == experiment
        assert resolve_variants(again) == resolve_variants(experiment)
        assert list(again.variants) == list(variants)
