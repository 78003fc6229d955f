"""The archive of Yang et al. 2021: the published half read independently, and small archives."""

from __future__ import annotations

import io
import math
import pickle
import re
import statistics
import tarfile
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from landscape_catalog.catalog.run_errors import standard_error_over_runs
from landscape_catalog.exchange.imports.yang2021 import read_yang2021
from tests.exchange.imports.sources import (
    ARCHIVE,
    PLACE,
    assert_in_words,
    means,
    needs_published,
    refused,
    same,
    tables,
    tar_of,
    write_yang,
    yang_cell,
    yang_files,
)

Cell = dict[str, Any]


class _NumpyOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        assert module.startswith("numpy"), (module, name)
        return super().find_class(module, name)


def published() -> Iterator[tuple[tuple[int, int], Cell]]:
    """Width, batch size and files of every cell, read without the package."""
    cells: dict[tuple[int, int], Cell] = {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            if not member.isfile():
                continue
            batch, width, name = re.search(r"bs_(\d+)/.*_w(\d+)/metrics/(.*)", member.name).groups()
            content = io.BytesIO(archive.extractfile(member).read())
            read = dict(np.load(content)) if name.endswith("npz") else _NumpyOnly(content).load()
            cells.setdefault((int(width), int(batch)), {})[name] = read
    yield from cells.items()


@pytest.fixture(scope="module")
def half() -> dict[str, pl.DataFrame]:
    return tables("yang2021", ARCHIVE)


@pytest.fixture(scope="module")
def estimates(half: dict[str, pl.DataFrame]) -> dict[tuple, float | None]:
    """Values by width, batch size, seeds, metric and probe."""
    runs = half["runs"].select("run_id", "seed")
    others = runs.rename({"run_id": "other_run_id", "seed": "other_seed"})
    cells = half["cells"].select("cell_id", "width", "batch_size")
    rows = half["estimates"].join(runs, "run_id").join(others, "other_run_id", how="left")
    columns = ("width", "batch_size", "seed", "other_seed", "metric", "probe", "value")
    return {row[:-1]: row[-1] for row in rows.join(cells, "cell_id").select(columns).rows()}


@needs_published
def test_every_number_of_the_published_half(
    half: dict[str, pl.DataFrame], estimates: dict[tuple, float | None]
) -> None:
    left = dict(estimates)

    def expect(value: float, *key: Any, probe: str = "primary") -> None:
        assert same(left.pop((*key, probe)), float(value)), key

    cells = dict(published())
    assert len(cells) == half["cells"].height == 120
    assert sum("loss_acc_test.pkl" not in cell for cell in cells.values()) == 16
    for (width, batch), cell in cells.items():
        place = (width, batch)
        for side, name in (("train", "loss_acc.pkl"), ("test", "loss_acc_test.pkl")):
            for seed, found in cell.get(name, {}).items():
                assert found["nll"] == found["loss"]
                expect(found["nll"], *place, seed, None, f"{side}_loss")
                expect(found["accuracy"], *place, seed, None, f"{side}_accuracy")
                expect(100 - found["accuracy"], *place, seed, None, f"{side}_error")
        for seed, found in cell["hessian.pkl"].items():
            (top,) = found["top_eigenvalue"]
            expect(top, *place, seed, None, "top_eigenvalue")
            expect(found["trace"], *place, seed, None, "trace")
        similarity = cell["CKA_mixup_alpha_16.0.pkl"]
        assert not any(similarity["classification_similarity"].values())
        assert not similarity["test_accuracy"]
        distances = cell["model_dist.pkl"]["model_distance"]
        for i in similarity["representation_similarity"]:
            assert distances[i][i]["dist"] == 0
            for j in range(i + 1, 5):
                assert distances[i][j] == distances[j][i]
                expect(distances[i][j]["dist"], *place, i, j, "l2_distance")
                for which, probe in enumerate(("logits", "primary")):
                    both = [
                        float(similarity["representation_similarity"][a][b][which])
                        for a, b in ((i, j), (j, i))
                    ]
                    expect(statistics.fmean(both), *place, i, j, "cka", probe=probe)
        curve = cell["curve_test.npz"]
        errors = curve["tr_err"]
        deviations = (errors[0] + errors[-1]) / 2 - errors[1:-1]
        mc = deviations[np.argmax(np.abs(deviations))]
        expect(mc, *place, 0, 1, "mode_connectivity")
        expect(min(0, *deviations), *place, 0, 1, "connectivity_lowest")
        expect(max(0, *deviations), *place, 0, 1, "connectivity_highest")
        expect(errors[1:-1].max(), *place, 0, 1, "peak_error")
        area = left.pop((*place, 0, 1, "curve_area", "primary"))
        assert area == pytest.approx(np.trapezoid(errors, curve["ts"]), rel=1e-14)
    assert left == {}


@needs_published
def test_every_draw_of_cka_and_every_point_of_the_curves(half: dict[str, pl.DataFrame]) -> None:
    seeds = dict(half["runs"].select("run_id", "seed").rows())
    places = {
        row[0]: row[1:] for row in half["cells"].select("cell_id", "width", "batch_size").rows()
    }
    cells = dict(published())
    drawn = half["similarities"].select("cell_id", "run_id", "other_run_id", "probe", "cka").rows()
    assert len(drawn) == 120 * 20 * 2
    for cell, run, other, probe, value in drawn:
        matrix = cells[places[cell]]["CKA_mixup_alpha_16.0.pkl"]["representation_similarity"]
        both = dict(zip(("logits", "primary"), matrix[seeds[run]][seeds[other]]))
        assert same(value, float(both[probe]))
    points = half["curve_points"].sort("t")
    assert points.height == 120 * 5
    columns = {"train_error": "tr_err", "train_loss": "tr_nll", "test_error": "te_err", "test_loss": "te_nll"}  # fmt: skip
    for (cell,), own in points.group_by("cell_id", maintain_order=True):
        curve = cells[places[cell]]["curve_test.npz"]
        assert own["t"].to_list() == curve["ts"].tolist()
        for ours, theirs in columns.items():
            assert own[ours].to_list() == curve[theirs].tolist()
        assert {seeds[run] for run in own["run_id"]} == {0}
        assert {seeds[run] for run in own["other_run_id"]} == {1}


@needs_published
def test_what_is_left_out_of_the_published_curves_follows_from_what_is_kept() -> None:
    """Or includes the penalty on the weights, which is no part of the loss of the catalog."""
    for _, cell in published():
        curve = cell["curve_test.npz"]
        kept = {"ts", "tr_err", "tr_nll", "te_err", "te_nll"}
        penalised = {"dl", "tr_loss", "te_loss"}
        for side in ("tr", "te"):
            assert np.array_equal(100 - curve[f"{side}_acc"], curve[f"{side}_err"])
            penalty = [curve[f"{one}_loss"] - curve[f"{one}_nll"] for one in ("tr", "te")]
            assert np.allclose(*penalty, rtol=1e-5, atol=1e-5)
        derived = {f"{side}_acc" for side in ("tr", "te")} | {
            f"{side}_{what}_{how}"
            for side in ("tr", "te")
            for what in ("loss", "nll", "err")
            for how in ("min", "max", "avg", "int")
        }
        assert set(curve) == kept | penalised | derived


@needs_published
def test_means_are_over_runs_that_have_converged(half: dict[str, pl.DataFrame]) -> None:
    cells, found = dict(published()), means(half)
    failed = half["runs"].filter(pl.col("status") == "NC")
    assert failed.height == 3
    assert failed["train_loss"].min() >= math.log(10)
    converged = half["runs"].filter(pl.col("status") == "converged")
    assert converged["train_loss"].max() < math.log(10)
    for (width, batch), cell in cells.items():
        row = found[width, 50_000, batch]
        losses = {seed: run["nll"] for seed, run in cell["loss_acc.pkl"].items()}
        seeds = [seed for seed, loss in losses.items() if loss < math.log(10)]
        assert row["train_loss"] == statistics.fmean(losses[seed] for seed in seeds)
        matrix = cell["CKA_mixup_alpha_16.0.pkl"]["representation_similarity"]
        cka = statistics.fmean(float(matrix[i][j][-1]) for i, j in permutations(seeds, 2))
        assert row["cka"] == pytest.approx(cka, rel=1e-12)  # the average of the paper's figure
        assert (row["mode_connectivity"] is None) == (not {0, 1} <= set(seeds))
        assert (row["test_accuracy"] is None) == (batch in (19, 27))
    assert sum(row["mode_connectivity"] is None for row in found.values()) == 1


@needs_published
def test_spreads_and_errors_of_a_cell(half: dict[str, pl.DataFrame]) -> None:
    cell = dict(published())[8, 128]
    (cell_id,) = half["cells"].filter(width=8, batch_size=128)["cell_id"]
    rows = half["cell_metrics"].filter(cell_id=cell_id, probe="primary")
    by_name = {row["metric"]: row for row in rows.iter_rows(named=True)}
    traces = [float(run["trace"]) for run in cell["hessian.pkl"].values()]
    assert by_name["trace"]["sd"] == pytest.approx(statistics.stdev(traces))
    assert by_name["trace"]["standard_error"] == pytest.approx(statistics.stdev(traces) / 5**0.5)
    assert by_name["trace"]["n"] == 5
    matrix = cell["CKA_mixup_alpha_16.0.pkl"]["representation_similarity"]
    draws = {
        (i, j): [float(matrix[i][j][1]), float(matrix[j][i][1])]
        for i, j in permutations(range(5), 2)
        if i < j
    }
    pairs = [(str(i), str(j)) for i, j in draws]
    error = standard_error_over_runs([statistics.fmean(two) for two in draws.values()], pairs)
    assert by_name["cka"]["n"] == 10
    assert by_name["cka"]["standard_error"] == pytest.approx(error)
    noise = math.sqrt(sum((a - b) ** 2 / 4 for a, b in draws.values())) / 10
    assert by_name["cka"]["measurement_error"] == pytest.approx(noise)
    mc = by_name["mode_connectivity"]
    assert (mc["n"], mc["sd"], mc["standard_error"], mc["unit"]) == (1, None, None, "%")


@needs_published
def test_what_the_source_lacks_is_null(half: dict[str, pl.DataFrame]) -> None:
    unknown = ("n_epochs", "stop_reason", "best_epoch", "train_loss_sd", "torch", "device", "cpu")
    for column in unknown:
        assert half["runs"][column].null_count() == 600
    assert half["curves"]["converged"].null_count() == 120
    assert half["landscapes"]["n_parameters"].null_count() == 8
    for name in ("snapshots", "epochs", "phases", "phase_probabilities", "criteria"):
        assert half[name].is_empty()
    experiment = half["experiments"].row(0, named=True)
    assert experiment["classification_id"] is experiment["classify"] is None


def test_a_cell_may_lack_files(tmp_path: Path) -> None:
    path = write_yang(tmp_path / "a.tar.gz", loss_acc=None, **{"curve_test": None})
    found = tables("yang2021", path)
    rows = found["cell_metrics"].join(found["cells"], "cell_id").filter(width=1)
    reasons = dict(rows.select("metric", "reason").rows())
    assert reasons["train_loss"] == "the archive has no loss_acc.pkl for this cell"
    assert reasons["mode_connectivity"] == "the archive has no curve_test.npz for this cell"
    assert reasons["trace"] is None
    (n_converged,) = found["cells"].filter(width=1)["n_converged"]
    assert n_converged is None  # no training loss says whether they have
    assert found["cells"].filter(width=2)["n_converged"].item() == 3


def _pickled(value: object) -> bytes:
    return pickle.dumps(value, 3)


FORMS = {
    "a list": ("loss_acc", _pickled([1, 2]), "loss_acc.pkl is of another form"),
    "a run without accuracy": ("loss_acc", _pickled({0: {"nll": 1.0}}), "the run with seed 0 has no 'accuracy'"),
    "text as a number": (
        "loss_acc",
        _pickled({0: {"nll": "low", "accuracy": 1.0}}),
        "'nll' of the run with seed 0 should be a number, and is text",
    ),
    "text as a seed": ("loss_acc", _pickled({"x": {"nll": 1.0, "accuracy": 1.0}}), "a seed is expected"),
    "no eigenvalue": (
        "hessian",
        _pickled({0: {"top_eigenvalue": [], "trace": 1.0}}),
        "'top_eigenvalue' of the run with seed 0 should be a list of numbers, and has none",
    ),
    "an eigenvalue without a list": (
        "hessian",
        _pickled({0: {"top_eigenvalue": 1.0, "trace": 1.0}}),
        "should be a list of numbers, and is a number",
    ),
    "a run that is a list": ("hessian", _pickled({0: [1.0]}), "the run with seed 0 should be a dictionary, and is a list"),
    "no similarities": ("CKA_mixup_alpha_16.0", _pickled({"x": 1}), "the file has no 'representation_similarity'"),
    "one similarity of a pair": (
        "CKA_mixup_alpha_16.0",
        _pickled({"representation_similarity": {0: {1: [0.5]}}}),
        "two numbers are expected for the pair of seeds 0, 1, and there is 1",
    ),
    "a similarity without a list": (
        "CKA_mixup_alpha_16.0",
        _pickled({"representation_similarity": {0: {1: 0.5}}}),
        "two numbers are expected for the pair of seeds 0, 1, and there is a number",
    ),
    "a row that is no dictionary": (
        "CKA_mixup_alpha_16.0",
        _pickled({"representation_similarity": {0: None}}),
        "'representation_similarity' of seed 0 should be a dictionary, and is nothing",
    ),
    "a distance without its name": (
        "model_dist",
        _pickled({"model_distance": {0: {1: {}}}}),
        "the pair of seeds 0, 1 has no 'dist'",
    ),
    "a pickle that is cut off": ("hessian", _pickled({0: 1})[:-3], "hessian.pkl is damaged: it is no whole pickle"),
    "an unknown place of the memo": ("hessian", b"\x80\x03he.", "what stands before byte 5 is wrong"),
    "a pickle in the place of arrays": ("curve_test", _pickled({}), "no whole .npz file"),
    "a hostile pickle": ("hessian", b"cos\nsystem\n(S'x'\ntR.", "'os.system'"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMS)
def test_files_of_another_form_are_refused(case: str, tmp_path: Path) -> None:
    name, content, words = FORMS[case]
    message = refused(tmp_path, "yang2021", write_yang(tmp_path / "a.tar.gz", **{name: content}))
    assert words in message
    assert "bs_16/ResNet18_w1" in message
    assert_in_words(message)


FIVE = {name: np.linspace(0, 1, 5) for name in ("ts", "tr_err", "tr_nll", "te_err", "te_nll")}
CURVES: dict[str, tuple[dict, str]] = {
    "an array alone": ({"ts": np.zeros(5)}, "it has no array 'tr_err', 'tr_nll', 'te_err', 'te_nll'; it has 'ts'"),
    "no array": ({}, "it has no array 'ts'"),
    "two points": ({name: array[:2] for name, array in FIVE.items()}, "a curve has at least 3 points, and this one has 2"),
    "errors of other points": ({**FIVE, "tr_err": np.zeros(4)}, "have: ts 5, tr_err 4, tr_nll 5, te_err 5, te_nll 5"),
    "losses of other points": ({**FIVE, "te_nll": np.zeros(6)}, "te_err 5, te_nll 6"),
    "a single number": ({**FIVE, "tr_err": np.float64(1)}, "tr_err a single number"),
    "a matrix": ({**FIVE, "ts": np.zeros((5, 1))}, "ts 5 × 1, tr_err 5"),
    "points in another order": ({**FIVE, "ts": FIVE["ts"][::-1]}, "the positions ts of its points do not increase: [1.0, 0.75"),
    "a point twice": ({**FIVE, "ts": np.array([0, 0, 0.5, 0.75, 1])}, "do not increase"),
    "a position that is missing": ({**FIVE, "ts": np.array([0, math.nan, 0.5, 0.75, 1])}, "do not increase"),
}  # fmt: skip


@pytest.mark.parametrize("case", CURVES)
def test_a_curve_of_another_form_is_refused(case: str, tmp_path: Path) -> None:
    arrays, words = CURVES[case]
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    path = write_yang(tmp_path / "a.tar.gz", curve_test=stream.getvalue())
    message = refused(tmp_path, "yang2021", path)
    assert "curve_test.npz is of another form than expected: " in message
    assert words in message
    assert_in_words(message)


@pytest.mark.parametrize("protocol", range(6))
def test_of_several_eigenvalues_the_first_is_the_largest(protocol: int, tmp_path: Path) -> None:
    runs = {s: {"top_eigenvalue": [np.float64(9.5 + s), 4.0], "trace": 1.0} for s in range(3)}
    path = write_yang(tmp_path / "a.tar.gz", hessian=pickle.dumps(runs, protocol))
    found = tables("yang2021", path)
    hessians = found["hessians"].join(found["runs"].select("run_id", "cell_id", "seed"), "run_id")
    own = hessians.join(found["cells"], "cell_id").filter(width=1).sort("seed")
    assert own["top_eigenvalue"].to_list() == [9.5, 10.5, 11.5]


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of({"readme.txt": b"hello"}))
    assert "is of another form" in refused(tmp_path, "yang2021", path)
    path.write_bytes(
        tar_of(yang_files() | {f"again/{PLACE.format(batch=16, width=1)}hessian.pkl": b""})
    )
    assert "of one cell twice" in refused(tmp_path, "yang2021", path)
    assert "there is no file" in refused(tmp_path, "yang2021", tmp_path / "none.tar.gz")


def test_nan_is_missing_and_named(tmp_path: Path) -> None:
    nan = {s: {"top_eigenvalue": [math.nan], "trace": 1.0} for s in range(3)}
    found = tables("yang2021", write_yang(tmp_path / "a.tar.gz", hessian=_pickled(nan)))
    rows = (
        found["cell_metrics"]
        .join(found["cells"], "cell_id")
        .filter(width=1, metric="top_eigenvalue")
    )
    row = rows.row(0, named=True)
    assert (row["mean"], row["n"], row["status"]) == (None, 0, "missing")
    assert row["reason"] == "3 of 3: it was published as NaN"


def test_what_is_left_out_of_an_archive_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    place = PLACE.format(batch=32, width=1)
    cell = {f"x/{place}{name}": content for name, content in yang_cell(5).items()}
    odd = {"notes.txt": b"x", f"{place}more.pkl": b"x"}
    others = {
        f"{place.replace('lr_decay', 'no_lr_decay')}hessian.pkl": b"x",
        f"{place.replace('lr_decay', 'no_lr_decay')}loss_acc.pkl": b"x",
        f"{place.replace('ResNet18', 'VGG11')}hessian.pkl": b"x",
        f"{PLACE.format(batch=64, width=1).replace('ResNet18', 'VGG11')}hessian.pkl": b"x",
    }
    path.write_bytes(tar_of(yang_files() | cell | odd | others))
    grid = read_yang2021(path)
    assert len(grid.cells) == 3
    assert grid.notes[-2:] == (
        "other grids of the archive, which this importer does not read: lr_decay/VGG11 (2 cells), "
        "no_lr_decay/ResNet18 (1 cell)",
        "files of the archive that are left out, as they are of no known name: 2 ('notes.txt', "
        f"'{place}more.pkl')",
    )
    path.write_bytes(tar_of(others))
    message = refused(tmp_path, "yang2021", path)
    assert "it has lr_decay/VGG11 (2 cells), no_lr_decay/ResNet18 (1 cell)" in message


LACKED = {
    "loss_acc": "train_loss",
    "loss_acc_test": "test_accuracy",
    "hessian": "trace",
    "CKA_mixup_alpha_16.0": "cka",
    "model_dist": "l2_distance",
    "curve_test": "mode_connectivity",
}


@pytest.mark.parametrize("file", LACKED)
def test_what_cells_lack_is_said(file: str, tmp_path: Path) -> None:
    grid = read_yang2021(write_yang(tmp_path / "a.tar.gz", **{file: None}))
    assert grid.lacks[2:] == (f"{LACKED[file]} of 1 of 2 cells",)
