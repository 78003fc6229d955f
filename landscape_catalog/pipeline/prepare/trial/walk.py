"""The way of training and measuring, on a few samples.

Whatever would fail hours later, or pass with wrong numbers, is found here in seconds.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from landscape_catalog.errors import CodeError
from landscape_catalog.metrics.numerics.batchnorm import clear_batch_errors
from landscape_catalog.metrics.numerics.curves.fit import fit_curve
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.curves.sweep import evaluate_all
from landscape_catalog.metrics.numerics.parameters import require_one_landscape
from landscape_catalog.pipeline.prepare.trial.checks import (
    require_constant_state,
    require_faithful_copy,
    require_no_neighbours,
    require_repeatable,
    require_second_derivative,
    require_unchanged_data,
)
from landscape_catalog.pipeline.prepare.trial.messages import called
from landscape_catalog.pipeline.prepare.trial.subject import LARGEST_RATE, Trial
from landscape_catalog.pipeline.shared.rebuilt import require_same_answers
from landscape_catalog.pipeline.shared.states import arrays_of, shaped_like, state_of
from landscape_catalog.store.artifacts import pack, unpack
from landscape_catalog.tasks import Samples, Task
from landscape_catalog.training import train


def run_trial(trial: Trial) -> None:
    """Train, store, rebuild and measure a network once.

    Raises:
        CodeError: if a step fails, or if the result would not be that of the trained network.
    """
    called(trial.name, "its trial (train, store, rebuild, measure) ", _walk, trial)


def _walk(trial: Trial) -> None:
    network, task = trial.build(0), trial.make_task()
    state = _trained_state(trial, network, task, seed=0)
    require_unchanged_data(trial, network, task)
    rebuilt, new_task = trial.build(1), trial.make_task()
    load = "loading its stored weights into a new network "
    called(trial.model, load, rebuilt.load_state_dict, state)
    require_same_answers((network, task), (rebuilt, new_task), trial.samples, trial.name)
    require_repeatable(trial, rebuilt, new_task)
    require_no_neighbours(trial, rebuilt, new_task)
    require_faithful_copy(trial, rebuilt, new_task)
    for mode in trial.modes:
        require_second_derivative(trial, rebuilt, new_task, mode)
    require_constant_state(trial, rebuilt, new_task)
    if trial.has_pairs:
        _compare_seeds(trial, state, new_task)


def _trained_state(trial: Trial, network: nn.Module, task: Task, *, seed: int) -> dict[str, Tensor]:
    """Train a network for a few steps, and store and read back its weights."""
    samples, recipe = trial.samples, trial.small_recipe

    def steps() -> None:
        with clear_batch_errors(recipe.batch_size):
            train(network, samples, task, recipe, seed=seed)

    called(trial.name, "a training step ", steps)
    stored = unpack(pack(arrays_of(network.state_dict(), trial.model)))
    return shaped_like(network, state_of(stored, str(samples.inputs.device)))


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
