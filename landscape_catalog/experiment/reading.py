"""Read an experiment from YAML, and report what is wrong with it by the paths in the file."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from landscape_catalog.errors import Problem, SpecError, shown
from landscape_catalog.experiment.experiment import Experiment, Report
from landscape_catalog.experiment.grid import dotted
from landscape_catalog.experiment.landscape import Load
from landscape_catalog.experiment.training import Temperature
from landscape_catalog.experiment.yaml_text import InvalidTextError, parse_yaml
from landscape_catalog.phases.registry import RULES, Classify
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.fields import (
    AXIS_TAG,
    LONGEST_NAME,
    NAME_PATTERN,
    SCALAR_TAG,
    Section,
)

Model = TypeVar("Model", bound=BaseModel)
RENAMED = {"execution.executor": "engine"}  # former names of parameters
# What Pydantic's types are called here, and what comes before its words on limits.
_KINDS = {
    "int_type": "an integer",
    "float_type": "a number",
    "string_type": "text",
    "string_unicode": "text that UTF-8 can encode",  # without lone surrogates
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
}
_LIMITS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
_NAME = (
    f"a name: letters, digits and `_`, not beginning with a digit, at most {LONGEST_NAME} "
    "characters"
)
_PATTERNS = {NAME_PATTERN: _NAME}


def read_experiment(path: Path) -> Experiment:
    """Read and check `params.yaml` (YAML 1.2, the dialect that DVC reads).

    Raises:
        SpecError: if the file is missing, unreadable, not YAML, or not an experiment.
    """
    return parse_experiment(_text(path), source=path.name)


def _text(path: Path, source: str | None = None) -> str:
    source = source or path.name
    try:
        return read_regular(path).decode()
    except FileNotFoundError:
        raise SpecError(
            [Problem("(file)", "no file", "an existing, readable UTF-8 file")], source
        ) from None
    except UnicodeDecodeError as error:
        given = f"not UTF-8 text (byte {error.start + 1})"
        raise SpecError([Problem("(file)", given)], source) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise SpecError([Problem("(file)", f"cannot be read: {reason}")], source) from None


class _ReportOnly(BaseModel):
    """An experiment of which only the report section is validated."""

    report: Report


def read_report(path: Path) -> Report:
    """Read and check the `report` section of `params.yaml` alone; raises as `read_experiment`."""
    return _parse(_text(path), _ReportOnly, path.name).report


class ImportSettings(Section):
    """`imports/NAME.yaml`: how published results are classified and drawn."""

    classify: Classify
    """The phase rule and its thresholds, as in params.yaml."""
    report: Report = Report()
    """How the report is drawn, as in params.yaml."""


def read_import_settings(path: Path) -> ImportSettings:
    """Read and check the settings of published results; raises as `read_experiment`."""
    source = f"{path.parent.name}/{path.name}"
    if not path.exists():
        problem = Problem("(file)", "no file", "the file that the import wrote; `git` may have it, "
                          "and importing again under this name writes a new one")  # fmt: skip
        raise SpecError([problem], source)
    return _parse(_text(path, source), ImportSettings, source)


def check_drawn_axes(report: Report, load: Load, temperature: Temperature) -> None:
    """`report.x` and `report.y` must name parameters of their sections.

    Raises:
        SpecError: if they do not.
    """
    problems = []
    for name, section, values in (("x", "load", load), ("y", "temperature", temperature)):
        chosen, known = getattr(report, name), list(dotted(section, values.model_dump()))
        if chosen is not None and chosen not in known:
            problems.append(Problem(f"report.{name}", repr(chosen), "null, " + ", ".join(known)))
    if problems:
        raise SpecError(problems)


def check_report_of(report: Report, spec: str) -> None:
    """`check_drawn_axes` for the specification of an experiment that the catalog stores as JSON."""
    written = json.loads(spec)
    check_drawn_axes(report, Load(**written["load"]), Temperature(**written["temperature"]))


def parse_experiment(text: str, *, source: str = "params.yaml") -> Experiment:
    """Check the text of an experiment; see `read_experiment`."""
    return _parse(text, Experiment, source)


def _parse(text: str, model: type[Model], source: str) -> Model:
    try:
        data = parse_yaml(text)
    except InvalidTextError as error:
        raise SpecError([Problem("(file)", error.given, error.allowed)], source) from None
    if not isinstance(data, dict):
        given = "an empty file" if data is None else _kind(data)
        raise SpecError([Problem("(file)", given, "a mapping of sections")], source)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SpecError(explain(error, model), source) from None


def _kind(value: object) -> str:
    """What a whole file holds that is no mapping."""
    return "a list" if isinstance(value, list) else shown(value)


def explain(
    error: ValidationError,
    root: type[BaseModel] = Experiment,
    sections: Sequence[str] | None = None,
) -> list[Problem]:
    """One `Problem` per invalid value that Pydantic found: path, value given, what is allowed.

    Args:
        error: of the validation.
        root: the model of the whole file.
        sections: only problems in these; None: all.
    """
    problems = []
    for detail in error.errors():
        if sections is not None and detail["loc"][0] not in sections:
            continue
        location = _location(detail["loc"])
        path = _path(location)
        if detail["type"] == "extra_forbidden":
            problems.append(_unknown_key(location, root))
        elif detail["type"] == "unknown_rule":
            given = _shown(detail["input"].get("rule"))
            problems.append(Problem(f"{path}.rule", given, str(detail["msg"])))
        elif detail["type"] == "invalid_key":
            problems.append(Problem(repr(location[-1]), "a key that is not text", "a text key"))
        elif detail["type"] == "model_type":
            problems.append(Problem(path, _shown(detail["input"]), "a mapping of parameters"))
        elif detail["type"] == "missing":
            problems.append(Problem(path, f"this key is required{_choices(location)}"))
        elif location[-1] == "[key]":
            problems.append(Problem(path, shown(location[-2]), _NAME))
        elif detail["type"] in ("too_short", "string_too_short"):
            problems += _empty(path, detail["input"])
        else:
            problems.append(Problem(path, _shown(detail["input"]), _allowed(detail)))
    return _merged(problems)


def _location(given: Sequence[Any]) -> list[Any]:
    """Pydantic's location without the tags of unions, and without places within an axis."""
    return [
        part
        for before, part in zip((None, *given), given)
        if part not in (SCALAR_TAG, AXIS_TAG) and before != AXIS_TAG
    ]


def _path(location: list[Any]) -> str:
    """The path in the file; of the entries of a list, only mappings are numbered, from 0."""
    path, places = "", ""
    for part in location:
        if isinstance(part, int):
            places += f"[{part}]"
        elif not (_is_rule(location, part) or _is_union_member(part)):
            path += f"{places}.{part}"
            places = ""
    return path.removeprefix(".")


def _is_rule(location: list[Any], part: Any) -> bool:
    """Whether a part of Pydantic's location is not a key but names the rule of `classify`."""
    return len(location) > 1 and location[0] == "classify" and part is location[1] and part in RULES


def _is_union_member(name: str) -> bool:
    """Whether a part of Pydantic's location is not a key but names a member of a union."""
    return name in {"int", "float", "str", "bool", "none", "[key]"} or name.startswith(
        ("literal[", "constrained-", "tuple[", "function-after[")
    )


def _empty(path: str, given: Any) -> list[Problem]:
    """An empty list or text; none if invalid entries of a list have been reported already."""
    what = "non-empty text" if isinstance(given, str) else "a non-empty list"
    return [] if given else [Problem(path, _shown(given), what)]


def _shown(value: Any) -> str:
    return "null" if value is None else shown(value)


def _allowed(detail: Any) -> str:
    """Pydantic's message, shortened to what is allowed."""
    kind = detail["type"]
    if kind in _KINDS:
        return _KINDS[kind]
    if kind == "string_pattern_mismatch":
        pattern = detail["ctx"]["pattern"]
        return _PATTERNS.get(pattern, f"text that matches {pattern}")
    if kind == "string_too_long":
        return f"text of at most {detail['ctx']['max_length']} characters"
    message = str(detail["msg"]).removeprefix("Input should be ")
    message = message[:1].lower() + message[1:]
    return f"a number {message}" if kind in _LIMITS else message


def _merged(problems: list[Problem]) -> list[Problem]:
    """Merge what the members of a union each allow for the same value."""
    joined: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        allowed = joined.setdefault((problem.path, problem.given), [])
        if problem.allowed not in allowed:
            allowed.append(problem.allowed)
    return [Problem(path, given, " or ".join(allowed)) for (path, given), allowed in joined.items()]


def _choices(location: list[Any]) -> str:
    """The values that a required key may have, if they can be listed."""
    *parents, key = [str(part) for part in location if not isinstance(part, int)]
    model = _section_at(parents)
    annotation = model.model_fields[key].annotation if model and key in model.model_fields else None
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    return f"; allowed: {' or '.join(map(repr, choices))}" if choices else ""


def _unknown_key(location: list[Any], root: type[BaseModel]) -> Problem:
    *parents, key = [str(part) for part in location if not isinstance(part, int)]
    section = _section_at(parents, root)
    known = [] if section is None else list(section.model_fields)
    renamed = RENAMED.get(".".join((*parents, key)))
    near = [renamed] if renamed else difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    meant = f"; did you mean `{near[0]}`?" if near else ""
    return Problem(_path(location), "an unknown key", f"{', '.join(known)}{meant}")


def _section_at(names: list[str], root: type[BaseModel] = Experiment) -> type[BaseModel] | None:
    """The section below these keys, if there is one."""
    model = root
    for name in names:
        if name in RULES:
            model = RULES[name]
            continue
        inner = _section_in(model.model_fields[name].annotation)
        if inner is None:
            return None
        model = inner
    return model


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section model of a field, alone or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)
