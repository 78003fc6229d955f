"""What a custom network must do in eval mode, and in a train-mode pass without training.

Each check raises a `CodeError` that says what is wrong.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.errors import CodeError, described
from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian, Mode
from landscape_catalog.models.copying import copied
from landscape_catalog.models.randomness import seeded
from landscape_catalog.pipeline.prepare.trial.messages import (
    RANDOM,
    called,
    derivative_hint,
    moving_state,
    neighbour_hint,
    shown_names,
)
from landscape_catalog.pipeline.prepare.trial.subject import BATCH, Trial
from landscape_catalog.pipeline.shared.rebuilt import (
    TOLERANCE,
    answers,
    difference,
    relative_difference,
)
from landscape_catalog.tasks import Samples, Task

NEIGHBOUR_TOLERANCE = 1e-4  # batches of different sizes round differently


def require_unchanged_data(trial: Trial, network: nn.Module, task: Task) -> None:
    """Require that answers leave the data, of which evaluations pass views, as they are."""
    samples = trial.samples
    few = Samples(samples.inputs.clone(), samples.targets.clone())
    answers(network, task, few)
    if not all(map(torch.equal, (few.inputs, few.targets), (samples.inputs, samples.targets))):
        raise CodeError(
            f"{trial.name}: it changes its input in place, and with it the data: let `outputs` of "
            "the task pass a copy (samples.inputs.clone())"
        )


def require_repeatable(trial: Trial, network: nn.Module, task: Task) -> None:
    """Require the same answers twice, also after all random generators are seeded differently."""
    found = [answers(network, task, trial.samples, seed=seed) for seed in (1, 2)]
    what, apart = difference(*found)
    if apart > TOLERANCE:
        raise CodeError(f"{trial.name}: in eval mode its {what} differ from call to call: {RANDOM}")


def require_no_neighbours(trial: Trial, network: nn.Module, task: Task) -> None:
    """Require that samples have the same answers together and one at a time."""
    few = trial.samples[:BATCH]
    together = answers(network, task, few)
    hint = neighbour_hint(network, together["outputs"], few)
    try:
        alone = [answers(network, task, few[i : i + 1]) for i in range(len(few))]
    except (Exception, SystemExit) as error:  # custom code may raise anything
        raise CodeError(
            f"{trial.name}: on a batch of one sample in eval mode, it failed: "
            f"{described(error)}{hint}"
        ) from error
    for what in ("losses", "errors"):
        joined = torch.cat([answer[what] for answer in alone])
        if relative_difference(together[what], joined) > NEIGHBOUR_TOLERANCE:
            raise CodeError(
                f"{trial.name}: the {what} of {len(few)} samples are {_numbers(together[what])} "
                f"together, and {_numbers(joined)} one at a time: in eval mode a sample's answer "
                f"must not depend on the other samples of its batch{hint}"
            )


def _numbers(values: Tensor) -> str:
    shown = [f"{float(value):.4g}" for value in values.detach()[:BATCH]]
    return ", ".join(shown) + (", …" if len(values) > BATCH else "")


def require_faithful_copy(trial: Trial, network: nn.Module, task: Task) -> None:
    """Require that a copy computes with its own weights, since metrics change those of copies."""
    duplicate = called(trial.model, "copying it (copy.deepcopy) ", copied, network)
    other = trial.build(2)
    called(
        trial.model, "loading weights into a copy ", duplicate.load_state_dict, other.state_dict()
    )
    found = [answers(each, task, trial.samples) for each in (duplicate, other)]
    what, apart = difference(*found)
    if apart > TOLERANCE:
        raise CodeError(
            f"{trial.model}: with the weights of another network, a copy of it (copy.deepcopy) "
            f"gives other {what} than that network: it keeps what was computed from earlier "
            "weights, or holds a reference to the original, for example in a hook, a lambda or a "
            "nested function. Refer to weights through `self`, and compute from them in each call"
        )


def require_second_derivative(trial: Trial, network: nn.Module, task: Task, mode: Mode) -> None:
    """Require a Hessian-vector product."""
    few = trial.samples[:BATCH]
    try:
        hessian = BatchHessian(network, few, task, mode=mode)
        hessian(torch.ones(hessian.size, dtype=hessian.dtype, device=hessian.device))
    except CodeError:
        raise
    except (Exception, SystemExit) as error:  # custom code may raise anything
        raise CodeError(
            f"{trial.name}: its second derivative, which the Hessian needs, failed: "
            f"{derivative_hint(error)}"
        ) from error


def require_constant_state(trial: Trial, network: nn.Module, task: Task) -> None:
    """Require that a train-mode pass leaves all but batch-norm statistics as they are."""
    samples, dtype = trial.samples, next(network.parameters()).dtype
    before = {name: value.detach().clone() for name, value in network.state_dict().items()}
    network.train()
    with torch.no_grad(), seeded(0, samples.inputs.device):
        task.outputs(network, samples, dtype)
    after = {name: value.detach() for name, value in network.state_dict().items()}
    changed = [name for name, value in before.items() if not _same(value, after[name])]
    parameters = dict(network.named_parameters(remove_duplicate=False))
    if moved := [name for name in changed if name in parameters]:
        raise CodeError(
            f"{trial.model}: a forward pass in train mode changes its parameters "
            f"{shown_names(moved)}. Measuring passes training data through trained networks to "
            "recompute batch-norm statistics, which would overwrite them: initialise them when the "
            "network is built, or record in a buffer that they have been"
        )
    then, now = ({name: state[name] for name in changed} for state in (before, after))
    if trial.has_pairs and (words := moving_state(network, then, now)):
        raise CodeError(f"{trial.model}: {words}")
    called(
        trial.name,
        "recomputing its batch-norm statistics ",
        lambda: recompute_batchnorm(
            network, samples, task, batch_size=trial.small_recipe.batch_size, seed=0
        ),
    )


def _same(one: Tensor, other: Tensor) -> bool:
    return np.array_equal(one.cpu().numpy(), other.cpu().numpy(), equal_nan=True)
