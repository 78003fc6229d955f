"""The record of one measurement, which holds the result dataclass of its metric."""

from __future__ import annotations

import functools
import operator
from typing import Annotated, Any

from pydantic import Field

from landscape_catalog.experiment.training import Snapshot
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.records import Record
from landscape_catalog.store.records import DataRecord, Provenance, RunRecord

# The union of the metrics' result dataclasses, discriminated by the field `metric`.
_RESULTS: Any = functools.reduce(operator.or_, [metric.result for metric in METRICS.values()])


class MeasurementRecord(Record):
    """One measurement of one run or one pair."""

    measurement_id: str
    """Id of the measurement."""
    run_ids: list[str]
    """The run, or the two runs of a pair in order."""
    snapshot: Snapshot = "best_train_loss"
    """The snapshot of the runs' weights that was measured."""
    probe: dict[str, Any]
    """How it was measured: the parameters that the id is a hash of."""
    measured: Annotated[_RESULTS, Field(discriminator="metric")]
    """The numbers."""
    provenance: Provenance
    """The software and hardware it was measured with."""


RECORDS: dict[str, type[Record]] = {
    "data_record": DataRecord,
    "run_record": RunRecord,
    "measurement_record": MeasurementRecord,
}
