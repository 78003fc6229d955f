"""How large a job is, by arithmetic: enough to order jobs and to guess how long they take."""

from __future__ import annotations

from landscape_catalog.experiment.grid import Cell
from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.fields import is_custom

# Tokens of a sentence, where nobody has counted them yet.
USUAL_TOKENS = 25


def work_of(cell: Cell, kind: str, *, batch_size: int, steps: int, forward_passes: int) -> Work:
    """The size of a job on a cell's networks; a user's own network counts as overhead alone.

    Args:
        cell: whose network and data.
        kind: of job.
        batch_size: samples a step.
        steps: how many.
        forward_passes: what a step costs, in forward passes: a backward pass costs two more.
    """
    model = cell.landscape.model.name
    a_sample = 0
    if not is_custom(model):
        data = cell.landscape.data
        a_sample = multiply_adds(
            model,
            width=cell.landscape.width,
            input_shape=data.facts.input_shape(data.dataset),
            n_outputs=data.facts.n_outputs,
            args=cell.model_args,
            lengths=(USUAL_TOKENS, USUAL_TOKENS),
        )
    multiply_adds_a_step = forward_passes * a_sample * batch_size
    return Work(kind, model, cell.landscape.width, batch_size, steps, multiply_adds_a_step)
