"""Variants: named overlays on an experiment, each of which adds a copy of its grid."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.reading import explain

BASE = "base"
VARIED_SECTIONS = ("dataset", "model", "load", "temperature", "train")


def overlaid(data: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """A nested mapping with values set at dotted paths; the original is not modified.

    Raises:
        KeyError: with the path, if it passes through a value that is not a mapping.

    >>> overlaid({"a": {"b": 1, "c": 2}}, {"a.b": 3, "d": 4})
    {'a': {'b': 3, 'c': 2}, 'd': 4}
    """
    result = dict(data)
    for path, value in overlay.items():
        head, _, rest = path.partition(".")
        if not rest:
            result[head] = value
            continue
        inner = result.get(head, {})
        if not isinstance(inner, dict):
            raise KeyError(path)
        try:
            result[head] = overlaid(inner, {rest: value})
        except KeyError:
            raise KeyError(path) from None
    return result


def resolve_variants(experiment: Experiment) -> dict[str, Experiment]:
    """The experiment itself as `base`, then each variant as a full experiment, in order.

    Raises:
        SpecError: if an overlay names an unknown path or gives an invalid value.
    """
    base = {**experiment.model_dump(), "variants": {}}
    found, problems = {BASE: experiment}, []
    for name, overlay in experiment.variants.items():
        where = f"variants.{name}"
        if name == BASE:
            problems.append(
                Problem(where, "the name `base`", "another name: the grid itself is `base`")
            )
            continue
        outside = [path for path in overlay if not _is_varied(path)]
        if outside or not overlay:
            given = repr(outside[0]) if outside else "an empty overlay"
            allowed = f"dotted paths under {', '.join(VARIED_SECTIONS)}"
            problems.append(Problem(where, given, allowed))
            continue
        try:
            found[name] = Experiment.model_validate(overlaid(base, overlay))
        except ValidationError as error:
            problems += [
                Problem(f"{where}.{problem.path}", problem.given, problem.allowed)
                for problem in explain(error)
            ]
        except KeyError as error:
            path = error.args[0]
            given = "a path below a parameter"
            problems.append(Problem(f"{where}.{path}", given, "the path of a parameter"))
    if problems:
        raise SpecError(problems)
    return found


def _is_varied(path: str) -> bool:
    """Whether a path names a parameter in one of the sections that variants may change.

    A whole section is not allowed: its other parameters would fall back to their defaults.
    """
    section, _, rest = path.partition(".")
    return section in VARIED_SECTIONS and bool(rest)
