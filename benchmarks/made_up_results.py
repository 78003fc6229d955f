"""Results of grids of any size, made up cell by cell: smooth numbers with noise, none trained.

Every cell has five runs of ResNet18 on digits with all pairs of them, and everything that the
default experiment measures, in the dataclasses of the metrics, so that the catalog is built from
them as from records that were read. A tenth of the runs has a history of 150 epochs. In hot cells
some runs have not converged.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from landscape_catalog.catalog import CellResult, ExperimentResult, PairResult, RunResult
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Cell, Grid, Run
from landscape_catalog.metrics.barrier.spec import LineBarrier
from landscape_catalog.metrics.connectivity.result import CurvePoint, ModeConnectivity
from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.hessian.result import HessianEstimate
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.metrics.similarity.result import OutputSimilarity
from landscape_catalog.metrics.statistics.spec import TrainLosses
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.aggregate.gather import methods_of, probe_results
from landscape_catalog.pipeline.shared.measurement_specs import specs_on
from landscape_catalog.pipeline.shared.procedures import Procedures
from landscape_catalog.pipeline.shared.workspace import lay_out
from landscape_catalog.schema.identity import Ids
from landscape_catalog.schema.pairs import chosen_pairs
from landscape_catalog.store.records import DataRecord, Provenance, RunRecord

ROOT = Path(__file__).resolve().parent.parent
SEEDS, EPOCHS, SHARE_WITH_HISTORY = 5, 150, 0.1
N_TRAIN, N_TEST, PROBES, SAMPLES = 1437, 360, 40, 640
HIGHEST_LOSS = 2.2  # of a run that has converged: guessing has ln 10
TS = (0.0, 0.25, 0.5, 0.75, 1.0)
DRAWS = 64  # made-up sets of influences that the pairs share, so that making them up is quick
PROVENANCE = Provenance(torch="2.14.1", device="cpu", cpu="x86_64 AVX512")


def params_of(widths: int, batch_sizes: int, **changes: Any) -> dict[str, Any]:
    """The default `params.yaml` with so many widths and batch sizes, as a mapping.

    Args:
        widths: how many, from 1 on.
        batch_sizes: how many, from 2 on.
        changes: of the section `train`.
    """
    params: dict[str, Any] = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    params["load"]["width"] = list(range(1, widths + 1))
    params["temperature"]["batch_size"] = list(range(2, batch_sizes + 2))
    params["train"] |= {"seeds": SEEDS, "epochs": EPOCHS, **changes}
    params["execution"] = {"device": "cpu", "workers": 2}
    return params


def grid_of(cells: int) -> tuple[Experiment, Grid]:
    """An experiment with this many cells, about twice as many batch sizes as widths."""
    widths = next(n for n in range(math.isqrt(cells // 2) or 1, 0, -1) if cells % n == 0)
    experiment = Experiment.model_validate(params_of(widths, cells // widths))
    return experiment, lay_out(experiment, Project(ROOT))


def made_up(cells: int, *, key: int = 0) -> ExperimentResult:
    """The results of an experiment with this many cells, which are made up while they are read."""
    experiment, grid = grid_of(cells)
    draws = _Draws(experiment, np.random.Generator(np.random.Philox(key=key)))
    ids = Ids()
    return ExperimentResult(
        experiment,
        grid,
        {spec.data_id: _data_record(spec.data_id) for spec in grid.data},
        draws.results(grid, ids),
        probe_results(experiment.measure),
        methods_of(experiment.measure),
        ids,
    )


def _data_record(data_id: str) -> DataRecord:
    return DataRecord(
        data_id=data_id, spec={}, content_hash="c" * 64, file_sha256="f" * 64, n_train=N_TRAIN,
        n_test=N_TEST, kind="images", n_classes=10, channels=1, n_changed_labels=0,
        frequency_loss=math.log(10),
    )  # fmt: skip


@dataclass(frozen=True)
class _Place:
    """Where a cell is: the means of its metrics vary smoothly over the grid."""

    size: float  # of the network, log2
    heat: float  # of the training, from 0 to about 8

    @property
    def train_loss(self) -> float:
        return 1e-3 + math.exp(1.1 * self.heat - 6) / (1 + self.size)

    @property
    def accuracy(self) -> float:
        return 97 / (1 + math.exp(-1 - self.size)) - 0.3 * self.heat**2

    @property
    def mode_connectivity(self) -> float:
        return 4 / (1 + math.exp(6 - self.heat)) - 12 * math.exp(-0.9 * self.size)

    @property
    def share_not_converged(self) -> float:
        return 0.4 if self.heat > 7 else 0.0


class _Draws:
    def __init__(self, experiment: Experiment, generator: np.random.Generator) -> None:
        self._experiment, self._generator = experiment, generator
        self._procedures = Procedures(experiment.measure, {})
        steps = generator.standard_normal((DRAWS, SAMPLES))
        steps *= 1e4 / np.linalg.norm(steps, axis=1, keepdims=True)
        self._influences = np.rint(steps).astype(int).tolist()
        self._differing = [
            np.flatnonzero(generator.random(SAMPLES) < 0.05).tolist() for _ in range(DRAWS)
        ]

    def results(self, grid: Grid, ids: Ids) -> Iterator[CellResult]:
        """The results of the grid's cells, and the ids of the measurements so far."""
        for cell in grid.cells:
            place = _Place(
                math.log2(cell.landscape.width), 9 - math.log2(cell.temperature["batch_size"])
            )
            found = self._cell(cell, place)
            ids.add(self._ids(cell, [run.run for run in found.converged]))
            yield found

    def _ids(self, cell: Cell, converged: list[Run]) -> Iterator[str]:
        specs = specs_on(self._procedures.losses(cell), cell.runs)
        specs += specs_on(self._procedures.further(cell), converged)
        return (spec.measurement_id for spec in specs if METRICS[spec.metric].identifies)

    def _cell(self, cell: Cell, place: _Place) -> CellResult:
        normal = self._generator.standard_normal(len(cell.runs))
        uniform = self._generator.random(len(cell.runs))
        runs = [
            self._run(run, place, deviation, lost < place.share_not_converged)
            for run, deviation, lost in zip(cell.runs, normal.tolist(), uniform.tolist())
        ]
        converged = [one.run for one in runs if one.nc_reason is None]
        curves = set(chosen_pairs(range(len(converged)), "ring"))
        pairs = [
            self._pair(converged[i], converged[j], place, curved=(i, j) in curves)
            for i, j in itertools.combinations(range(len(converged)), 2)
        ]
        return CellResult(cell, runs, pairs)

    def _run(self, run: Run, place: _Place, deviation: float, lost: bool) -> RunResult:
        loss = min(place.train_loss * math.exp(0.2 * deviation), HIGHEST_LOSS)
        train = Evaluation(loss, 1.5 * loss, round(min(loss, 0.9) * N_TRAIN / 3), N_TRAIN)
        wrong = round((100 - place.accuracy + deviation) / 100 * N_TEST)
        test = Evaluation(3 * loss + 0.1, 2 * loss + 0.3, min(max(wrong, 0), N_TEST), N_TEST)
        measured: dict[str, Any] = {"loss": {PRIMARY: [Loss(train, test, "nats", "%", "accuracy")]}}
        if not lost:
            running = replace(train, loss=1.01 * loss)
            measured["statistics"] = {PRIMARY: [TrainLosses(running, train, "nats")]}
            measured["hessian"] = {PRIMARY: [self._hessian(loss)]}
        record = RunRecord.model_construct(
            run_id=run.run_id,
            cell_id=run.cell.cell_id,
            seed=run.seed,
            spec={},
            data_content_hash="c" * 64,
            n_parameters=1000 * run.cell.landscape.width,
            n_epochs=EPOCHS,
            stop_reason="diverged" if lost else "epochs",
            best_epoch=EPOCHS,
            other_snapshots={},
            weights_sha256="w" * 64,
            computed="grouped",
            provenance=PROVENANCE,
        )
        reason = "the loss became infinite or NaN in training" if lost else None
        return RunResult(run, record, self._history(loss), measured, reason)

    def _history(self, loss: float) -> dict[str, np.ndarray]:
        n = EPOCHS if self._generator.random() < SHARE_WITH_HISTORY else 0
        losses = loss + 2.3 * np.exp(-np.arange(1, n + 1) / 12)
        return {"train_loss": losses, "train_error": 30 * losses, "test_error": 32 * losses}

    def _hessian(self, loss: float) -> HessianEstimate:
        probes = (400 * loss + 20 + 30 * self._generator.standard_normal(PROBES)).tolist()
        return HessianEstimate(
            top_eigenvalue=5 + 150 * loss, top_residual=1e-3, top_products=25, top_converged=True,
            trace=sum(probes) / PROBES, trace_sd=30.0, trace_n=PROBES, trace_converged=True,
            products=25 + PROBES, method="Lanczos", samples=200, trace_probes=probes,
        )  # fmt: skip

    def _pair(self, run: Run, other: Run, place: _Place, *, curved: bool) -> PairResult:
        noise = self._generator.standard_normal(3).tolist()
        draw = int(self._generator.integers(DRAWS))
        cka = 1 / (1 + math.exp(1 - place.size + 0.05 * noise[0]))
        differing = self._differing[draw]
        norm = 15 + place.size
        measured: dict[str, Any] = {
            "similarity": {
                PRIMARY: [
                    OutputSimilarity(
                        cka, 0.01, SAMPLES, debiased=cka - 0.003, debiased_standard_error=0.011,
                        disagreement=len(differing) / SAMPLES, influences=self._influences[draw],
                        debiased_influences=self._influences[draw - 1], differing=differing,
                    )
                ]
            },
            "distance": {
                PRIMARY: [
                    WeightDistance(norm * (1.2 + 0.02 * noise[1]), norm, norm + 0.1, 1000)
                ]
            },
        }  # fmt: skip
        if curved:
            measured["connectivity"] = {PRIMARY: [self._curve(place, noise[2])]}
            measured["barrier"] = {PRIMARY: [self._line(place, noise[2])]}
        return PairResult(run, other, measured)

    def _points(self, height: float) -> list[CurvePoint]:
        points = []
        for t in TS:
            error = 2 + 4 * t * (1 - t) * height
            points.append(
                CurvePoint(
                    t,
                    Evaluation(max(error, 0) / 50, 0.1, round(max(error, 0) * 14), N_TRAIN),
                    Evaluation(max(error, 0) / 30, 0.2, round(max(error, 0) * 4), N_TEST),
                )
            )
        return points

    def _curve(self, place: _Place, deviation: float) -> ModeConnectivity:
        mc = place.mode_connectivity + 0.2 * deviation
        return ModeConnectivity(
            mode_connectivity=mc, t=0.5, lowest=min(mc, 0.0), highest=max(mc, 0.0),
            peak_error=2 + abs(mc), area=2 - mc / 2, unit="%", quantity="error",
            points=self._points(-mc), fit_length=50, shorter_length=25,
            shorter_mode_connectivity=mc - 0.1, convergence=0.5,
        )  # fmt: skip

    def _line(self, place: _Place, deviation: float) -> LineBarrier:
        height = abs(2 * place.mode_connectivity + deviation)
        return LineBarrier(height, 0.5, self._points(height), "%", "error")
