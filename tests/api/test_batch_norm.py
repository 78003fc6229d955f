"""One network: what is measured under each choice of batch-norm statistics, rebuilt by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from landscape_catalog.api.catalog import Catalog, open_catalog
from landscape_catalog.api.stored_run import StoredRun
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe, hessian_estimate
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.tasks import Samples
from tests.conftest import TINY_PARAMS
from tests.stages import run_stages, write_project

pytestmark = pytest.mark.slow

CHOICES = ("recomputed", "running", "authors")
BATCH = 64
RECOMPUTED = {"recomputed": BATCH, "running": None, "authors": None}


@pytest.fixture(scope="module")
def catalogs(
    finished: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Catalog]:
    """The catalog of the tiny experiment under each choice; its runs are those of one store."""
    found = {}
    for choice in CHOICES:
        folder = tmp_path_factory.mktemp(choice) / "project"
        chosen = TINY_PARAMS.replace("measure:\n", f"measure:\n  batch_norm: {choice}\n")
        write_project(folder, chosen)
        run_stages(folder, finished[1], "prepare", "train", "measure", "aggregate")
        found[choice] = open_catalog(folder)
    return found


def converged(catalog: Catalog) -> list[StoredRun]:
    runs = catalog.runs.filter(status="converged")
    return [catalog.run(run_id) for run_id in runs["run_id"]]


def by_hand(run: StoredRun, batch_size: int | None) -> nn.Module:
    """The network of a run, with running statistics or with those recomputed."""
    return run.network(recompute_batch_norm=batch_size)


@pytest.mark.parametrize("choice", CHOICES)
def test_losses_and_accuracies(catalogs: dict[str, Catalog], choice: str) -> None:
    catalog = catalogs[choice]
    for run in converged(catalog):
        row = catalog.runs.row(by_predicate=pl.col("run_id") == run.run_id, named=True)
        network = by_hand(run, RECOMPUTED[choice])
        for side, samples in (("train", run.data.train), ("test", run.data.test)):
            found = evaluate(network, samples, run.task)
            assert row[f"{side}_loss"] == found.loss
            assert row[f"{side}_accuracy"] == found.accuracy


@pytest.mark.parametrize("choice", ["recomputed", "running"])
def test_both_training_losses_are_measured(catalogs: dict[str, Catalog], choice: str) -> None:
    catalog = catalogs[choice]
    losses = catalog.table("estimates").filter(probe="primary")
    for run in converged(catalog):
        for name, batch_size in (("running", None), ("recomputed", BATCH)):
            stored = losses.filter(metric=f"train_loss_{name}", run_id=run.run_id)["value"].item()
            assert stored == evaluate(by_hand(run, batch_size), run.data.train, run.task).loss


@pytest.mark.parametrize("choice", CHOICES)
def test_the_hessian(catalogs: dict[str, Catalog], choice: str) -> None:
    catalog = catalogs[choice]
    run = converged(catalog)[0]
    stored = catalog.table("hessians").filter(run_id=run.run_id).row(0, named=True)
    network, data = by_hand(run, RECOMPUTED[choice]).double(), run.data.train
    key = seed_of(run, "hessian batch")
    rows = np.random.Generator(np.random.Philox(key=key)).permutation(len(data))[:64]
    batch: Samples = data[torch.from_numpy(rows)]
    seeds = (seed_of(run, "hessian start"), seed_of(run, "hessian probes"))
    found = hessian_estimate(network, batch, run.task, HessianRecipe(max_iterations=4), seed=seeds)
    assert stored["top_eigenvalue"] == pytest.approx(found.top_eigenvalue, rel=1e-3)
    assert stored["trace"] == pytest.approx(found.trace, rel=1e-3)


def seed_of(run: StoredRun, purpose: str) -> int:
    return derive_seed(run.spec["data"], purpose, 0)


@pytest.mark.parametrize("choice", CHOICES)
def test_the_ends_of_curves(catalogs: dict[str, Catalog], choice: str) -> None:
    """Recomputed along the whole curve, unless running statistics are chosen for everything."""
    catalog = catalogs[choice]
    points = catalog.table("curve_points").filter(pl.col("t").is_in([0.0, 1.0]))
    assert len(points) >= 4  # of a curve and of a line
    for row in points.iter_rows(named=True):
        run = catalog.run(row["run_id"] if row["t"] == 0 else row["other_run_id"])
        network = by_hand(run, None if choice == "running" else BATCH)
        found = evaluate(network, run.data.train, run.task)
        assert row["train_loss"] == pytest.approx(found.loss, rel=1e-4)
        assert row["train_error"] == pytest.approx(100 - found.accuracy, abs=100 / 256 + 1e-9)


def test_recomputing_makes_cka_see_another_network(catalogs: dict[str, Catalog]) -> None:
    ckas = [catalogs[choice].table("similarities")["cka"].to_list() for choice in CHOICES]
    recomputed, running, authors = ckas
    assert running == authors
    assert recomputed != running


def test_curves_are_the_same_unless_their_ends_are_running(catalogs: dict[str, Catalog]) -> None:
    recomputed, running, authors = (catalogs[choice].table("curves") for choice in CHOICES)
    pair = ["run_id", "other_run_id"]
    common = recomputed.join(authors, on=pair, how="semi")
    assert len(common)
    assert common.equals(authors.join(recomputed, on=pair, how="semi"))
    assert running.join(common, on=[*pair, "mode_connectivity"], how="semi").is_empty()
