"""What a job of measuring works on: the data, the task, and each network loaded once."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from torch import Tensor, nn

from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.evaluation import Evaluation
from landscape_catalog.metrics.numerics.hsic import Prepared
from landscape_catalog.pipeline.shared.loading import LoadedData, load_data, load_state
from landscape_catalog.pipeline.shared.measurements import Needed
from landscape_catalog.pipeline.shared.payloads import MeasurePayload
from landscape_catalog.schema.fields import Section
from landscape_catalog.store.measured import LossValues

Settings = TypeVar("Settings", bound=Section)


class Subject:
    """Networks, features and curves of one job, each loaded or computed once.

    All are of one cell, or of cells with the same data, network and task.
    """

    def __init__(self, payload: MeasurePayload) -> None:
        self.payload = payload
        self.data: LoadedData = load_data(payload.prepared, payload.device)
        self.cell = payload.needed[0].cell
        self.task = self.data.task(self.cell, payload.custom)
        self.features: dict[tuple[Any, ...], Prepared] = {}
        self.curves: dict[str, Curve] = {}
        self._states: dict[tuple[str, str], dict[str, Tensor]] = {}

    def state(self, needed: Needed, which: int = 0) -> dict[str, Tensor]:
        """Weights of one of the runs that are measured."""
        run_id = needed.runs[which].run_id
        key = (run_id, needed.snapshot)
        if key not in self._states:
            folder = self.payload.runs.path(run_id)
            self._states[key] = load_state(folder, self.payload.device, needed.snapshot)
        return self._states[key]

    def network(self, needed: Needed, which: int = 0) -> nn.Module:
        """A network with those weights, in eval mode."""
        network = self.data.network(self.cell, self.payload.custom).to(self.payload.device)
        network.load_state_dict(self.state(needed, which))
        return network.eval()


def settings_of(needed: Needed, kind: type[Settings]) -> Settings:
    """The settings of a measurement, which must be of a kind."""
    if not isinstance(needed.settings, kind):
        raise TypeError(f"{needed.metric} needs {kind.__name__} settings")
    return needed.settings


def fields_of(kind: type, settings: Section, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The settings that a dataclass has fields for."""
    names = [field.name for field in dataclasses.fields(kind) if field.name not in without]
    return {name: getattr(settings, name) for name in names}


def values_of(evaluation: Evaluation) -> LossValues:
    """What is recorded: the error apart only where it is not the share of units that are wrong."""
    values = dataclasses.asdict(evaluation)
    if evaluation.n_wrong is not None:
        del values["error"]
    return LossValues(**values)
