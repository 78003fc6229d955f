"""Custom metrics that an experiment names: imported, checked, and their source hashed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from landscape_catalog.errors import CodeError, Problem, SpecError
from landscape_catalog.experiment.experiment import CUSTOM_QUANTITY, Experiment
from landscape_catalog.metrics.custom.spec import POSITIONAL, CustomSettings
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.custom_code import (
    NAMED_KINDS,
    code_checksum,
    import_custom,
    signature_of,
)
from landscape_catalog.pipeline.shared.dependencies import require_watched_code
from landscape_catalog.runner.settings import reproducible


def metric_codes(experiment: Experiment, project: Project) -> dict[str, str]:
    """SHA-256 of the source of each function that `measure.custom` names, by its name.

    Raises:
        CodeError: if one cannot be imported or called as its scope requires, or DVC does not watch
            its source.
        SpecError: if `args` sets an unknown parameter, or `report.panels` names an unknown metric.
    """
    every: tuple[CustomSettings, ...] = experiment.measure.custom
    problems, codes = list(_unknown_panels(experiment)), {}
    for place, settings in enumerate(every):
        function = import_metric(settings, project)
        with _named():
            codes[settings.function] = code_checksum(settings.function, project.custom)
            require_watched_code(settings.function, project)
        problems += _unknown_args(f"measure.custom[{place}].args", settings, function)
    if problems:
        raise SpecError(list(dict.fromkeys(problems)))
    for settings in every:
        _require_call(settings, import_metric(settings, project))
    return codes


def import_metric(settings: CustomSettings, project: Project) -> Callable[..., Any]:
    """Import the function of a custom metric.

    Raises:
        CodeError: if it cannot be imported.
    """
    with _named():
        return import_custom(settings.function, project.custom)


@contextmanager
def _named() -> Iterator[None]:
    """Say in the message of a `CodeError` that `measure.custom` names the code."""
    try:
        yield
    except CodeError as error:
        raise CodeError(f"measure.custom: {error}") from error


def isolated(load: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    """The function that `load` imports, to be called under the settings of every worker.

    It is imported again at each call, which sets the default dtype that its module asks for. Since
    these settings seed the global generators, and the module may draw from them, they are seeded
    with the metric's `seed` right before the call.
    """
    load()  # raises its errors now

    def call(*args: Any, seed: int, **named: Any) -> Any:
        from landscape_catalog.models.randomness import seed_generators

        with reproducible():
            function = load()
            seed_generators(seed)
            return function(*args, seed=seed, **named)

    return call


def _unknown_panels(experiment: Experiment) -> Iterator[Problem]:
    """Panels of custom metrics that are not measured; value names cannot be checked yet."""
    names = [settings.name for settings in experiment.measure.custom]
    for panel in experiment.report.panels or ():
        found = CUSTOM_QUANTITY.fullmatch(panel)
        if found is not None and found[1] not in names:
            allowed = ", ".join([*QUANTITIES, *(f"custom.{name}.<value>" for name in names)])
            yield Problem("report.panels", repr(panel), allowed)


def _unknown_args(
    path: str, settings: CustomSettings, function: Callable[..., Any]
) -> Iterator[Problem]:
    """Entries of the `args` at this path for which the function has no parameter."""
    signature = signature_of(function)
    if signature is None:
        return
    parameters = list(signature.parameters.values())
    given = {part.name for part in parameters[: len(POSITIONAL[settings.scope])]} | {"seed"}
    known = [p.name for p in parameters if p.kind in NAMED_KINDS and p.name not in given]
    takes_any = any(part.kind is inspect.Parameter.VAR_KEYWORD for part in parameters)
    for name in settings.args:
        if name not in known and (name in given or not takes_any):
            allowed = ", ".join(known) or f"nothing: {settings.function} takes no further ones"
            yield Problem(f"{path}.{name}", f"an unknown parameter of {settings.function}", allowed)


def _require_call(settings: CustomSettings, function: Callable[..., Any]) -> None:
    """Require that the function accepts the arguments that a metric of its scope is called with.

    Raises:
        CodeError: if it does not.
    """
    signature, names = signature_of(function), POSITIONAL[settings.scope]
    if signature is None:
        return
    try:
        signature.bind(*names, seed=0, **settings.args)
    except TypeError as error:
        by_name = ", ".join(f"{name}=..." for name in ("seed", *settings.args))
        raise CodeError(
            f"measure.custom: {settings.function}: a metric of scope `{settings.scope}` is called "
            f"as function({', '.join(names)}, {by_name}), but the parameters are "
            f"{_shown(signature)}: {error}"
        ) from error


def _shown(signature: inspect.Signature) -> str:
    """The signature as text, without annotations."""
    bare = [
        part.replace(annotation=inspect.Parameter.empty) for part in signature.parameters.values()
    ]
    empty = inspect.Signature.empty
    return str(signature.replace(parameters=bare, return_annotation=empty))
