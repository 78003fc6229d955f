"""The kinds of values that an experiment is made of: bounded numbers, and axes of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Strict, Tag
from pydantic_core import PydanticCustomError

PositiveInt = Annotated[int, Field(gt=0)]
BatchSize = Annotated[int, Field(gt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _without_sign_of_zero(value: float) -> float:
    """-0.0 becomes 0.0, so that one value has one id."""
    return value + 0.0


Unsigned = AfterValidator(_without_sign_of_zero)
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False), Unsigned]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), Unsigned]
PixelValue = Annotated[float, Field(ge=0, le=255, allow_inf_nan=False), Unsigned]
SampleCount = Union[PositiveInt, Literal["all"]]

Scalar = TypeVar("Scalar")


def _require_utf8(text: str) -> str:
    """Refuse text that no file can hold (lone surrogates)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("not_utf8", "text that UTF-8 can encode") from None
    return text


Text = Annotated[str, AfterValidator(_require_utf8)]

SCALAR_TAG, AXIS_TAG = "one value", "axis"


def _require_axis(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse an axis that is empty or names a value twice."""
    if not values:
        raise PydanticCustomError("empty_axis", "one value, or a list with at least one")
    repeated = sorted({value for value in values if values.count(value) > 1}, key=str)
    if repeated:
        named = ", ".join(str(value) for value in repeated)
        raise PydanticCustomError(
            "repeated_axis_value", "each value once (repeated: {named})", {"named": named}
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


class Section(BaseModel):
    """Base of every part of an experiment: frozen, strict, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )
