"""Presets: the experiments behind the paper's figures, at three scales."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from landscape_catalog.cli import app
from landscape_catalog.commands.preset_app import Scale as ScaleOption
from landscape_catalog.commands.presets import (
    list_presets,
    preset_text,
    show_preset,
    use_preset,
)
from landscape_catalog.errors import SpecError
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Cell, Grid
from landscape_catalog.experiment.reading import parse_experiment, read_experiment
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.measurement_specs import measurements_of
from landscape_catalog.pipeline.shared.workspace import lay_out, open_workspace
from landscape_catalog.presets import PRESETS, Scale
from tests.conftest import ROOT

SCALES: tuple[Scale, ...] = ("paper", "small", "smoke")
NOWHERE = Project(Path("no such folder"))  # laying out a preset needs no files

# The axes that the authors ran, according to their scripts.
WIDTHS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128)
BATCHES = (16, 24, 32, 44, 64, 92, 128, 180, 256, 364, 512, 724, 1024)
RATES = (
    0.4, 0.28, 0.2, 0.14, 0.1, 0.07, 0.05, 0.035, 0.025, 0.0177, 0.0125, 0.0088, 0.00625, 0.0044,
    0.003125, 0.0022, 0.0015625,
)  # fmt: skip
DECAYS = (
    5e-3, 4.5e-3, 4e-3, 3.5e-3, 3e-3, 2.5e-3, 2e-3, 1.5e-3, 1e-3, 7e-4, 5e-4, 3.2e-4, 2e-4, 1.4e-4,
    1e-4, 7e-5, 5e-5,
)  # fmt: skip
NOISES = (
    0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7,
    0.75, 0.8,
)  # fmt: skip
AMOUNTS = (5000, 10000, 15000, 20000, 25000, 30000, 35000, 40000, 45000, 50000)


@cache
def named(figure: int) -> str:
    (name,) = [name for name in PRESETS if name.startswith(f"fig{figure:02}-")]
    return name


@cache
def experiment(figure: int, scale: Scale = "paper") -> Experiment:
    return PRESETS[named(figure)].experiment(scale)


@cache
def grid(figure: int, scale: Scale = "paper") -> Grid:
    return lay_out(experiment(figure, scale), NOWHERE)


def runs(figure: int, selected: Callable[[Cell], bool] = lambda _: True) -> set[str]:
    """The run ids of a figure's selected cells at the paper's scale."""
    return {run.run_id for cell in grid(figure).cells if selected(cell) for run in cell.runs}


def axes(figure: int) -> dict[str, tuple[Any, ...]]:
    return {axis.path: axis.values for axis in grid(figure).axes}


def test_the_command_line_accepts_the_scales_of_presets() -> None:
    assert tuple(scale.value for scale in ScaleOption) == SCALES == get_args(Scale)


def test_every_figure_has_one_preset() -> None:
    assert all(re.fullmatch(r"fig\d\d-[a-z0-9-]+", name) for name in PRESETS)
    assert [int(name[3:5]) for name in PRESETS] == list(range(2, 24))
    assert all(name == preset.name for name, preset in PRESETS.items())
    for preset in PRESETS.values():
        assert preset.reproduces.startswith(f"Figure {int(preset.name[3:5])}:")
        assert preset.expect.endswith(".")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("figure", range(2, 24))
def test_the_text_of_a_preset_reads_back(figure: int, scale: Scale) -> None:
    """A preset is valid, can be laid out, and its `params.yaml` gives the same experiment."""
    text = preset_text(PRESETS[named(figure)], scale)
    assert parse_experiment(text) == experiment(figure, scale)
    assert text.splitlines()[0] == "# yaml-language-server: $schema=schemas/experiment.schema.json"
    assert f"# Preset {named(figure)} at scale {scale}. Figure {figure}:" in text
    assert max(map(len, (line for line in text.splitlines() if line.startswith("#")))) <= 100
    assert grid(figure, scale).cells


def test_the_text_contains_every_parameter() -> None:
    """No value is left to its default, so that a reader can change any of them."""

    def names(model: Any, path: str = "") -> set[str]:
        found = set()
        for name in type(model).model_fields:
            value = getattr(model, name)
            is_section = hasattr(type(value), "model_fields")
            found |= names(value, f"{path}{name}.") if is_section else {path + name}
        return found

    def keys(data: Any, path: str = "") -> set[str]:
        found = set()
        for name, value in data.items():
            inner = isinstance(value, dict) and value and f"{path}{name}" in sections
            found |= keys(value, f"{path}{name}.") if inner else {path + name}
        return found

    whole = experiment(2)
    sections = {path.rpartition(".")[0] for path in names(whole)}
    text = preset_text(PRESETS[named(2)], "paper")
    assert keys(YAML(typ="safe", pure=True).load(text)) == names(whole)


@pytest.mark.parametrize("figure", range(2, 24))
def test_a_smoke_preset_is_small_and_needs_no_download(figure: int) -> None:
    found = grid(figure, "smoke")
    assert {cell.landscape.data.dataset.name for cell in found.cells} <= {"digits", "number_words"}
    assert len(found.cells) <= 16
    assert max(cell.train.seeds for cell in found.cells) == 2


@pytest.mark.parametrize("figure", range(2, 24))
def test_a_small_preset_runs_overnight(figure: int) -> None:
    """It has few runs, no large download, and the same axes as the paper."""
    found = grid(figure, "small")
    assert len(found.runs) <= 200
    names = {cell.landscape.data.dataset.name for cell in found.cells}
    assert names <= {"fashion_mnist", "mnist", "cifar100", "number_words"}
    assert [axis.path for axis in found.axes] == [axis.path for axis in grid(figure).axes]


@pytest.mark.parametrize("figure", range(2, 24))
def test_the_paper_has_five_seeds(figure: int) -> None:
    assert {cell.train.seeds for cell in grid(figure).cells} == {5}


WIDTH, BATCH, LR, DECAY = (
    "load.width", "temperature.batch_size", "temperature.lr", "temperature.weight_decay",
)  # fmt: skip


@pytest.mark.parametrize("figure", [2, 3, 4, 9, 10, 11, 13, 23])
def test_width_against_batch_size(figure: int) -> None:
    assert axes(figure) == {WIDTH: WIDTHS, BATCH: BATCHES}
    n_variants = 2 if figure == 13 else 1
    assert len(grid(figure).cells) == 14 * 13 * n_variants


@pytest.mark.parametrize("figure", [17, 20])
def test_width_against_learning_rate(figure: int) -> None:
    assert axes(figure) == {WIDTH: WIDTHS, LR: RATES}
    assert len(grid(figure).cells) == 14 * 17
    assert {cell.temperature["batch_size"] for cell in grid(figure).cells} == {128}


def test_the_other_axes_of_the_paper() -> None:
    assert axes(5) == {WIDTH: WIDTHS, DECAY: DECAYS}
    assert axes(6) == {WIDTH: WIDTHS, "load.samples": AMOUNTS, BATCH: BATCHES}
    assert axes(7)["load.samples"] == AMOUNTS
    assert axes(7)["load.label_noise"] == (0.0, 0.1)
    assert axes(8) == {"load.label_noise": NOISES, BATCH: BATCHES}
    assert axes(21)["load.pixel_noise"][0] == 0
    assert axes(22)[WIDTH] == WIDTHS
    assert axes(22)[BATCH][-3:] == (2048, 4096, 8192)
    for figure in (12, 14, 15, 16):  # at a lower resolution
        assert set(axes(figure)) == {WIDTH, BATCH}
        assert set(axes(figure)[WIDTH]) < {*WIDTHS, *(2**k for k in range(8))}
        assert set(axes(figure)[BATCH]) < set(BATCHES)


def test_data_network_and_noise() -> None:
    """Data, network and noise of each figure, according to its caption."""
    cells = {figure: grid(figure).cells for figure in range(2, 24)}
    names = {f: {c.landscape.data.dataset.name for c in cells[f]} for f in cells}
    other = {14: "svhn", 15: "cifar100", 18: "iwslt_de_en", 19: "iwslt_de_en"}
    assert names == {f: {other.get(f, "cifar10")} for f in cells}
    networks = {f: {c.landscape.model.name for c in cells[f]} for f in cells}
    others = {16: "vgg11", 18: "transformer", 19: "transformer"}
    assert networks == {f: {others.get(f, "resnet18")} for f in cells}
    noisy = {f for f in cells if any(c.load["label_noise"] > 0 for c in cells[f])}
    assert noisy == {4, 7, 8, 17}
    assert {c.load["label_noise"] for f in (4, 17) for c in cells[f]} == {0.1}
    decayed = {f for f in cells if any(c.train.schedule == "step" for c in cells[f])}
    assert decayed == {3, 13}
    assert {f for f in cells if any(c.train.linear_scaling for c in cells[f])} == {23}
    assert {f for f in cells if any(c.load["pixel_noise"] > 0 for c in cells[f])} == {21}


def test_the_standard_setting() -> None:
    (found,) = {cell.train for cell in grid(2).cells}
    assert (found.epochs, found.momentum, found.optimizer) == (150, 0.9, "sgd")
    assert (found.stopping, found.stop_not_before) == ("epochs", 30)
    cell = grid(2).cells[0]
    assert (cell.lr, cell.temperature["weight_decay"], cell.load["samples"]) == (0.05, 5e-4, 50_000)
    measure = experiment(2).measure
    assert measure.snapshots == ("early_stopped",)
    curve, similarity = measure.probes("connectivity")[0], measure.probes("similarity")[0]
    assert (curve.epochs, curve.lr, curve.batch_size, curve.init) == (50, 0.01, 128, "random")
    assert (similarity.samples, similarity.coefficient, similarity.alpha) == (768, "batch", 16.0)
    assert measure.hessian.samples == 200


def test_decay_is_that_of_the_released_code() -> None:
    (found,) = {cell.train for cell in grid(3).cells}
    assert (found.schedule, found.milestones, found.factor) == ("step", (0.75,), 0.1)
    assert (found.epochs, found.stopping) == (100, "epochs")
    assert {cell.lr for cell in grid(3).cells} == {0.1}
    assert experiment(3).measure.snapshots == ("best_train_loss",)


def test_translation_is_trained_as_in_the_paper() -> None:
    (found,) = {cell.train for cell in grid(18).cells}
    assert (found.optimizer, found.stopping, found.updates) == ("adam", "updates", 80_000)
    assert (found.label_smoothing, found.warmup) == (0.1, 4000)
    assert {cell.load["samples"] for cell in grid(18).cells} == {4000}
    assert grid(19).variants == ("base", "inverse_sqrt")
    assert experiment(19).measure.snapshots == ("last", "best_test")
    assert runs(18) == runs(19, lambda cell: cell.variant == "base")


def test_probes_of_the_ablations() -> None:
    alphas = [probe.alpha for probe in experiment(9).measure.probes("similarity")]
    assert (alphas[0], sorted(alphas)) == (16.0, [0.5, 1, 4, 16, 32])
    noises = experiment(10).measure.probes("similarity")
    assert sorted(probe.noise for probe in noises) == [5, 10, 20, 40, 80]
    assert {probe.perturbation for probe in noises} == {"pixel_noise"}
    curves = experiment(11).measure.probes("connectivity")
    assert {(curve.lr, curve.epochs, curve.control_points) for curve in curves} == {
        (0.003, 150, 3), (0.01, 50, 3), (0.03, 40, 3), (0.01, 50, 4),
    }  # fmt: skip


@pytest.mark.parametrize("figure", [9, 10, 11])
def test_ablations_measure_the_networks_of_figure_2(figure: int) -> None:
    assert runs(figure) == runs(2)


def test_the_primary_probe_of_an_ablation_is_that_of_figure_2() -> None:
    """So its results can be reused."""

    def measured(figure: int, metric: str) -> set[str]:
        specs = measurements_of(grid(figure).cells[0].runs[:2], experiment(figure).measure, {})
        return {spec.measurement_id for spec in specs if spec.metric == metric}

    assert measured(2, "similarity") < measured(9, "similarity")
    assert measured(2, "connectivity") < measured(11, "connectivity")
    assert measured(2, "connectivity") == measured(9, "connectivity")
    assert measured(2, "connectivity") == measured(10, "connectivity")
    assert measured(2, "similarity") == measured(11, "similarity")
    assert len(measured(9, "similarity")) == len(measured(10, "similarity")) == 5
    assert len(measured(11, "connectivity")) == 4


def test_figure_12_is_a_subset_of_figure_2() -> None:
    assert runs(12) < runs(2)
    assert len(runs(12)) == 7 * 7 * 5


def test_figure_13_combines_figures_2_and_3() -> None:
    assert grid(13).variants == ("base", "decay")
    assert runs(13, lambda cell: cell.variant == "base") == runs(2)
    assert runs(13, lambda cell: cell.variant == "decay") == runs(3)


@pytest.mark.parametrize(
    ("figure", "parameter", "value"), [(20, "lr", 0.05), (5, "weight_decay", 5e-4)]
)
def test_a_row_of_another_temperature_shares_the_row_at_batch_128(
    figure: int, parameter: str, value: float
) -> None:
    row = runs(figure, lambda cell: cell.temperature[parameter] == value)
    assert row == runs(2, lambda cell: cell.temperature["batch_size"] == 128)
    assert row == runs(figure) & runs(2)


def test_scaled_rates_equal_the_standard_at_batch_128() -> None:
    at_128 = runs(2, lambda cell: cell.temperature["batch_size"] == 128)
    assert runs(23) & runs(2) == at_128
    assert len(at_128) == 14 * 5
    rates = {cell.temperature["batch_size"]: cell.lr for cell in grid(23).cells}
    assert rates == {batch: pytest.approx(0.05 * batch / 128) for batch in BATCHES}


def test_large_batches_share_the_smaller_ones() -> None:
    common = set(axes(22)[BATCH]) & set(BATCHES)
    assert common == set(BATCHES[::2])
    assert runs(22) & runs(2) == runs(2, lambda cell: cell.temperature["batch_size"] in common)


def test_all_data_without_noise_is_the_standard_setting() -> None:
    for figure, selected in (
        (6, lambda cell: cell.load["samples"] == 50_000),
        (8, lambda cell: cell.load["label_noise"] == 0),
        (21, lambda cell: cell.load["pixel_noise"] == 0),
        (7, lambda cell: cell.load["samples"] == 50_000 and cell.load["label_noise"] == 0),
    ):
        part = runs(figure, selected)
        assert part == runs(figure) & runs(2)
        widths = {cell.landscape.width for cell in grid(figure).cells}
        assert part == runs(2, lambda cell, widths=widths: cell.landscape.width in widths)
    assert runs(17, lambda cell: cell.lr == 0.05) == runs(17) & runs(4)


def test_other_figures_share_no_run_with_the_standard() -> None:
    for figure in (3, 4, 14, 15, 16, 17, 18, 19):
        assert not runs(figure) & runs(2), figure


def test_the_document_is_up_to_date() -> None:
    table = CliRunner().invoke(app, ["preset", "table"]).output
    assert (ROOT / "docs" / "presets.md").read_text() == table, "run `make schemas`"
    for figure in range(2, 24):
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{named(figure)}`")]
        cells, n_runs = len(grid(figure).cells), len(grid(figure).runs)
        assert f"{cells:,} / {n_runs:,}" in row.split("|")[3]


def test_a_preset_is_written(tmp_path: Path) -> None:
    said = use_preset("fig02-standard", "smoke", tmp_path)
    assert said.startswith("params.yaml is now fig02-standard at scale smoke. ")
    assert read_experiment(tmp_path / "params.yaml") == experiment(2, "smoke")
    assert len(open_workspace(tmp_path).grid.cells) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_a_hand_edited_file_is_kept(tmp_path: Path) -> None:
    params, kept = tmp_path / "params.yaml", tmp_path / "params.yaml.bak"
    use_preset("fig02-standard", "smoke", tmp_path)
    edited = params.read_text() + "# a user's note\n"
    params.write_text(edited)
    said = use_preset("fig03-lr-decay", "paper", tmp_path)
    assert "the previous file is kept as params.yaml.bak" in said
    assert kept.read_text() == edited
    assert read_experiment(params) == experiment(3)
    # A preset's text is not backed up and does not replace the backup.
    for name, scale in (("fig03-lr-decay", "small"), ("fig20-learning-rate", "smoke")):
        assert "kept" not in use_preset(name, scale, tmp_path)  # type: ignore[arg-type]
        assert kept.read_text() == edited
    # Neither does another file of the user.
    for number in (2, 3):
        params.write_text(f"# Draft {number}\n")
        said = use_preset("fig03-lr-decay", "paper", tmp_path)
        assert f"the previous file is kept as params.yaml.bak{number}." in said
        assert (tmp_path / f"params.yaml.bak{number}").read_text() == f"# Draft {number}\n"
    assert kept.read_text() == edited


def test_a_folder_instead_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(SpecError, match=r"got a folder; allowed: a file") as caught:
        use_preset("fig02-standard", "smoke", tmp_path)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "content",
    [
        b"load: {width: 1}\n",
        b"",
        b"\xff\xfe no text",
        b"# Preset fig02-standard at scale smoke. But nothing of it.\n",
        b"# Preset fig99-none at scale smoke.\n",
        b"# Preset \xff at scale \xff.\n",
    ],
)
def test_any_other_file_is_backed_up_unchanged(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    assert "params.yaml.bak" in use_preset("fig12-curves", "small", tmp_path)
    assert (tmp_path / "params.yaml.bak").read_bytes() == content


def test_the_text_of_a_preset_is_not_backed_up(tmp_path: Path) -> None:
    for figure, scale in ((13, "paper"), (19, "small"), (11, "smoke"), (2, "smoke")):
        text = preset_text(PRESETS[named(figure)], scale)  # type: ignore[arg-type]
        (tmp_path / "params.yaml").write_text(text)
        use_preset("fig02-standard", "smoke", tmp_path)
        assert not (tmp_path / "params.yaml.bak").exists()


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("fig02-standrad", "fig02-standard"),
        ("learning-rate", "fig20-learning-rate"),
        ("fig2", "fig02-standard"),
        ("figure 3", "fig03-lr-decay"),
        ("12", "fig12-curves"),
    ],
)
def test_an_unknown_name(name: str, suggestion: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        use_preset(name, "smoke", tmp_path)
    assert caught.value.exit_code == 2
    assert f"preset: got '{name}'" in str(caught.value)
    assert f"did you mean `{suggestion}`?" in str(caught.value)
    assert not (tmp_path / "params.yaml").exists()
    with pytest.raises(SpecError, match="listed by `landscape preset list`"):
        show_preset("nothing like it at all", tmp_path)


def test_the_list() -> None:
    lines = list_presets().splitlines()
    assert [line.split("  ")[0] for line in lines] == list(PRESETS)
    assert lines[0].endswith("Standard setting: width against batch size")


def test_the_description_of_a_preset(tmp_path: Path) -> None:
    text = show_preset("fig13-decay-gain", tmp_path)
    assert text.startswith("fig13-decay-gain: Gain from learning-rate decay\n")
    for title in ("Reproduces: Figure 13", "Expected: ", "Choices made here: "):
        assert f"\n{title}" in text
    assert text.splitlines()[-3:] == [
        "paper  resnet18 on cifar10: load.width (14) x temperature.batch_size (13), 2 variants; "
        "364 cells, 1,820 runs",
        "small  resnet18 on fashion_mnist: load.width (4) x temperature.batch_size (5), "
        "2 variants; 40 cells, 120 runs",
        "smoke  resnet18 on digits: load.width (2) x temperature.batch_size (2), 2 variants; "
        "8 cells, 16 runs",
    ]
    assert "Choices" not in show_preset("fig20-learning-rate", tmp_path)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "recipes.json").touch()
    cli = CliRunner()
    assert cli.invoke(app, ["preset", "list"]).output == list_presets() + "\n"
    shown = cli.invoke(app, ["preset", "show", "fig02-standard"])
    assert shown.output == show_preset("fig02-standard", tmp_path) + "\n"
    done = cli.invoke(app, ["preset", "use", "fig02-standard", "--scale", "smoke"])
    assert done.exit_code == 0
    assert read_experiment(tmp_path / "params.yaml") == experiment(2, "smoke")
    assert cli.invoke(app, ["preset", "use", "fig02-standard"]).exit_code == 0
    assert read_experiment(tmp_path / "params.yaml") == experiment(2)
    assert cli.invoke(app, ["preset", "use", "fig02-standard", "--scale", "large"]).exit_code == 2


def test_the_command_exits_with_2_for_an_unknown_name(tmp_path: Path) -> None:
    marks = [tmp_path / "dvc.yaml", tmp_path / "recipes.json"]
    for mark in marks:
        mark.touch()
    done = subprocess.run(
        [sys.executable, "-m", "landscape_catalog", "preset", "use", "fig2-standard"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "did you mean `fig02-standard`?" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == marks
