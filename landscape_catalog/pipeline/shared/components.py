"""Finds and describes the dataset, network and task that an experiment names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from landscape_catalog.datasets import (
    DataFacts,
    Source,
    custom_pool,
    declared_files,
    declared_version,
    facts_of,
    files_of_user,
    source_of,
)
from landscape_catalog.errors import StorageError
from landscape_catalog.experiment.components import Component, Components
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.landscape import Dataset
from landscape_catalog.models.registry import NETWORKS
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.costs import read_multiply_adds
from landscape_catalog.pipeline.shared.custom_code import code_checksum, import_custom, parameters
from landscape_catalog.pipeline.shared.dependencies import require_watched, require_watched_code
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.schema.identity import canonical_json, checksum
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import write_file
from landscape_catalog.store.notes import read_note

FACTS = 3  # incremented when facts change or checks become stricter, to invalidate cached facts
GIVEN_TO_NETWORKS = ("width", "input_shape", "n_outputs")


def find_components(experiment: Experiment, project: Project) -> Components:
    """Describe the components of an experiment; imports custom code if it names any.

    Raises:
        CodeError: if a custom function cannot be imported, or DVC does not watch its source.
    """
    dataset, model = experiment.dataset, experiment.model
    network = network_component(model.name, project)
    if is_custom(model.name) or is_custom(dataset.task):
        network = replace(network, multiply_adds=read_multiply_adds(project.multiply_adds))
    data = _component(dataset.name, project, frozenset(), given=())
    task = task_component(dataset.task, project)
    for component in (data, network, task):
        if component.code:
            require_watched_code(component.name, project)
    return Components(
        dataset=data,
        model=network,
        task=task,
        facts=_once(partial(_facts, dataset, project)),
    )


def _once(facts: Callable[[dict[str, Any]], DataFacts]) -> Callable[[dict[str, Any]], DataFacts]:
    """Memoise facts by their parameters, so that files are not hashed once per landscape."""
    known: dict[str, DataFacts] = {}

    def memoised(extra: dict[str, Any]) -> DataFacts:
        key = canonical_json(extra)
        if key not in known:
            known[key] = facts(extra)
        return known[key]

    return memoised


def network_component(name: str, project: Project) -> Component:
    """The network with this name; raises the same errors as `find_components`."""
    built_in = frozenset(NETWORKS[name].args) if name in NETWORKS else frozenset()
    return _component(name, project, built_in, given=GIVEN_TO_NETWORKS)


def task_component(name: str, project: Project) -> Component:
    """The task with this name; raises the same errors as `find_components`."""
    return _component(name, project, frozenset(), given=())


def _component(
    name: str, project: Project, built_in: frozenset[str], *, given: tuple[str, ...]
) -> Component:
    if not is_custom(name):
        return Component(name, built_in)
    function = import_custom(name, project.custom)
    accepts = parameters(function, given=given)
    return Component(name, accepts, code_checksum(name, project.custom))


def find_source(dataset: Dataset, extra: dict[str, Any], project: Project) -> Source:
    """The source of a landscape's data.

    Args:
        dataset: the section `dataset`.
        extra: the parameters under `load.extra` that a custom dataset function takes.
        project: the project.

    Raises:
        CodeError: if a custom function cannot be imported, or does not declare what it reads.
        DataError: if a file does not exist, or DVC does not watch it.
        SpecError: if a required path is missing from the section.
    """
    if not is_custom(dataset.name):
        for parameter, file in files_of_user(dataset, project.root):
            require_watched(parameter, file, project)
        return source_of(dataset, project.root)
    function: Callable[..., Any] = import_custom(dataset.name, project.custom)
    for file in declared_files(dataset.name, function) or ():
        require_watched(f"{dataset.name}: its `files`", file, project)
    version = declared_version(dataset.name, function, project.root)
    args = {**dataset.args, **extra}
    return Source(checksum(version), partial(custom_pool, dataset.name, function, args))


def _facts(dataset: Dataset, project: Project, extra: dict[str, Any]) -> DataFacts:
    """The facts of a dataset. If they require reading the data, they are cached on disk."""
    source = find_source(dataset, extra, project)
    if source.known is not None:
        return source.known
    code = code_checksum(dataset.name, project.custom) if is_custom(dataset.name) else None
    what = [dataset.content(), list(dataset.languages), extra, source.checksum, code]
    key = checksum([FACTS, *what])
    path = project.facts / f"{key[:16]}.json"
    noted: DataFacts | None = read_note(path, DataFacts)
    if noted is not None:
        return noted
    facts = facts_of(source.load(), source.checksum, vocabulary=dataset.vocabulary)
    with contextlib.suppress(StorageError):  # without a cache the data are read again next time
        write_file(path, strict_json(asdict(facts)).encode())
    return facts
