"""`landscape diagnose fit` and `score`, as a user calls them, on an imported grid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from landscape_catalog.catalog.sources import source_named
from landscape_catalog.cli import app
from landscape_catalog.commands.diagnose_model import of_features
from landscape_catalog.commands.imports import import_results
from landscape_catalog.diagnosis.model import learners, read_model
from landscape_catalog.errors import MissingArtifactError, QueryError
from landscape_catalog.paths import Project
from tests.diagnosis.model.grids import planted

PERCENT = ("test_accuracy", "test_error", "train_error", "mode_connectivity", "peak_error")
UNITS = dict.fromkeys(PERCENT, "'%'") | {"train_loss": "nats"}


def import_planted(root: Path, name: str, seed: int, without: tuple[str, ...] = ()) -> None:
    """The planted grid as an imported table."""
    grid = planted(seed)
    kept = {metric: one for metric, one in grid.means.items() if metric not in without}
    grid = replace(grid, means=kept)
    columns = {
        axis.name: [axis.values[i] for i in grid.places[:, at]] for at, axis in enumerate(grid.axes)
    }
    table = pl.DataFrame({**columns, **grid.means})
    table.write_csv(root / f"{name}.csv")
    metrics = [
        f"  {metric}: {{column: {metric}, method: made up"
        + (f", unit: {UNITS[metric]}" if metric in UNITS else "")
        + "}"
        for metric in grid.means
    ]
    coordinates = [f"  {axis.path}: {axis.name}" for axis in grid.axes]
    lines = ["citation: Nobody 2026", "dataset: svhn", "model: resnet18", "n_runs: 2"]
    lines += ["coordinates:", *coordinates, "metrics:", *metrics]
    (root / "map.yaml").write_text("\n".join(lines))
    import_results(root, "table", root / f"{name}.csv", name, columns=root / "map.yaml")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two draws of the planted grid, and a model fitted on a part of the first."""
    root = tmp_path_factory.mktemp("project")
    for name in ("params.yaml", "dvc.yaml"):
        (root / name).touch()
    for name, seed in (("first", 0), ("second", 1)):
        import_planted(root, name, seed)
    return root


@pytest.fixture(autouse=True)
def _inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the project, with small forests."""
    monkeypatch.chdir(project)
    monkeypatch.setattr(learners, "TREES", 10)
    monkeypatch.setattr(learners, "GAIN_TREES", 10)


def called(*words: str) -> str:
    result = CliRunner().invoke(app, ["diagnose", *words])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.mark.slow
def test_fit_says_what_it_did_and_writes_the_same_bytes_again(project: Path) -> None:
    said = called("fit", "first", "--cells", "80", "--seed", "3").splitlines()
    assert said[0] == (
        "Fitted on 80 cells of first, a grid of 140: temperature, width or temperature, "
        "data or temperature."
    )
    assert said[-1] == (
        "Wrote data/diagnosis/model.json. `landscape diagnose score first` says more."
    )
    assert "On held-out width (80 cells):" in said
    rows = [line for line in said if line.startswith(("all features", "without "))]
    assert len(rows) == 4 and "without mode_connectivity, peak_error " in rows[1]
    assert float(rows[0].split()[2]) > 80
    path = project / "data" / "diagnosis" / "model.json"
    content = path.read_bytes()
    assert said[-3].endswith(  # these metrics are `made up`, and no method is stated
        "does without them; if an earlier version imported it, import it again."
    )
    again = called("fit", "first", "--cells", "80", "--seed", "3", "--output", "again.json")
    assert again.endswith("`landscape diagnose score first --model again.json` says more.\n")
    assert (project / "again.json").read_bytes() == content
    called("fit", "first", "--cells", "80", "--seed", "4", "--output", "other.json")
    assert read_model(project / "other.json").cells.ids != read_model(path).cells.ids
    model = read_model(path)
    assert model.reference.name == "first" and model.reference.dataset == "svhn"
    assert model.reference.citation == "Nobody 2026"
    assert {one.metric: (one.unit, one.method) for one in model.features}["train_error"] == (
        "%",
        "made up",
    )


def test_cells_are_chosen_by_sql(project: Path) -> None:
    called("fit", "first", "--where", "width <= 4 AND samples < 8000", "--output", "some.json")
    coordinates = read_model(project / "some.json").cells.coordinates
    assert set(coordinates["load.width"]) == {2, 4}
    assert set(coordinates["load.samples"]) == {1000, 2000, 4000}
    called("fit", "first", "--where", "phase = 'II'", "--output", "some.json")
    assert set(read_model(project / "some.json").cells.phase) == {"II"}


def test_score_on_other_results(project: Path) -> None:
    called("fit", "first", "--cells", "100", "--output", "model.json")
    said = called("score", "second", "--model", "model.json")
    lines = said.splitlines()
    assert lines[0] == "model.json: fitted on 100 cells of first, scored on second"
    assert lines[2].startswith("second (140 cells, ")
    row = next(line for line in lines if line.startswith("temperature "))
    assert float(row.split()[2]) > 95
    assert "advice on the best of all actions: gains " in said
    found = json.loads(called("score", "second", "--model", "model.json", "--json"))
    (score,) = found["scores"]
    assert found["reference"] == "first" and found["fitted_cells"] == 100
    temperature = score["questions"]["temperature"]
    assert f"{100 * temperature['accuracy']['value']:.1f}" == row.split()[2]
    assert set(temperature["baselines"]) == {"majority", "training error", "validation metrics"}
    assert 0 <= temperature["brier"] < 0.1
    assert temperature["advantages"]["one answer"]["low"] > 0


@pytest.mark.slow
def test_score_on_what_was_fitted_holds_values_out(project: Path) -> None:
    called("fit", "first", "--where", "width >= 8", "--output", "wide.json")
    said = called("score", "first", "--model", "wide.json")
    assert "held-out width (140 cells" in said and "held-out samples (140 cells" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fit", "nobody"], "nobody"),
        (["fit", "first", "--where", "width > 1000"], "--where: no cell of first meets"),
        (["fit", "first", "--where", "depth > 1"], "depth"),
        (["fit", "first", "--cells", "141"], "--cells: got 141; allowed: at most 140"),
        (["fit", "first", "--cells", "5"], "first: got 5 cells"),
        (["fit", "first", "--seed", "3"], "--seed: got 3; allowed: with --cells"),
        (["fit", "first", "--where", " "], "--where: got an empty text"),
        (
            ["fit", "first", "--where", "width > 64) OR (1 = 1"],
            "--where: got .* one SQL expression",
        ),
    ],
)
def test_what_cannot_be_fitted_is_said_in_one_message(
    words: list[str], said: str, project: Path
) -> None:
    """Nothing is written."""
    with pytest.raises(QueryError, match=said) as error:
        called(*words, "--output", "never.json")
    assert error.value.exit_code == 2
    assert not (project / "never.json").exists()


def test_score_without_a_model(project: Path) -> None:
    with pytest.raises(MissingArtifactError, match=r"absent.json does not exist"):
        called("score", "first", "--model", "absent.json")
    (project / "broken.json").write_text('{"version": 2, "a": NaN}')
    with pytest.raises(QueryError, match=r"--model: broken.json is no diagnosis model: NaN"):
        called("score", "first", "--model", "broken.json")


@pytest.mark.parametrize("output", ["a_folder", "nowhere/model.json"])
def test_a_model_is_written_to_a_file_in_an_existing_folder(output: str, project: Path) -> None:
    (project / "a_folder").mkdir(exist_ok=True)
    with pytest.raises(QueryError, match=r"--output: .* allowed: a file in an existing folder"):
        called("fit", "first", "--output", output)
    assert (project / "a_folder").is_dir()
    assert not (project / "nowhere").exists()


def test_what_the_chosen_cells_cannot_show_is_not_learned(project: Path) -> None:
    said = called("fit", "first", "--where", "width = 8", "--output", "eight.json")
    assert "Not learned: wider, along whose axis the fitted cells do not vary." in said
    assert "hotter or colder" in called("score", "second", "--model", "eight.json")


def test_the_peak_along_the_curve_of_zhou_2024_has_its_unit_and_method(project: Path) -> None:
    """It is stored there under another name, with the other sign."""
    tables = source_named(Project(project), "first").tables(["cell_metrics"])
    renamed = tables["cell_metrics"].with_columns(
        pl.col("metric").replace("peak_error", "mode_connectivity_peak")
    )
    words = of_features(renamed, "method")
    assert words["peak_error"] == words["mode_connectivity_peak"] == "made up"
    assert of_features(renamed, "unit")["peak_error"] == "%"
    assert of_features(tables["cell_metrics"], "unit")["peak_error"] == "%"


def test_a_source_without_a_metric_is_scored_without_it(project: Path) -> None:
    import_planted(project, "no_cka", 1, without=("cka",))
    called("fit", "first", "--output", "whole.json")
    said = called("score", "no_cka", "--model", "whole.json").splitlines()
    assert said[0] == (
        "whole.json: fitted on 140 cells of first, scored on no_cka by its answers without cka, "
        "which no_cka lacks"
    )


def test_a_model_holds_the_numbers_of_thresholds_that_were_found(project: Path) -> None:
    settings = project / "imports" / "first.yaml"
    before = settings.read_text()
    settings.write_text(before.replace("threshold: 0.5", "threshold: auto"))
    try:
        assert "auto" in settings.read_text()
        called("fit", "first", "--output", "found.json")
    finally:
        settings.write_text(before)
    rule = read_model(project / "found.json").rule
    assert not rule.is_automatic
