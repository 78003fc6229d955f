"""Prediction of the memory that measuring takes on a GPU.

Peak = B + 4 * 8 P + max(R + 4 ((i + 1) P + 3 (2.2 h A)), n (R + 4 (6 c P + 2.2 b A)), 4 * 10 e L)
bytes, with the symbols of `pipeline.train.memory`. The terms are: a worker without data; two
networks with their gradients; the recorded Hessian product of h samples, whose gradient keeps its
own graph, with i Lanczos vectors; n curves with c control points, each fitted by recorded steps of
its own with batches of b; and an evaluation batch. R is that of an H100, B a guess. On an H100 a
Hessian product of ResNet18 with 200 samples took 0.4 GiB at k = 8 and 3.6 GiB at k = 64
(docs/performance.md); its term without R is 0.7 and 5.8 GiB. Curves have not been measured on a
GPU.
"""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.experiment.grid import Cell
from landscape_catalog.experiment.measure import Measure
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.models.spec import Footprint
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.pipeline.shared.memory import (
    ACTIVATIONS,
    BYTES,
    evaluation_values,
    network_footprint,
)
from landscape_catalog.runner.memory import GPU_WORKER_BYTES, RECORDED_BYTES

NETWORKS = 8  # vectors of the size of a network: two with gradients, and room for copies
CURVE = 6  # vectors for each control point: weights, gradient, momentum and their copies
DERIVATIVES = 3  # graphs of a Hessian: forward pass, gradient, and a product in progress


def measuring_memory(cell: Cell, measure: Measure) -> int:
    """Predicted peak memory that measuring a cell's runs takes on a GPU, in bytes.

    Curves count one at a time: how many are fitted together follows from the memory that there is.
    Custom networks, whose sizes are unknown, count as nothing.
    """
    counted = network_footprint(cell)
    if counted is None:
        return GPU_WORKER_BYTES
    needs = [BYTES * evaluation_values(cell, counted)]
    for probe in measure.probes("hessian"):
        vectors = (probe.max_iterations + 1) * counted.parameters
        graphs = DERIVATIVES * ACTIVATIONS * counted.activations
        values = vectors + graphs * (probe.batch_size or probe.samples)
        needs.append(RECORDED_BYTES + round(BYTES * values))
    needs += [_curve(counted, probe) for probe in measure.probes("connectivity")]
    return _networks(counted) + max(needs)


def curves_fit(specs: Sequence[MeasurementSpec], share: int | None) -> bool:
    """Whether measurements of one landscape and probe fit in memory together; one always may.

    Args:
        specs: the measurements, which may be curves that are fitted by recorded steps.
        share: bytes that a worker may take on its GPU; None on other devices.
    """
    if len(specs) == 1 or share is None or not specs[0].declaration.records_steps:
        return True
    counted = network_footprint(specs[0].cell)
    if counted is None:
        return True
    needed = _networks(counted) + len(specs) * _curve(counted, specs[0].settings)
    return needed <= share


def _networks(counted: Footprint) -> int:
    return GPU_WORKER_BYTES + BYTES * NETWORKS * counted.parameters


def _curve(counted: Footprint, probe: ConnectivitySettings) -> int:
    """Bytes that fitting a curve by recorded steps takes."""
    weights = CURVE * probe.control_points * counted.parameters
    step = ACTIVATIONS * probe.batch_size * counted.activations
    return RECORDED_BYTES + round(BYTES * (weights + step))
