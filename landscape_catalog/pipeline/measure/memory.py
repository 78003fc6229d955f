"""Prediction of the memory that measuring takes on a GPU.

Peak = B + 4 (8 P + max((i + 1) P + 3 (2.2 h A), 6 c P + 2.2 b A, 10 e L)) bytes, with the symbols
of `pipeline.train.memory`. The terms are: a worker without data; two networks with their gradients;
the Hessian of h samples, whose gradient keeps its own graph, with i Lanczos vectors; a curve with c
control points, fitted with batches of b; and an evaluation batch. Neither this nor the part of a
worker has been measured on a GPU.
"""

from __future__ import annotations

from landscape_catalog.experiment.grid import Cell
from landscape_catalog.experiment.measure import Measure
from landscape_catalog.pipeline.shared.memory import (
    ACTIVATIONS,
    BYTES,
    evaluation_values,
    network_footprint,
)
from landscape_catalog.runner.memory import GPU_WORKER_BYTES

NETWORKS = 8  # vectors of the size of a network: two with gradients, and room for copies
CURVE = 6  # vectors for each control point: weights, gradient, momentum and their copies
DERIVATIVES = 3  # graphs of a Hessian: forward pass, gradient, and a product in progress


def measuring_memory(cell: Cell, measure: Measure) -> int:
    """Predicted peak memory that measuring a cell's runs takes on a GPU, in bytes.

    Custom networks, whose sizes are unknown, count as nothing.
    """
    counted = network_footprint(cell)
    if counted is None:
        return GPU_WORKER_BYTES
    values = [float(evaluation_values(cell, counted))]
    pass_of_one = ACTIVATIONS * counted.activations
    for probe in measure.probes("hessian"):
        vectors = (probe.max_iterations + 1) * counted.parameters
        values.append(vectors + DERIVATIVES * pass_of_one * (probe.batch_size or probe.samples))
    for probe in measure.probes("connectivity"):
        curve = CURVE * probe.control_points * counted.parameters
        values.append(curve + pass_of_one * probe.batch_size)
    return GPU_WORKER_BYTES + round(BYTES * (NETWORKS * counted.parameters + max(values)))
