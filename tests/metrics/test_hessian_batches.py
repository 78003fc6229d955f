"""`measure.hessian.batches`: which samples, which ids, and what is estimated from them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import torch

from landscape_catalog.metrics.hessian.compute import hessian_batch
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec, measurements_of
from landscape_catalog.tasks import Samples
from tests.experiment.test_identity import experiment_of, grid_of

N = 700


@dataclasses.dataclass
class Measured:
    """The part of a measurement's context that the batch depends on."""

    spec: MeasurementSpec
    train: Samples

    @property
    def settings(self) -> Any:
        return self.spec.settings

    @property
    def repeat(self) -> int:
        return self.spec.repeat

    def seed(self, purpose: str, *labels: str | int, repeat: int | None = None) -> int:
        return self.spec.seed(purpose, *labels, repeat=repeat)


def hessians(settings: dict[str, Any], metric: str = "hessian") -> list[MeasurementSpec]:
    """The measurements of a cell's first run."""
    changes = {f"measure.hessian.{name}": value for name, value in settings.items()}
    runs = grid_of(changes).cells[0].runs[:1]
    found = measurements_of(runs, experiment_of(changes).measure, {})
    return [spec for spec in found if spec.metric == metric]


def rows(spec: MeasurementSpec) -> list[int]:
    """Which samples a measurement's batch consists of."""
    numbers = torch.arange(N).view(N, 1)
    batch = hessian_batch(Measured(spec, Samples(numbers, numbers[:, 0])))  # type: ignore[arg-type]
    return batch.targets.tolist()


def test_further_batches_are_disjoint_and_leave_the_first_as_it_was() -> None:
    for seed in (0, 3):
        (alone,) = hessians({"seed": seed})
        three = hessians({"seed": seed, "batches": 3})
        assert three[0].measurement_id == alone.measurement_id
        assert len({spec.measurement_id for spec in three}) == 3
        batches = [rows(spec) for spec in three]
        assert batches[0] == rows(alone)
        assert [len(batch) for batch in batches] == [200] * 3
        assert len(set(itertools.chain(*batches))) == 600
        assert len({spec.seed("hessian probes", seed) for spec in three}) == 3
    assert rows(hessians({"seed": 0})[0]) != rows(hessians({"seed": 3})[0])


def test_density_and_layers_are_of_the_first_batch() -> None:
    for metric, flag in (("density", "density"), ("layers", "layers")):
        (alone,) = hessians({flag: True}, metric)
        (still_alone,) = hessians({flag: True, "batches": 3}, metric)
        assert still_alone.measurement_id == alone.measurement_id
        assert rows(still_alone) == rows(hessians({})[0])


def test_one_batch_is_not_in_stored_specs() -> None:
    stored = experiment_of({"measure.hessian.batches": 1}).stored()["measure"]["hessian"]
    assert "batches" not in stored
    stored = experiment_of({"measure.hessian.batches": 2}).stored()["measure"]["hessian"]
    assert stored["batches"] == 2
    assert METRICS["hessian"].repeats(experiment_of({}).measure.hessian) == 1
