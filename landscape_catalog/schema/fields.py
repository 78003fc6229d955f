"""Field types of an experiment: bounded numbers, axes, and markers that control ids."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError, core_schema

LARGE = 2**31  # above every count: larger ones would overflow the integers of some library
SEEDS = 2**32
LONGEST_TEXT, LONGEST_NAME = 10_000, 200  # characters
LARGEST_CONSTANT = 2**63  # integers of tables, and of most libraries, have 64 bits

PositiveInt = Annotated[int, Field(gt=0, lt=LARGE)]
Count = Annotated[int, Field(ge=0, lt=LARGE)]
BatchSize = Annotated[int, Field(gt=1, lt=LARGE)]
Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _without_sign_of_zero(value: float) -> float:
    """-0.0 becomes 0.0, so that one value has one id."""
    return value + 0.0


Unsigned = AfterValidator(_without_sign_of_zero)
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False), Unsigned]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), Unsigned]
ProperFraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), Unsigned]
PixelValue = Annotated[float, Field(ge=0, le=255, allow_inf_nan=False), Unsigned]
SampleCount = Union[PositiveInt, Literal["all"]]

Scalar = TypeVar("Scalar")


Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
FilePath = Annotated[Text, Field(pattern=r"^[^\x00]+$")]
FileEnding = Annotated[Text, Field(pattern=r"^[^\x00/\\]+$")]
NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=LONGEST_NAME)]

_DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_CUSTOM = f"{_DOTTED}:{_DOTTED}"


@lru_cache(maxsize=1024)
def is_custom(name: str) -> bool:
    """Whether a name is a user's own `package.module:function`."""
    return re.fullmatch(_CUSTOM, name) is not None


@dataclass(frozen=True)
class KnownOr:
    """Marks text that is a known name, or another name of a given form.

    The JSON Schema says so too, with which editors validate and complete the names.

    Attributes:
        known: the known names.
        pattern: regular expression that other names match as a whole.
        words: what other names are, in messages.
    """

    known: tuple[str, ...]
    pattern: str
    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        other = {"pattern": f"^{self.pattern}$"}
        allowed = {"anyOf": [{"enum": list(self.known)}, other]} if self.known else other
        return handler(schema) | allowed

    def _check(self, name: str) -> str:
        if name not in self.known and re.fullmatch(self.pattern, name) is None:
            raise PydanticCustomError(
                "unknown_name",
                "{known}{words}",
                {
                    "known": f"{', '.join(self.known)}, or " if self.known else "",
                    "words": self.words,
                },
            )
        return name


def known_or_custom(*known: str) -> KnownOr:
    """A name among `known`, or a user's own `package.module:function`."""
    return KnownOr(known, _CUSTOM, "your own as `package.module:function`")


def allowed(words: str) -> WrapValidator:
    """A single message for a value of several possible types, instead of one per type."""

    def check(value: Any, validated: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validated(value)
        except ValidationError:
            raise PydanticCustomError("not_allowed", "{words}", {"words": words}) from None

    return WrapValidator(check)


def _require_64_bits(value: Any) -> Any:
    if type(value) is int and not -LARGEST_CONSTANT <= value < LARGEST_CONSTANT:
        raise PydanticCustomError("too_large", "an integer of 64 bits")
    return value


# A constant, or an axis value of a custom parameter. Integers stay integers.
Constant = Annotated[
    Union[bool, int, Annotated[float, Field(allow_inf_nan=False), Unsigned], Text],
    AfterValidator(_require_64_bits),
    allowed(
        "true, false, a finite number (integers of 64 bits) or text "
        f"(at most {LONGEST_TEXT} characters)"
    ),
]

SHOWN_REPEATED = 10
SCALAR_TAG, AXIS_TAG = "one value", "axis"


def _require_axis(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Reject an axis that is empty or repeats a value."""
    if not values:
        raise PydanticCustomError("empty_axis", "one value, or a list with at least one")
    repeated = sorted((value for value, n in Counter(values).items() if n > 1), key=str)
    if repeated:
        named = ", ".join(str(value) for value in repeated[:SHOWN_REPEATED])
        if len(repeated) > SHOWN_REPEATED:
            named += f" and {len(repeated) - SHOWN_REPEATED} more"
        raise PydanticCustomError(
            "repeated_axis_value", "distinct values (repeated: {named})", {"named": named}
        )
    return values


def _kind(value: Any) -> str:
    return AXIS_TAG if isinstance(value, (list, tuple)) else SCALAR_TAG


# A scalar fixes a parameter; a list makes it an axis of the grid.
Axis = Annotated[
    Union[
        Annotated[Scalar, Tag(SCALAR_TAG)],
        Annotated[tuple[Scalar, ...], Strict(False), AfterValidator(_require_axis), Tag(AXIS_TAG)],
    ],
    Discriminator(_kind),
]
# One value or a list of them, like `Axis`, but without adding an axis to the grid (probes).
OneOrMore = Annotated[
    Union[
        Annotated[Scalar, Tag(SCALAR_TAG)],
        Annotated[tuple[Scalar, ...], Strict(False), Field(min_length=1), Tag(AXIS_TAG)],
    ],
    Discriminator(_kind),
]


@dataclass(frozen=True)
class Later:
    """Marks a field added after the first version: ids leave it out at its legacy value."""

    legacy: Any


@dataclass(frozen=True)
class Added:
    """Marks a field added after catalogs had started to store specs.

    At its legacy value, ids leave it out (like `Later`), and so do stored specs: the tables of
    an experiment that does not use the field keep their bytes.
    """

    legacy: Any


@dataclass(frozen=True)
class When:
    """Marks a field that only has an effect at some values of another; else ids leave it out."""

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Outside:
    """Marks a field that ids leave out (or that enters them only in resolved form)."""


class Section(BaseModel):
    """Base class of the sections of an experiment: frozen, strict, without unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        validate_default=True,
        defer_build=True,
    )

    def content(self) -> dict[str, Any]:
        """The part of this section that ids hash: the fields that have an effect.

        Fields of the first version are always included; a later field is left out at the value
        under which older results were made, and a field without effect is left out.
        """
        dumped = self.model_dump(mode="json", exclude=self.unused() | self.without_effect())
        for name, _ in _marks(type(self), Outside):
            dumped.pop(name, None)
        for name, mark in _marks(type(self), Later):
            if name in dumped and dumped[name] == mark.legacy:
                del dumped[name]
        return dumped

    def without_effect(self) -> set[str]:
        """The fields that have no effect at the value of another field (`When`)."""
        return {
            name
            for name, mark in _marks(type(self), When)
            if getattr(self, mark.field) not in mark.values
        }

    def unused(self) -> set[str]:
        """The fields marked `Added` that have their legacy value."""
        return {
            name for name, mark in _marks(type(self), Added) if getattr(self, name) == mark.legacy
        }

    def stored(self) -> dict[str, Any]:
        """The section as catalogs store it: without unused fields, nested sections included."""
        found = self.model_dump(mode="json", exclude=self.unused())
        for name in found:
            value = getattr(self, name)
            if isinstance(value, Section):
                found[name] = value.stored()
            elif isinstance(value, tuple) and value and isinstance(value[0], Section):
                found[name] = [part.stored() for part in value]
        return found


@lru_cache(maxsize=512)
def _marks(model: type[BaseModel], kind: type) -> tuple[tuple[str, Any], ...]:
    """The fields with a mark of this kind, and the mark; ids of a large grid ask very often."""
    return tuple(
        (name, mark)
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, kind)
    )
