"""The trial of a custom network or task: the way of training and measuring, on a few samples.

Whatever would fail hours later, or pass with wrong numbers, is found here in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from landscape_catalog.errors import CodeError
from landscape_catalog.metrics.numerics.batchnorm import clear_batch_errors, recompute_batchnorm
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, fit_curve
from landscape_catalog.metrics.numerics.curves.sweep import evaluate_all
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian, Mode
from landscape_catalog.metrics.numerics.parameters import require_one_landscape
from landscape_catalog.models.copying import copied
from landscape_catalog.models.randomness import seeded
from landscape_catalog.pipeline.prepare.trial_messages import (
    RANDOM,
    called,
    derivative_hint,
    moving_state,
    neighbour_hint,
    shown_names,
)
from landscape_catalog.pipeline.shared.rebuilt import (
    TOLERANCE,
    answers,
    difference,
    relative_difference,
    require_same_answers,
)
from landscape_catalog.pipeline.shared.states import arrays_of, shaped_like, state_of
from landscape_catalog.store.artifacts import pack, unpack
from landscape_catalog.tasks import Samples, Task
from landscape_catalog.training import Recipe, train

SAMPLES, BATCH, UPDATES = 8, 4, 2
LARGEST_RATE = 1e-3  # so that no step diverges
NEIGHBOUR_TOLERANCE = 1e-4  # batches of different sizes round differently
PRECISE = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Trial:
    """What a trial needs of an experiment.

    Attributes:
        model: name of the network.
        name: of the custom code that messages about the task and the network together begin with.
        build: a fresh network from a seed, on the device.
        make_task: a fresh task.
        samples: training samples on the device, which the trial may change; at least one.
        recipe: how runs are trained.
        modes: the modes in which second derivatives are taken.
        has_pairs: whether two seeds are compared.
    """

    model: str
    name: str
    build: Callable[[int], nn.Module]
    make_task: Callable[[], Task]
    samples: Samples
    recipe: Recipe
    modes: tuple[Mode, ...] = ("eval",)
    has_pairs: bool = True

    @property
    def small_recipe(self) -> Recipe:
        """The recipe, cut to a few careful steps on a few samples."""
        return replace(
            self.recipe,
            batch_size=min(BATCH, self.recipe.batch_size, len(self.samples)),
            lr=min(self.recipe.lr, LARGEST_RATE),
            schedule="constant",
            warmup=0,
            stopping="updates",
            updates=UPDATES,
        )


def run_trial(trial: Trial) -> None:
    """Train, store, rebuild and measure a network once.

    Raises:
        CodeError: if a step fails, or if the result would not be that of the trained network.
    """
    called(trial.name, "its trial (train, store, rebuild, measure) ", _walk, trial)


def _walk(trial: Trial) -> None:
    network, task = trial.build(0), trial.make_task()
    state = _trained_state(trial, network, task, seed=0)
    _require_unchanged_data(trial, network, task)
    rebuilt, new_task = trial.build(1), trial.make_task()
    load = "loading its stored weights into a new network "
    called(trial.model, load, rebuilt.load_state_dict, state)
    require_same_answers((network, task), (rebuilt, new_task), trial.samples, trial.name)
    _require_repeatable(trial, rebuilt, new_task)
    _require_no_neighbours(trial, rebuilt, new_task)
    _require_faithful_copy(trial, rebuilt, new_task)
    for mode in trial.modes:
        _require_second_derivative(trial, rebuilt, new_task, mode)
    _require_constant_state(trial, rebuilt, new_task)
    if trial.has_pairs:
        _compare_seeds(trial, state, new_task)


def require_storable_parameters(network: nn.Module, model: str) -> None:
    """Require a state dict that can be stored, and parameters that fit into one vector.

    Raises:
        CodeError: naming the parameter.
    """
    trained = {n: value for n, value in network.named_parameters() if value.requires_grad}
    for name, value in trained.items():
        if value.dtype not in PRECISE:
            way_out = (
                "hold real and imaginary part in one real parameter, and use torch.view_as_complex"
                if value.is_complex()
                else "convert the network with .float(), and use torch.autocast within its forward"
            )
            raise CodeError(
                f"{model}: its parameter `{name}` is of type {value.dtype}; parameters must be "
                f"torch.float32 or torch.float64: {way_out}"
            )
    first = next(iter(trained))
    known: dict[tuple[Any, ...], str] = {}
    for name, value in trained.items():
        if value.dtype != trained[first].dtype:
            raise CodeError(
                f"{model}: its parameters `{first}` and `{name}` are of types "
                f"{trained[first].dtype} and {value.dtype}; all must be of one type"
            )
        other = known.setdefault((value.untyped_storage().data_ptr(), value.storage_offset()), name)
        if other != name and value.numel():
            raise CodeError(
                f"{model}: its parameters `{other}` and `{name}` share memory without being one "
                "parameter, so they are one in training and two in measuring: tie weights by "
                "assigning the same torch.nn.Parameter to both"
            )
    arrays_of(network.state_dict(), model)


def _trained_state(trial: Trial, network: nn.Module, task: Task, *, seed: int) -> dict[str, Tensor]:
    """Train a network for a few steps, and store and read back its weights."""
    samples, recipe = trial.samples, trial.small_recipe

    def steps() -> None:
        with clear_batch_errors(recipe.batch_size):
            train(network, samples, task, recipe, seed=seed)

    called(trial.name, "a training step ", steps)
    stored = unpack(pack(arrays_of(network.state_dict(), trial.model)))
    return shaped_like(network, state_of(stored, str(samples.inputs.device)))


def _require_unchanged_data(trial: Trial, network: nn.Module, task: Task) -> None:
    """Require that answers leave the data, of which evaluations pass views, as they are."""
    samples = trial.samples
    few = Samples(samples.inputs.clone(), samples.targets.clone())
    answers(network, task, few)
    if not all(map(torch.equal, (few.inputs, few.targets), (samples.inputs, samples.targets))):
        raise CodeError(
            f"{trial.name}: it changes its input in place, and with it the data: let `outputs` of "
            "the task pass a copy (samples.inputs.clone())"
        )


def _require_repeatable(trial: Trial, network: nn.Module, task: Task) -> None:
    """Require the same answers twice, also after all random generators are seeded differently."""
    found = [answers(network, task, trial.samples, seed=seed) for seed in (1, 2)]
    what, apart = difference(*found)
    if apart > TOLERANCE:
        raise CodeError(f"{trial.name}: in eval mode its {what} differ from call to call: {RANDOM}")


def _require_no_neighbours(trial: Trial, network: nn.Module, task: Task) -> None:
    """Require that samples have the same answers together and one at a time."""
    few = trial.samples[:BATCH]
    together = answers(network, task, few)
    hint = neighbour_hint(network, together["outputs"], few)
    try:
        alone = [answers(network, task, few[i : i + 1]) for i in range(len(few))]
    except (Exception, SystemExit) as error:  # custom code may raise anything
        raise CodeError(
            f"{trial.name}: on a batch of one sample in eval mode, it failed: "
            f"{type(error).__name__}: {error}{hint}"
        ) from error
    for what in ("losses", "errors"):
        joined = torch.cat([answer[what] for answer in alone])
        if relative_difference(together[what].double(), joined.double()) > NEIGHBOUR_TOLERANCE:
            raise CodeError(
                f"{trial.name}: the {what} of {len(few)} samples are {_numbers(together[what])} "
                f"together, and {_numbers(joined)} one at a time: in eval mode a sample's answer "
                f"must not depend on the other samples of its batch{hint}"
            )


def _numbers(values: Tensor) -> str:
    shown = [f"{float(value):.4g}" for value in values.detach()[:BATCH]]
    return ", ".join(shown) + (", …" if len(values) > BATCH else "")


def _require_faithful_copy(trial: Trial, network: nn.Module, task: Task) -> None:
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
            f"gives other {what} than that network: it holds a reference to the original, for "
            "example in a hook, a lambda or a nested function. Refer to weights through `self`"
        )


def _require_second_derivative(trial: Trial, network: nn.Module, task: Task, mode: Mode) -> None:
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
            f"{type(error).__name__}: {derivative_hint(error)}"
        ) from error


def _require_constant_state(trial: Trial, network: nn.Module, task: Task) -> None:
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
    if trial.has_pairs and (words := moving_state(network, changed)):
        raise CodeError(f"{trial.model}: {words}")
    called(
        trial.name,
        "recomputing its batch-norm statistics ",
        lambda: recompute_batchnorm(
            network, samples, task, batch_size=trial.small_recipe.batch_size, seed=0
        ),
    )


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.equal(one.nan_to_num(), other.nan_to_num()))


def _compare_seeds(trial: Trial, state: dict[str, Tensor], task: Task) -> None:
    """Require two seeds on one landscape, and walk along a curve between them."""
    network = trial.build(1)
    turned = replace(
        trial, samples=Samples(trial.samples.inputs.flip(0), trial.samples.targets.flip(0))
    )
    other = _trained_state(turned, network, trial.make_task(), seed=1)
    try:
        require_one_landscape(network, (state, other))
    except ValueError as error:
        raise CodeError(f"{trial.model}: {error}") from error
    samples, batch_size = trial.samples, trial.small_recipe.batch_size
    recipe = CurveRecipe(updates=1, batch_size=batch_size, lr=LARGEST_RATE)

    def walk() -> None:
        curve = fit_curve(network, (state, other), samples, task, recipe, seed=0)
        evaluate_all(network, [curve.at(0.5)], [samples], task, batch_size=batch_size, seed=0)

    called(trial.name, "a curve between two seeds ", walk)
