"""Checks for values that are valid on their own but do not fit together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from landscape_catalog.datasets import DataFacts
from landscape_catalog.datasets.bpe import N_SPECIAL, SMALLEST_VOCABULARY
from landscape_catalog.errors import Problem
from landscape_catalog.experiment.components import Components
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Cell
from landscape_catalog.experiment.size import size_problems
from landscape_catalog.metrics.metric import MeasuredData
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.models.registry import NETWORKS, network_problems
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.tasks.registry import AUTO, TASKS, default_task, tasks_for


def listed(value: Any) -> list[Any]:
    """The values of an axis, or the one value."""
    return list(value) if isinstance(value, tuple) else [value]


def experiment_problems(experiment: Experiment, components: Components) -> list[Problem]:
    """Problems that can be found before the axes are combined."""
    problems = size_problems(experiment) or _extra_problems(experiment, components)
    if problems:
        return problems
    found: dict[Problem, None] = {}
    for facts in _every_facts(experiment, components):
        found |= dict.fromkeys(
            _test_problems(experiment, facts)
            or _kind_problems(experiment, facts) + _sample_problems(experiment, facts)
        )
    return list(found)


def _every_facts(experiment: Experiment, components: Components) -> Iterator[DataFacts]:
    """The facts of the data for every combination of the `load.extra` values it depends on."""
    accepted = components.dataset.accepted(experiment.load.extra)
    for values in itertools.product(*map(listed, accepted.values())):
        yield components.facts(dict(zip(accepted, values)))


def _shown(value: Any) -> str:
    """A value roughly as YAML writes it, with a tuple shown as a list."""
    return repr(list(value) if isinstance(value, tuple) else value)


def _named(names: Iterable[str], otherwise: str) -> str:
    """The names, sorted; if there are none, the reason."""
    return ", ".join(sorted(names)) or f"nothing: {otherwise}"


def _extra_problems(experiment: Experiment, components: Components) -> list[Problem]:
    """Extra parameters that no function takes, and constants that the named function lacks."""
    dataset, model, task = components.dataset, components.model, components.task
    takers = {
        "load": ("dataset, network and task", dataset.accepts | model.accepts | task.accepts),
        "temperature": ("network and task", model.accepts | task.accepts),
    }
    problems = [
        Problem(
            f"{section}.extra.{name}",
            "a parameter that no function takes",
            _named(known, f"{who} take no parameters"),
        )
        for section, (who, known) in takers.items()
        for name in getattr(experiment, section).extra
        if name not in known
    ]
    temperature = experiment.temperature.extra
    problems += [
        Problem(
            f"temperature.extra.{name}",
            _shown(temperature[name]),
            f"nothing while load.extra.{name} is set: the network and task take a single value",
        )
        for name in experiment.load.extra
        if name in temperature and name in model.accepts | task.accepts
    ]
    for section, part in (("dataset", dataset), ("model", model)):
        if not is_custom(part.name):
            continue  # for built-in networks, names and values are checked together
        problems += [
            Problem(
                f"{section}.args.{name}",
                "an unknown parameter",
                _named(part.accepts, f"{part.name} has no arguments to set"),
            )
            for name in getattr(experiment, section).args
            if name not in part.accepts
        ]
    if experiment.dataset.args and not is_custom(dataset.name):
        allowed = f"{{}}: {dataset.name} has no arguments to set"
        problems.append(Problem("dataset.args", repr(experiment.dataset.args), allowed))
    return problems


def _test_problems(experiment: Experiment, facts: DataFacts) -> list[Problem]:
    """Too few or too many test samples: training and test set must contain every class."""
    wanted = experiment.dataset.test_samples
    classes = max(facts.n_outputs, 1) if facts.kind == "images" else 1
    high = facts.n_test or facts.n_train - classes
    single = None if facts.n_test else facts.single_class
    fits = bool(facts.n_test) if wanted == "all" else classes <= wanted <= high
    if fits and single is None:
        return []
    allowed = f"between {classes} and {high}"
    if single is not None:
        allowed = f"nothing: class {single} has one sample, but training and test set each need one"
    elif facts.n_test:
        allowed = f"`all` or {allowed}" if classes <= high else "`all`"
    elif classes > high:
        of = f" of {classes} classes" if classes > 1 else ""
        allowed = f"nothing: {facts.n_train} samples{of} are too few to hold out a test set"
    elif wanted == "all":
        allowed += f": {experiment.dataset.name} has no test split of its own"
    elif facts.kind == "images":
        allowed += ": training and test set need a sample of each class"
    return [Problem("dataset.test_samples", repr(wanted), allowed)]


def _kind_problems(experiment: Experiment, facts: DataFacts) -> list[Problem]:
    """Parameters that do not apply to this kind of data."""
    load, name, kind = experiment.load, experiment.dataset.name, facts.kind
    meaningless = {
        "load.label_noise": (load.label_noise, kind == "text" or not facts.n_outputs, "classes"),
        "load.pixel_noise": (load.pixel_noise, kind != "images", "images"),
    }
    problems = [
        Problem(path, _shown(value), f"0 on {name}: only {what} can have it")
        for path, (value, unfit, what) in meaningless.items()
        if unfit and listed(value) != [0]
    ]
    if kind != "images" and experiment.dataset.resize is not None:
        given = _shown(experiment.dataset.resize)
        problems.append(
            Problem("dataset.resize", given, f"null on {name}: only images can be resized")
        )
    if kind == "text" and experiment.dataset.vocabulary < SMALLEST_VOCABULARY:
        allowed = f"at least {SMALLEST_VOCABULARY}: one token per byte and {N_SPECIAL} special ones"
        given = repr(experiment.dataset.vocabulary)
        problems.append(Problem("dataset.vocabulary", given, allowed))
    if kind != "images" and experiment.train.augment:
        problems.append(
            Problem("train.augment", "true", f"false on {name}: only images can be augmented")
        )
    task = experiment.dataset.task
    if task in TASKS and kind not in TASKS[task].perturbations:
        allowed = f"on {name}: {AUTO}, {', '.join(tasks_for(kind))}, or your own"
        problems.append(Problem("dataset.task", repr(task), allowed))
    if is_custom(experiment.model.name):
        return problems
    if NETWORKS[experiment.model.name].kind != kind:
        fitting = [known for known, network in NETWORKS.items() if network.kind == kind]
        words = f"{', '.join(fitting)}, or your own" if fitting else "your own"
        allowed = f"on {name}: {words} as `package.module:function`"
        problems.append(Problem("model.name", repr(experiment.model.name), allowed))
    return problems


def _sample_problems(experiment: Experiment, facts: DataFacts) -> list[Problem]:
    samples, n_available = (
        listed(experiment.load.samples),
        facts.n_available(experiment.dataset.test_samples),
    )
    problems = [
        Problem("load.samples", repr(n), f"at most {n_available}, the number of training samples")
        for n in samples
        if n != "all" and n > n_available
    ]
    if "all" in samples and not facts.counted:
        allowed = "a number: how many pairs remain after dropping long ones is not known beforehand"
        problems.append(Problem("load.samples", "'all'", allowed))
    if samples.count("all") and n_available in samples:
        allowed = f"either `all` or {n_available}: they are the same"
        problems.append(Problem("load.samples", repr(samples), allowed))
    return problems


def _measure_problems(experiment: Experiment, facts: DataFacts, samples: int) -> list[Problem]:
    """Metric settings that do not fit the data; a custom task is treated as the default one."""
    task = experiment.dataset.task
    known = TASKS[task if task in TASKS else default_task(facts.kind)]
    data = MeasuredData(samples, facts.kind, known.perturbations.get(facts.kind, ()))
    measure = experiment.measure
    return [
        problem
        for metric in METRICS.values()
        if metric.owns_section
        for settings in measure.probes(metric.section)
        for problem in metric.problems(settings, data)
    ]


def landscape_problems(experiment: Experiment, cells: Sequence[Cell]) -> list[Problem]:
    """Counts that exceed the smallest landscape, and settings that do not fit the data."""
    smallest = min(cells, key=lambda cell: cell.landscape.data.samples).landscape.data
    problems = [
        Problem(
            "temperature.batch_size",
            repr(count),
            f"at most {smallest.samples}, the samples of the smallest landscape",
        )
        for count in listed(experiment.temperature.batch_size)
        if count > smallest.samples
    ]
    problems += _measure_problems(experiment, smallest.facts, smallest.samples)
    if not is_custom(experiment.model.name):
        for cell in cells:
            problems += network_problems(
                experiment.model.name,
                width=cell.landscape.width,
                input_shape=cell.landscape.data.input_shape,
                args=cell.model_args,
            )
    return list(dict.fromkeys(problems))
