"""The weights of a trained run as arrays, from which the trained network can be rebuilt."""

from __future__ import annotations

from torch import nn

from landscape_catalog.errors import CodeError, is_out_of_memory
from landscape_catalog.pipeline.shared.rebuilt import require_same_answers
from landscape_catalog.pipeline.shared.states import Arrays, arrays_of, state_of
from landscape_catalog.tasks import Samples, Task
from landscape_catalog.training import TrainedRun

COMPARED_SAMPLES = 8


def stored_snapshots(
    trained: TrainedRun,
    network: tuple[nn.Module, Task],
    rebuilt: tuple[nn.Module, Task],
    data: Samples,
    name: str,
) -> dict[str, Arrays]:
    """The arrays of each snapshot, after a check that a new network with them is the trained one.

    The trained network is compared as training has left it, and with the weights of each snapshot,
    on a few samples in eval mode.

    Args:
        trained: the result of training.
        network: the trained network, which gets the weights of a snapshot, and its task.
        rebuilt: a new network and a new task, as measuring will build them.
        data: training samples.
        name: of the network, for messages.

    Raises:
        CodeError: if the answers differ, or if the weights cannot be stored.
    """
    few, device = data[:COMPARED_SAMPLES], str(data.inputs.device)

    def compare(arrays: Arrays) -> None:
        try:
            rebuilt[0].load_state_dict(state_of(arrays, device))
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise CodeError(f"{name}: the weights do not fit a new network: {error}") from error
        require_same_answers(network, rebuilt, few, name)

    compare(arrays_of(network[0].state_dict(), name))
    stored = {}
    for snapshot, weights in trained.snapshots.items():
        stored[snapshot] = arrays_of(weights.state, name)
        network[0].load_state_dict(weights.state)
        compare(stored[snapshot])
    return stored
