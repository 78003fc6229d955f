"""What is checked before anything is measured: the network as a whole, and its accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.diagnosis.data import DiagnosedData
from landscape_catalog.diagnosis.networks import NetworkSource
from landscape_catalog.errors import CheckpointError, CodeError
from landscape_catalog.metrics.numerics.parameters import require_one_landscape
from landscape_catalog.pipeline.prepare.trial.messages import called, neighbour_hint
from landscape_catalog.pipeline.prepare.trial.parameters import require_storable_parameters
from landscape_catalog.pipeline.prepare.trial.subject import SAMPLES, Trial
from landscape_catalog.pipeline.prepare.trial.walk import run_trial
from landscape_catalog.tasks import Samples
from landscape_catalog.training import Recipe

SURELY = 0.01  # probability of as many right answers by chance, from which on they are none
GAINED = 0.2  # share of right answers that another order of the classes must add to be named
MOST_NAMED = 6


def require_usable(
    build: Callable[[int], nn.Module], data: DiagnosedData, network: NetworkSource, n: int
) -> None:
    """Require a network that can be measured, by the trial that `landscape prepare` makes.

    Args:
        build: a fresh network from a seed, on the device.
        data: on the device.
        network: for messages.
        n: number of checkpoints; several are compared in pairs.

    Raises:
        CodeError: naming the reason, and the way out where it is known.
        CheckpointError: if it does not take the data, or has another number of outputs.
    """
    fresh, few = build(0), data.train[:SAMPLES]
    require_storable_parameters(fresh, network.name)
    _require_outputs(fresh, data, network)
    run_trial(
        Trial(
            model=network.name,
            name=network.name,
            build=build,
            make_task=lambda: data.task,
            samples=Samples(few.inputs.clone(), few.targets.clone()),
            recipe=Recipe(),
            has_pairs=n > 1,
        )
    )


def _require_outputs(network: nn.Module, data: DiagnosedData, source: NetworkSource) -> None:
    """A row of logits for each sample, as many as there are classes."""
    few = data.train[:SAMPLES]
    dtype = next(network.parameters()).dtype
    network.eval()
    shape = tuple(data.input_shape)
    try:
        with torch.no_grad():
            outputs = called(source.name, "", data.task.outputs, network, few, dtype)
    except CodeError as error:
        raise CheckpointError(f"{error} (on inputs of shape {shape} from {data.name})") from error
    if not isinstance(outputs, Tensor):
        raise CodeError(f"{source.name} returned {type(outputs).__name__}, not a tensor")
    wanted = (len(few), data.n_outputs)
    if tuple(outputs.shape) != wanted:
        hint = neighbour_hint(network, outputs, few)
        raise CheckpointError(
            f"{source.name}: it returns shape {tuple(outputs.shape)} for {len(few)} samples of "
            f"shape {shape}; it must be {wanted}, a number for each class of {data.name}{hint}"
        )


def require_one_landscape_of(
    build: Callable[[int], nn.Module], states: Sequence[dict[str, Tensor]], names: Sequence[str]
) -> None:
    """Require that checkpoints differ in trained parameters and batch-norm statistics only.

    Raises:
        CheckpointError: naming what else differs.
    """
    network = build(0)
    for state, name in zip(states[1:], names[1:]):
        try:
            require_one_landscape(network, (states[0], state))
        except ValueError as error:
            raise CheckpointError(f"{names[0]} and {name}: {error}") from error


def confusion_of(network: nn.Module, data: DiagnosedData) -> np.ndarray:
    """How many training samples of each class get each answer, (classes, outputs)."""
    task, samples, n = data.task, data.train, data.n_outputs
    network.eval()
    dtype, counts = next(network.parameters()).dtype, np.zeros((n, n), np.int64)
    with torch.no_grad():
        for start in range(0, len(samples), task.evaluation_batch):
            batch = samples[start : start + task.evaluation_batch]
            answers = task.outputs(network, batch, dtype).argmax(1).cpu().numpy()
            np.add.at(counts, (batch.targets.cpu().numpy(), answers), 1)
    return counts


def require_above_chance(confusion: np.ndarray, name: str, data: DiagnosedData) -> str:
    """Require more right answers on the training data than guessing gives.

    Guessing has the larger of 1/classes and the share of the most frequent class; the binomial
    probability of as many right answers must be below `SURELY`.

    Args:
        confusion: (classes, outputs).
        name: of the checkpoint.
        data: which it was evaluated on.

    Returns:
        A remark if another order of the classes would be much better; empty otherwise.

    Raises:
        CheckpointError: if it is not better than guessing.
    """
    from scipy.stats import binom

    n, right = int(confusion.sum()), int(np.trace(confusion))
    frequent = confusion.sum(1).max() / n
    chance = max(1 / data.n_outputs, frequent)
    hint = _order_hint(confusion, data)
    if binom.sf(n - 1, n, chance) >= SURELY:
        raise CheckpointError(
            f"{name}: {n} training samples are too few to tell its {right} right answers from "
            f"guessing, {100 * chance:.1f}% each; give more (--samples)"
        )
    if binom.sf(right - 1, n, chance) >= SURELY:
        guess = "of the most frequent class" if frequent > 1 / data.n_outputs else "of guessing"
        raise CheckpointError(
            f"{name}: {right} of {n} training samples are right ({100 * right / n:.1f}%), no more "
            f"than the {100 * chance:.1f}% {guess}, so that the classes' order or the preprocessing"
            f" is probably not that of training. Classes: {_classes(data)}; preprocessing: "
            f"{data.preprocessing}.{hint}"
        )
    return (
        f"{name}: {100 * right / n:.1f}% of the training samples are right.{hint}" if hint else ""
    )


def _order_hint(confusion: np.ndarray, data: DiagnosedData) -> str:
    """The order of the classes under which most answers are right, if it is much better."""
    from scipy.optimize import linear_sum_assignment

    n = confusion.sum()
    rows, columns = linear_sum_assignment(-confusion)
    share, now = confusion[rows, columns].sum() / n, np.trace(confusion) / n
    if share < now + GAINED or share < 2 / data.n_outputs:
        return ""
    names = data.classes or tuple(map(str, range(data.n_outputs)))
    order = [names[i] for i in np.argsort(columns)]
    shown = ",".join(order) if len(order) <= MOST_NAMED * 2 else ""
    what = f" in the order {shown}" if shown else " in another order"
    option = f" (--classes {shown})" if shown and data.classes else ""
    return f" With the classes{what}{option}, {100 * share:.1f}% would be right"


def _classes(data: DiagnosedData) -> str:
    names = data.classes or tuple(map(str, range(data.n_outputs)))
    return ", ".join(names[:MOST_NAMED]) + (", …" if names[MOST_NAMED:] else "")
