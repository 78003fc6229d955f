"""Values that a custom metric may return, and the examples in `custom/`."""

from __future__ import annotations

import doctest
import importlib.util
import math
import random
from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from landscape_catalog.errors import CodeError
from landscape_catalog.metrics.custom.compute import call_metric, checked_values
from landscape_catalog.metrics.custom.spec import CustomSettings, CustomValues
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.tasks import Classification, Data, Samples
from tests.conftest import ROOT

RUN = CustomSettings(name="mine", scope="run", function="my_module:metric")


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (Fraction(1, 4), 0.25),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.array(2.0), 2.0),
        (torch.tensor(1.5), 1.5),
        (torch.tensor(1.5, requires_grad=True), 1.5),
        (Estimate(torch.tensor(2.0)), 2.0),  # type: ignore[arg-type]
    ],
)
def test_all_types_of_numbers_are_converted(given: Any, value: float) -> None:
    found = checked_values(RUN, {"a": given})["a"]
    assert found == Estimate(value, found.error)
    assert type(found.value) is float
    assert math.isnan(found.error)


def test_an_estimate_is_kept() -> None:
    given = Estimate(1.0, 0.1, "standard error", 3, "draws", "nats", False, "too few draws")
    assert checked_values(RUN, {"a": given}) == {"a": given}


def test_fields_are_converted_to_plain_types() -> None:
    given = Estimate(1.0, np.float32(0.5), n=np.int64(3), converged=np.bool_(True))  # type: ignore[arg-type]
    found = checked_values(RUN, {"a": given})["a"]
    assert (found.error, found.n, found.converged) == (0.5, 3, True)
    assert type(found.n) is int
    assert type(found.converged) is bool


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        (math.nan, "missing", "the function returned nan"),
        (-math.inf, "missing", "the function returned -inf"),
        (Estimate(math.nan, reason="no test data"), "missing", "no test data"),
        (Estimate(math.inf, 1.0, reason="it overflowed"), "missing", "the function returned inf; it overflowed"),
        (Estimate(1.0, converged=False), "not converged", "the function reports that it has not converged"),
        (Estimate(1.0, converged=False, reason="slow"), "not converged", "slow"),
        (1.0, "ok", None),
    ],
)  # fmt: skip
def test_status_and_reason(given: Any, status: str, reason: str | None) -> None:
    found = checked_values(RUN, {"a": given})["a"]
    assert (found.status, found.reason) == (status, reason)
    assert math.isfinite(found.value) == (status != "missing")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "returned `NoneType`; it must return a mapping from names to numbers or Estimates"),
        ([("a", 1.0)], "returned `list`; it must return a mapping"),
        ({}, "returned an empty mapping; it must return"),
        ({"": 1.0}, "returned the name ''; names consist of letters, digits and `_`"),
        ({"2": 1.0}, "returned the name '2'; names consist of"),
        ({"größe": 1.0}, "returned the name 'größe'; names consist of"),
        ({"a": None}, "returned None as the value of `a`; give a number"),
        ({"a": True}, "returned True as the value of `a`; give a number"),
        ({"a": torch.tensor(True)}, "returned tensor(True) as the value of `a`; give a number"),
        ({"a": "1"}, "returned '1' as the value of `a`; give a number"),
        ({"a": 1j}, "returned 1j as the value of `a`; give a number"),
        ({"a": torch.ones(1)}, "returned tensor([1.]) as the value of `a`; give a number"),
        ({"a": np.ones(2)}, "returned array([1., 1.]) as the value of `a`; give a number"),
        ({"a": 10**400}, "00 … 00"),
        ({"a": 10**400}, "as the value of `a`; give a number that a float can hold"),
        ({"a": 10**5000}, "returned a value of type int as the value of `a`; give a number that"),
        ({"a" * 500 + ".": 1.0}, "aaa … aaa"),
        ({"b": 1.0, "a": Estimate("1")}, "returned '1' as the value of `a`; give a number"),
        ({"a": Estimate(1.0, None)}, "returned None as the error of `a`; give a number"),
        ({"a": Estimate(1.0, -0.1)}, "returned -0.1 as the error of `a`; give a number that is not negative, or NaN"),
        ({"a": Estimate(1.0, 0.1, "stderr")}, "returned 'stderr' as the kind of `a`; give one of exact, standard error, bound, unknown"),
        ({"a": Estimate(1.0, n=1.5)}, "returned 1.5 as the n of `a`; give a count"),
        ({"a": Estimate(1.0, n=-1)}, "returned -1 as the n of `a`; give a count"),
        ({"a": Estimate(1.0, n_unit=None)}, "returned None as the n_unit of `a`; give text"),
        ({"a": Estimate(1.0, unit=1)}, "returned 1 as the unit of `a`; give text"),
        ({"a": Estimate(1.0, converged="no")}, "returned 'no' as the converged of `a`; give True or False"),
        ({"a": Estimate(1.0, shared_draw=1)}, "returned 1 as the shared_draw of `a`; give True or False"),
        ({"a": Estimate(1.0, influences=0.1)}, "returned 0.1 as the influences of `a`; give numbers, or None"),
        ({"a": Estimate(1.0, influences=("x",))}, "returned 'x' as the influences of `a`; give a number"),
        ({"a": Estimate(1.0, influences=(math.nan,))}, "as the influences of `a`; give finite numbers, or None"),
        ({"a": Estimate(1.0, reason=1)}, "returned 1 as the reason of `a`; give text or None"),
    ],
)  # fmt: skip
def test_invalid_results_are_rejected(given: Any, message: str) -> None:
    with pytest.raises(CodeError) as caught:
        checked_values(RUN, given)
    assert str(caught.value).startswith("measure.custom: my_module:metric: returned ")
    assert message in str(caught.value)


def test_accepted_values_can_be_stored() -> None:
    """They survive a round trip through JSON unchanged."""
    drawn = Estimate(2.0, 5.0, "standard error", shared_draw=True, influences=[3, np.float32(4)])
    given = {"a": math.nan, "b": Estimate(1.0, 0.5, "bound", 2, "steps", "m"), "c": np.int8(1)}
    values = CustomValues(checked_values(RUN, given | {"d": drawn}))
    adapter = TypeAdapter(CustomValues)
    back = adapter.validate_json(adapter.dump_json(values))
    assert repr(back) == repr(values)
    assert back.values["d"] == values.values["d"]
    assert (back.values["d"].shared_draw, back.values["d"].influences) == (True, (3.0, 4.0))


GENERATORS: dict[str, Callable[[], float]] = {
    "torch": lambda: torch.rand(()).item(),
    "numpy": lambda: float(np.random.rand()),
    "python": random.random,
}


def draw(network: Any, data: Data, task: Any, *, seed: int, fails: bool = False) -> dict[str, Any]:
    """A metric that draws a number from every global generator."""
    drawn = {name: generator() for name, generator in GENERATORS.items()}
    if fails:
        raise ValueError("no")
    return drawn


def states() -> list[Any]:
    """The states of the global generators."""
    return [torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()]


def test_every_global_generator_is_seeded(tiny_data: Samples, task: Classification) -> None:
    data, found = Data(tiny_data, tiny_data), []
    for seed in (1, 2, 1):
        found.append(call_metric(RUN, draw, [nn.Identity()], data, task, seed=seed))
        draw(None, data, None, seed=0)
    for name in GENERATORS:
        first, other, again = (values[name].value for values in found)
        assert first == again != other, name


@pytest.mark.parametrize("fails", [False, True])
def test_random_states_are_restored(fails: bool, tiny_data: Samples, task: Classification) -> None:
    data, before = Data(tiny_data, tiny_data), states()
    settings = RUN.model_copy(update={"args": {"fails": fails}})
    with pytest.raises(CodeError) if fails else nullcontext():
        call_metric(settings, draw, [nn.Identity()], data, task, seed=1)
    assert states() == before


def example(name: str) -> ModuleType:
    """A module in `custom/`, which is not a package."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "custom" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["sharpness", "ensemble"])
def test_examples_use_public_import_paths_and_their_doctests_pass(name: str) -> None:
    source = Path(ROOT / "custom" / f"{name}.py").read_text()
    paths = {line.split()[1] for line in source.splitlines() if line.startswith("from landscape")}
    public = {"landscape_catalog", "landscape_catalog.tasks", "landscape_catalog.metrics.estimate"}
    assert paths <= public
    assert doctest.testmod(example(name)).failed == 0


class Square(Classification):
    """The loss |f(x)|^2 / 2, so that a linear network's loss is quadratic in its weights."""

    loss_unit = "J"

    def outputs(self, network: Any, samples: Samples, dtype: torch.dtype) -> torch.Tensor:
        return network(samples.inputs.to(dtype))  # type: ignore[no-any-return]

    def losses(
        self, outputs: Any, samples: Samples, *, label_smoothing: float = 0.0
    ) -> torch.Tensor:
        return outputs.square().sum(1) / 2  # type: ignore[no-any-return]


def linear(weight: torch.Tensor) -> nn.Linear:
    """x -> W x."""
    network = nn.Linear(weight.shape[1], weight.shape[0], bias=False).to(weight.dtype)
    with torch.no_grad():
        network.weight.copy_(weight)
    return network


def test_sharpness_of_a_quadratic_is_its_expectation() -> None:
    """L = |W|^2 / 2 on orthonormal inputs of dimension n, so E L(W + d) - L(W) = epsilon^2 |W|^2 / 2:
    the direction is independent of W and has norm epsilon |W|."""
    n, epsilon = 6, 0.3
    inputs = torch.eye(n, dtype=torch.float64) * math.sqrt(n)
    samples = Samples(inputs, torch.zeros(n, dtype=torch.long))
    weight = torch.randn(4, n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = example("sharpness").loss_increase(
        linear(weight), Data(samples, samples), Square(), seed=3, epsilon=epsilon, draws=400
    )
    increase, largest = found["increase"], found["largest"]
    exact = epsilon**2 * weight.square().sum().item() / 2
    assert abs(increase.value - exact) < 3 * increase.error
    assert increase.error < 0.1 * weight.square().sum().item()
    assert largest.value > increase.value
    assert (increase.kind, increase.n, increase.n_unit) == ("standard error", 400, "directions")
    assert increase.unit == largest.unit == "J"


def test_sharpness_is_invariant_to_the_scale_of_filters() -> None:
    """Scaling the rows of W1 by s and the columns of W2 by 1/s gives the same function."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    samples = Samples(inputs, torch.zeros(50, dtype=torch.long))
    first = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    second = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    found = []
    for scale in (1.0, 100.0):
        network = nn.Sequential(linear(first * scale), nn.ReLU(), linear(second / scale))
        found.append(
            example("sharpness")
            .loss_increase(network, Data(samples, samples), Square(), seed=0, epsilon=0.2)[
                "increase"
            ]
            .value
        )
    assert math.isclose(*found, rel_tol=1e-9)


def test_no_perturbation_gives_no_increase(tiny_data: Samples, task: Classification) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).eval()
    data = Data(tiny_data, tiny_data)
    found = example("sharpness").loss_increase(network, data, task, seed=0, epsilon=0.0, draws=1)
    assert found["increase"].value == found["largest"].value == 0.0
    assert math.isnan(found["increase"].error)


def test_the_gain_of_an_ensemble_is_its_ambiguity() -> None:
    """For squared losses, (|f|^2 + |g|^2) / 2 - |(f + g) / 2|^2 = |f - g|^2 / 4."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    samples = Samples(inputs, torch.zeros(40, dtype=torch.long))
    one, two = (torch.randn(2, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    gain = example("ensemble").gain
    found = gain(linear(one), linear(two), Data(samples, samples), Square(), seed=0)
    each = (inputs @ (one - two).T).square().sum(1) / 8  # the loss is half the square
    loss = found["loss"]
    assert math.isclose(loss.value, each.mean().item(), rel_tol=1e-12)
    assert math.isclose(loss.error, each.std().item() / math.sqrt(40), rel_tol=1e-12)
    assert (loss.n, loss.unit, found["error"].unit) == (40, "J", "%")
    same = gain(linear(one), linear(one), Data(samples, samples), Square(), seed=0)
    assert same["loss"].value == same["error"].value == 0.0
