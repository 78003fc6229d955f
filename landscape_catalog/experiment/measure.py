"""The `measure` section: what is measured on trained runs, with one field per metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, Strict, create_model
from pydantic_core import PydanticCustomError

from landscape_catalog.experiment.training import Snapshot
from landscape_catalog.metrics.batch_norm import LEGACY, Choice
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.fields import Added, Section


def _each_once(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(value)) < len(value):
        raise PydanticCustomError("repeated_snapshot", "each snapshot once")
    return value


class MeasureBase(Section):
    """What is measured on the trained runs, and how."""

    snapshots: Annotated[
        tuple[Snapshot, ...], Strict(False), Field(min_length=1), AfterValidator(_each_once)
    ] = ("best_train_loss",)
    """Which weights of a run are measured: `best_train_loss`, `early_stopped` (by the stopping
    rule, or the best if it never applied), `last`, `best_test` (optimal early stopping). The first
    gets every metric and determines the phase; for the others, only loss and error are measured."""

    batch_norm: Annotated[Choice, Added(LEGACY)] = "recomputed"
    """Which batch-norm statistics loss, accuracy, Hessian, CKA, your own metrics and the ends of
    curves see: `recomputed` for the weights as they are, from batches of the training data (batch
    size and shuffle of the first connectivity probe); `running`: as training left them; `authors`:
    running, but recomputed along curves (the authors' code). Training itself uses running ones."""

    def probes(self, section: str | None) -> tuple[Any, ...]:
        """The probes of a section, the primary one first; none if the section is null."""
        found = None if section is None else getattr(self, section)
        if found is None:
            return ()
        return found if isinstance(found, tuple) else (found,)


def _fields() -> dict[str, Any]:
    fields = {}
    for metric in METRICS.values():
        if metric.owns_section and metric.section is not None:
            annotation, default = metric.field()
            marks = Field(default=default, description=metric.describes)
            fields[metric.section] = (annotation, marks)
    return fields


if TYPE_CHECKING:

    class Measure(MeasureBase):
        """`MeasureBase` with a field for each metric that has settings."""

        hessian: Any
        connectivity: Any
        similarity: Any
        custom: Any
else:
    Measure = create_model(
        "Measure", __base__=MeasureBase, __doc__=MeasureBase.__doc__, __module__=__name__,
        **_fields(),
    )  # fmt: skip
