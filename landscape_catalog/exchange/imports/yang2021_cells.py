"""One cell of the archive of Yang et al. 2021: its pickles and its curve."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from landscape_catalog.exchange.imports.published import (
    Observation,
    PairRow,
    PublishedCell,
    PublishedRun,
)
from landscape_catalog.exchange.imports.yang2021_forms import (
    POINTS,
    distances_of,
    hessians_of,
    losses_of,
    points_of,
    similarities_of,
)
from landscape_catalog.exchange.imports.yang2021_metrics import HESSIAN, LOGITS, PERCENT
from landscape_catalog.metrics.estimate import error_of_mean, mean_of
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity
from landscape_catalog.phases.convergence import not_converged_reason
from landscape_catalog.schema.tables import Row

K = TypeVar("K")
T = TypeVar("T")
TRAIN, TEST, HESSIANS = "loss_acc.pkl", "loss_acc_test.pkl", "hessian.pkl"
SIMILARITIES, DISTANCES = "CKA_mixup_alpha_16.0.pkl", "model_dist.pkl"
CURVE = "curve_test.npz"
FILES = (TRAIN, TEST, HESSIANS, SIMILARITIES, DISTANCES, CURVE)
ENDS = (0, 1)  # seeds of the runs that the curve connects
CLASSES = 10
N_TEST = 10_000
_HELD = {  # the metrics of each file
    TRAIN: ("train_loss", "train_accuracy", "train_error"),
    TEST: ("test_loss", "test_accuracy", "test_error"),
    HESSIANS: ("top_eigenvalue", "trace"),
    SIMILARITIES: ("cka",),
    DISTANCES: ("l2_distance",),
    CURVE: (
        "mode_connectivity", "connectivity_lowest", "connectivity_highest", "peak_error",
        "curve_area",
    ),
}  # fmt: skip


def read_cell(
    coordinates: Mapping[str, Any], files: Mapping[str, bytes], where: str
) -> PublishedCell:
    """Read the files of a cell; what it lacks is named in `missing`.

    Args:
        coordinates: of the cell.
        files: content by name.
        where: archive and cell, for messages.

    Raises:
        PublishedError: if a file is damaged, hostile, or of another form.
    """
    parts = _Cell(files, where)
    runs, observations = parts.runs(int(coordinates["load.samples"]))
    pair_rows, of_pairs = parts.pairs()
    return PublishedCell(
        coordinates=coordinates,
        n_runs=len(runs),
        runs=tuple(runs),
        observations=(*observations, *of_pairs),
        pair_rows=tuple(pair_rows),
        missing={
            metric: f"the archive has no {name} for this cell"
            for name, held in _HELD.items()
            if name not in files
            for metric in held
        },
    )


class _Cell:
    """The content of a cell's files, and the seeds of its runs."""

    def __init__(self, files: Mapping[str, bytes], where: str) -> None:
        def read(name: str, form: Callable[[bytes, str], dict[K, T]]) -> dict[K, T]:
            return form(files[name], f"{where}/{name}") if name in files else {}

        self._train, self._test = read(TRAIN, losses_of), read(TEST, losses_of)
        self._hessians = read(HESSIANS, hessians_of)
        self._similarities = read(SIMILARITIES, similarities_of)
        self._distances = read(DISTANCES, distances_of)
        self._points = read(CURVE, points_of)
        self._seeds = {*self._train, *self._test, *self._hessians}
        for pair in (*self._similarities, *self._distances):
            self._seeds.update(pair)
        if self._points:
            self._seeds.update(ENDS)

    def runs(self, samples: int) -> tuple[list[PublishedRun], list[Observation]]:
        """The runs and their numbers."""
        train, test, hessians = self._train, self._test, self._hessians
        sizes = {"train": samples, "test": N_TEST}
        runs, observations = [], []
        for seed in sorted(self._seeds):
            columns: Row = {}
            for side, found in (("train", train), ("test", test)):
                if seed in found:
                    own = _side(side, *found[seed])
                    columns |= own | {f"n_{side}": sizes[side]}
                    observations += [Observation(name, (seed,), own[name]) for name in own]
            hessian: Row = {}
            if seed in hessians:
                own = dict(zip(("top_eigenvalue", "trace"), hessians[seed]))
                hessian = own | {"method": HESSIAN}
                observations += [Observation(name, (seed,), own[name]) for name in own]
            reason = _nc_reason(train[seed][0]) if seed in train else None
            runs.append(PublishedRun(seed, columns, reason, seed in train, hessian))
        return runs, observations

    def pairs(self) -> tuple[list[PairRow], list[Observation]]:
        """The pairs and their numbers."""
        rows, observations = [], []
        for pair in itertools.combinations(sorted(self._seeds), 2):
            columns: Row = {}
            for part in (self._of_similarity, self._of_distance, self._of_curve):
                own_columns, own_rows, own_observations = part(pair)
                columns |= own_columns
                rows += own_rows
                observations += own_observations
            if columns:
                rows.append(PairRow("pairs", pair, columns))
        return rows, observations

    def _of_similarity(self, pair: tuple[int, int]) -> tuple[Row, list[PairRow], list[Observation]]:
        """Both draws of a pair as rows, and their mean as the pair's number."""
        draws = [one for one in (pair, pair[::-1]) if one in self._similarities]
        if not draws:
            return {}, [], []
        rows, observations, columns = [], [], {}
        for place, probe in enumerate((LOGITS, PRIMARY)):
            values = [self._similarities[one][place] for one in draws]
            reason = None if all(map(math.isfinite, values)) else "it was published as NaN"
            rows += [
                PairRow("similarities", one, {"probe": probe, "cka": value, "reason": reason})
                for one, value in zip(draws, values)
            ]
            mean, error = mean_of(values), error_of_mean(values)
            observations.append(Observation("cka", pair, mean, probe, error, len(values), reason))
            if probe == PRIMARY:
                columns = {"cka": mean, "cka_standard_error": error, "cka_reason": reason}
        return columns, rows, observations

    def _of_distance(self, pair: tuple[int, int]) -> tuple[Row, list[PairRow], list[Observation]]:
        found = self._distances.get(pair, self._distances.get(pair[::-1]))
        if found is None:
            return {}, [], []
        return {"l2_distance": found}, [], [Observation("l2_distance", pair, found)]

    def _of_curve(self, pair: tuple[int, int]) -> tuple[Row, list[PairRow], list[Observation]]:
        if not self._points or pair != ENDS:
            return {}, [], []
        ts, errors = self._points["ts"], self._points["tr_err"]
        found = mode_connectivity(ts, errors)
        own = {
            "mode_connectivity": found.mode_connectivity,
            "t": found.t,
            "lowest": found.lowest,
            "highest": found.highest,
            "peak_error": found.peak_error,
            "area": found.area,
        }
        names = {"lowest": "connectivity_lowest", "highest": "connectivity_highest"}
        names |= {"area": "curve_area"}
        key = {"probe": PRIMARY, "fit": 0}
        rows = [PairRow("curves", pair, key | {"unit": PERCENT, "quantity": "error"} | own)]
        for t, *point in zip(*(self._points[name] for name in POINTS), strict=True):
            named = dict(zip(("train_error", "train_loss", "test_error", "test_loss"), point))
            rows.append(PairRow("curve_points", pair, key | {"t": t} | named))
        observations = [
            Observation(names.get(name, name), pair, value)
            for name, value in own.items()
            if name != "t"
        ]
        return own | {"fits": 1, "connectivity_unit": PERCENT}, rows, observations


def _side(side: str, loss: float, accuracy: float) -> Row:
    return {
        f"{side}_loss": loss,
        f"{side}_accuracy": accuracy,
        f"{side}_error": 100 - accuracy,
    }


def _nc_reason(train_loss: float) -> str | None:
    """By the project's rule; how training ended was not published."""
    return not_converged_reason(
        stop_reason="", train_loss=train_loss, frequency_loss=math.log(CLASSES)
    )
