"""Table rows about runs and pairs of runs."""

from __future__ import annotations

from collections.abc import Iterator

from landscape_catalog.catalog.results import CellResult, Measured, PairResult, RunResult
from landscape_catalog.catalog.tables import METRIC_TABLES
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.tables import Row


def run_row(result: RunResult) -> Row:
    """A run with the loss and error of its primary snapshot."""
    record = result.record
    return {
        "run_id": record.run_id,
        "cell_id": record.cell_id,
        "seed": record.seed,
        "status": "converged" if result.nc_reason is None else "NC",
        "status_reason": result.nc_reason,
        "n_epochs": record.n_epochs,
        "stop_reason": record.stop_reason,
        "best_epoch": record.best_epoch,
        **_losses(result.loss),
        "computed": record.computed,
        **record.provenance.model_dump(),
    }


def snapshot_rows(result: RunResult, primary: str) -> list[Row]:
    """Every measured snapshot of a run; `primary` is the name of the first."""
    record = result.record
    epochs = record.snapshots
    rows = []
    for probe, loss in result.losses.items():
        is_primary = probe == PRIMARY
        snapshot = primary if is_primary else probe
        row = {"snapshot": snapshot, "is_primary": is_primary, "epoch": epochs[snapshot]}
        rows.append(run_key(result) | row | _losses(loss))
    return rows


def _losses(loss: Loss) -> Row:
    row: Row = {}
    for side, values in (("train", loss.train), ("test", loss.test)):
        row |= {
            f"{side}_loss": values.loss,
            f"{side}_loss_sd": values.loss_sd,
            f"{side}_accuracy": None if values.n_wrong is None else values.accuracy,
            f"{side}_error": values.error_value,
            f"n_{side}": values.n,
        }
    return row


def epoch_rows(result: RunResult) -> Iterator[Row]:
    """The history of a run."""
    history = result.history
    tested = history.get("test_error")
    for i, (loss, error) in enumerate(zip(history["train_loss"], history["train_error"])):
        yield {
            "run_id": result.run.run_id,
            "epoch": i + 1,
            "train_loss": float(loss),
            "train_error": float(error),
            "test_error": None if tested is None else float(tested[i]),
        }


def run_key(result: RunResult) -> Row:
    """The key columns of a row about a run."""
    return {"run_id": result.run.run_id}


def pair_key(cell: CellResult, pair: PairResult) -> Row:
    """The key columns of a row about a pair."""
    return {
        "cell_id": cell.cell.cell_id,
        "run_id": pair.run.run_id,
        "other_run_id": pair.other.run_id,
    }


def pair_row(cell: CellResult, pair: PairResult) -> Row:
    """A pair with the results of the primary probes."""
    row = pair_key(cell, pair) | {"seed": pair.run.seed, "other_seed": pair.other.seed}
    for name, by_probe in pair.measured.items():
        if PRIMARY in by_probe:
            row |= METRICS[name].pair_row(by_probe[PRIMARY])
    return row


def table_rows(measured: Measured, key: Row) -> dict[str, list[Row]]:
    """Rows of the tables that metrics declare, about one run or pair."""
    rows: dict[str, list[Row]] = {name: [] for name in METRIC_TABLES}
    for name, by_probe in measured.items():
        for probe, repeats in by_probe.items():
            for table, own in METRICS[name].rows(probe, repeats).items():
                rows[table] += [key | row for row in own]
    return rows
