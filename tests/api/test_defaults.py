"""The defaults of the functions are those of `params.yaml`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import landscape_catalog as lc
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.metrics.hessian.spec import HessianSettings
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.schema.fields import Section

ABSENT = {"network", "one", "other", "loss", "data", "test", "seed", "task"}  # from `params.yaml`
CASES: dict[str, tuple[Callable[..., Any], type[Section], str]] = {
    # function or recipe, section of `params.yaml`, prefix of the section's keys
    "lc.hessian": (lc.hessian, HessianSettings, ""),
    "lc.spectral_density": (lc.spectral_density, HessianSettings, "density_"),
    "lc.mode_connectivity": (lc.mode_connectivity, ConnectivitySettings, ""),
    "lc.line_barrier": (lc.line_barrier, ConnectivitySettings, ""),
    "HessianRecipe": (HessianRecipe, HessianSettings, ""),
    "CurveRecipe": (CurveRecipe, ConnectivitySettings, ""),
    "pyhessian_estimate": (pyhessian_estimate, HessianSettings, ""),
}
# The line is evaluated more finely, since it needs no fit; the docstring says so.
DIFFERENT = {("lc.line_barrier", "points"): (11, 5)}


@pytest.mark.parametrize("name", CASES)
def test_defaults_agree_with_params(name: str) -> None:
    function, section, prefix = CASES[name]
    compared = 0
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in ABSENT:
            continue
        fields = section.model_fields
        key = prefix + parameter.name if prefix + parameter.name in fields else parameter.name
        pair = parameter.default, fields[key].default
        assert pair[0] == pair[1] or pair == DIFFERENT.get((name, parameter.name)), parameter.name
        compared += 1
    assert compared >= 2
