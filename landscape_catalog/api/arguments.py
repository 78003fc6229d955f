"""What each argument of the functions on plain tensors may be, checked before any work starts.

The bounds are those of `params.yaml`, except where a function has no such setting.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from landscape_catalog.experiment.reading import explain
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.metrics.hessian.spec import HessianSettings
from landscape_catalog.schema.fields import PositiveInt, Section


def _bounds(section: type[Section], *names: str, prefix: str = "") -> dict[str, Any]:
    """Types and bounds of a section's settings, by the names of the arguments."""
    fields = {name: section.model_fields[prefix + name] for name in names}
    return {
        name: Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        for name, field in fields.items()
    }


_SEED = _bounds(HessianSettings, "seed")
# Unlike in `params.yaml`, a batch may be a single sample: only batch norm needs more, and says so.
_BATCH = {"batch_size": PositiveInt}
_PARTS = {"batch_size": PositiveInt | None}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "hessian": {
        **_bounds(HessianSettings, "max_iterations", "tolerance", "trace_tolerance", "mode"),
        **_PARTS,
        **_SEED,
    },
    "spectral_density": {
        **_bounds(HessianSettings, "probes", "steps", prefix="density_"),
        **_bounds(HessianSettings, "mode"),
        **_PARTS,
        **_SEED,
    },
    "mode_connectivity": {
        **_bounds(ConnectivitySettings, "control_points", "init", "epochs", "updates", "lr"),
        **_bounds(ConnectivitySettings, "convergence", "max_epochs", "check"),
        **_bounds(ConnectivitySettings, "momentum", "weight_decay", "points", "refine"),
        **_BATCH,
        **_SEED,
    },
    "line_barrier": {"points": Annotated[int, Field(ge=2)], **_BATCH, **_SEED},
    "cka": {"layer": str | None},
}


def _model(function: str) -> type[BaseModel]:
    """A Pydantic model of a function's arguments, all of them required."""
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in ARGUMENTS[function].items()}
    return create_model(function, __config__=ConfigDict(strict=True, extra="forbid"), **fields)


_MODELS = {function: _model(function) for function in ARGUMENTS}


def checked(function: str, **given: Any) -> Any:
    """The arguments of a function as attributes, with NumPy's numbers as Python's.

    Raises:
        TypeError: if an argument is of another type, such as text or a fraction for a whole number.
        ValueError: if an argument is out of range, or not one of the allowed words.
    """
    try:
        return _MODELS[function].model_validate({n: _plain(value) for n, value in given.items()})
    except ValidationError as error:
        message = "; ".join(str(problem) for problem in explain(error))
        wrong_type = any(detail["type"].endswith("_type") for detail in error.errors())
        raise (TypeError if wrong_type else ValueError)(message) from None


def _plain(value: Any) -> Any:
    """A number of NumPy as one of Python; anything else unchanged."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value
