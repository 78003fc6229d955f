"""Invalid arguments are refused before any work starts; valid ones are unaffected."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import landscape_catalog as lc
from landscape_catalog.api.arguments import ARGUMENTS

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
Y = torch.arange(8) % 2
DATA = (X, Y)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2))


def call(function: str, **arguments: Any) -> Any:
    """A short call of a function, with some arguments replaced."""
    short: dict[str, Any] = {
        "evaluate": {},
        "hessian": {"max_iterations": 2},
        "spectral_density": {"probes": 2, "steps": 2},
        "mode_connectivity": {"updates": 1, "points": 3},
        "line_barrier": {"points": 3},
        "l2_distance": {},
        "cka": {},
    }[function]
    pair = {"one": network(0), "other": network(1)}
    if function in ("cka", "l2_distance"):
        given = pair | ({"inputs": X} if function == "cka" else {})
    else:
        first = {"network": network()} if function in SINGLE else pair
        given = first | {"loss": F.cross_entropy, "data": DATA}
    return getattr(lc, function)(**(given | short | arguments))


SINGLE = ("evaluate", "hessian", "spectral_density")
PAIRED = ("mode_connectivity", "line_barrier")
WITH_LOSS = (*SINGLE, *PAIRED)

# One entry for each argument: values out of range, values of another type, valid values.
NAN, INF = math.nan, math.inf
SEED = ([-1], [1.5, "0", None, True], [7, np.int64(7)])
BATCH = ([0, -5], [2.0, "8", None], [1, 3, np.int32(3)])
PARTS = ([0, -5], [2.0, "8"], [1, 3, None])
MODE = (["Train", "", None, 1], [], ["eval", "train"])
POSITIVE = ([0, -1, NAN, INF], ["a", None], [1, 0.5, np.float64(0.5)])
CASES: dict[str, dict[str, tuple[list[Any], list[Any], list[Any]]]] = {
    "hessian": {
        "max_iterations": ([0, 1, -3], [2.5, "2", None], [2, np.int64(2)]),
        "tolerance": POSITIVE,
        "trace_tolerance": POSITIVE,
        "mode": MODE,
        "batch_size": PARTS,
        "seed": SEED,
    },
    "spectral_density": {
        "probes": ([1, 0, -2], [2.5, None], [2, 3]),
        "steps": ([0, 1, -1], [2.5, None], [2, 3]),
        "mode": MODE,
        "batch_size": PARTS,
        "seed": SEED,
    },
    "mode_connectivity": {
        "control_points": ([0, 1, 2, 11, -1], [3.0, None], [3, 4]),
        "init": (["zzz", "Linear", None], [], ["linear", "random"]),
        "epochs": ([0, -1], [1.0, None], [1]),
        "updates": ([0, -1], [1.0, "1"], [1, 2, None]),
        "convergence": POSITIVE,
        "max_epochs": ([0, 49], [50.0, None], [50, 51]),
        "check": ([], [1, "yes", None], [False]),
        "lr": POSITIVE,
        "batch_size": BATCH,
        "momentum": ([-0.1, 1.1, NAN], ["a", None], [0, 0.5, 1]),
        "weight_decay": ([-1e-3, NAN, INF], ["a", None], [0, 0.0, 1e-3]),
        "points": ([0, 1, 2], [3.0, None], [3, 4]),
        "refine": ([-1], [1.5, None], [0, 1]),
        "seed": SEED,
    },
    "line_barrier": {
        "points": ([0, 1, -1], [3.0, None], [2, 3]),
        "batch_size": BATCH,
        "seed": SEED,
    },
    "cka": {"layer": ([], [0, True], ["0", None])},
}


def listed(place: int) -> list[tuple[str, str, Any]]:
    return [
        (function, name, value)
        for function, names in CASES.items()
        for name, values in names.items()
        for value in values[place]
    ]


@pytest.mark.parametrize("function", ARGUMENTS)
def test_every_option_of_a_function_is_checked(function: str) -> None:
    parameters = inspect.signature(getattr(lc, function)).parameters.values()
    options = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} - {"test"}
    assert set(ARGUMENTS[function]) == options == set(CASES[function])


@pytest.mark.parametrize(("function", "name", "value"), listed(0))
def test_values_out_of_range_are_refused(function: str, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: got .*; allowed: "):
        call(function, **{name: value})


@pytest.mark.parametrize(("function", "name", "value"), listed(1))
def test_values_of_another_type_are_refused(function: str, name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"^{name}: got .*; allowed: "):
        call(function, **{name: value})


@pytest.mark.parametrize(("function", "name", "value"), listed(2))
def test_valid_values_are_accepted(function: str, name: str, value: Any) -> None:
    call(function, **{name: value})


def test_a_message_says_what_was_given_and_what_is_allowed() -> None:
    with pytest.raises(ValueError) as raised:
        call("hessian", mode="Train", max_iterations=0)
    assert str(raised.value) == (
        "max_iterations: got 0; allowed: a number greater than or equal to 2; "
        "mode: got 'Train'; allowed: 'eval' or 'train'"
    )


def test_numpy_numbers_give_the_same_results_as_python_s() -> None:
    plain = call("hessian", seed=3, tolerance=0.5, batch_size=3)
    given = call("hessian", seed=np.int64(3), tolerance=np.float64(0.5), batch_size=np.int32(3))
    assert repr(given) == repr(plain)


@pytest.mark.parametrize("function", WITH_LOSS)
@pytest.mark.parametrize(
    "data", [(X, Y, X), (X,), X, (X.numpy(), Y.numpy()), (X, Y.tolist()), None, {"x": X, "y": Y}]
)
def test_data_other_than_two_tensors_are_refused(function: str, data: Any) -> None:
    with pytest.raises(TypeError, match=r"^data: got .*pair"):
        call(function, data=data)


@pytest.mark.parametrize("function", PAIRED)
def test_test_data_are_checked_as_well(function: str) -> None:
    with pytest.raises(TypeError, match=r"^test: got"):
        call(function, test=(X, Y, X))
    with pytest.raises(ValueError, match=r"^test: there are no samples"):
        call(function, test=(X[:0], Y[:0]))
    call(function, test=[X[:4], Y[:4]])


@pytest.mark.parametrize("function", WITH_LOSS)
@pytest.mark.parametrize("loss", [None, "cross_entropy", lc.Classification, nn.CrossEntropyLoss])
def test_a_loss_must_be_a_function_or_a_task(function: str, loss: Any) -> None:
    with pytest.raises(TypeError, match=r"^loss: got"):
        call(function, loss=loss)


@pytest.mark.parametrize("loss", [lc.Classification(), nn.CrossEntropyLoss(), F.cross_entropy])
def test_functions_modules_and_tasks_are_losses(loss: Any) -> None:
    assert call("evaluate", loss=loss).loss == call("evaluate").loss


@pytest.mark.parametrize("function", WITH_LOSS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_networks_in_half_precision_are_refused(function: str, dtype: torch.dtype) -> None:
    name = "network" if function in SINGLE else "other"
    with pytest.raises(TypeError, match=rf"^{name}: got {dtype} .*float32 or torch.float64"):
        call(function, **{name: network().to(dtype)})


def test_double_precision_is_accepted_everywhere() -> None:
    for function in WITH_LOSS:
        names = ["network"] if function in SINGLE else ["one", "other"]
        call(function, **{name: network().double() for name in names})


def frozen() -> nn.Module:
    return network().requires_grad_(False)


@pytest.mark.parametrize(
    "function", ["hessian", "spectral_density", "mode_connectivity", "line_barrier", "l2_distance"]
)
def test_a_network_without_trainable_parameters_is_refused(function: str) -> None:
    names = ["network"] if function in SINGLE else ["one", "other"]
    with pytest.raises(ValueError, match="no trainable parameters"):
        call(function, **{name: frozen() for name in names})


def test_frozen_networks_can_be_evaluated_and_compared_by_outputs() -> None:
    assert call("evaluate", network=frozen()) == call("evaluate")
    assert call("cka", one=frozen()) == call("cka")


@pytest.mark.parametrize("function", [*WITH_LOSS, "cka", "l2_distance"])
def test_a_network_must_be_a_module_with_parameters(function: str) -> None:
    name = "network" if function in SINGLE else "other"
    with pytest.raises(TypeError, match=rf"^{name}: got ndarray"):
        call(function, **{name: np.ones((8, 2))})
    with pytest.raises(ValueError, match=rf"^{name}: got Flatten, which has no parameters"):
        call(function, **{name: nn.Flatten()})


def test_features_exclude_inputs_and_a_layer() -> None:
    features = {"one": X, "other": X + 1}
    with pytest.raises(ValueError, match="layer: allowed only with networks"):
        lc.cka(X, X, layer="0")
    with pytest.raises(ValueError, match="inputs: allowed only with networks"):
        call("cka", **features)
    assert call("cka", **features, inputs=None).cka == pytest.approx(1)
    call("cka", one=X, layer="0")  # features and a network


class Named(nn.Module):
    """Returns its outputs in a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.layer(x)}


def of_named(reduction: str) -> Callable[[Any, Tensor], Tensor]:
    return lambda outputs, targets: F.cross_entropy(outputs["logits"], targets, reduction=reduction)


def test_outputs_that_are_not_a_tensor_need_a_loss_per_sample() -> None:
    with pytest.raises(TypeError, match="dict, not a tensor"):
        call("evaluate", network=Named(), loss=of_named("mean"))
    with pytest.raises(TypeError, match="dict, not a tensor"):
        call("cka", one=Named())
    assert call("evaluate", network=Named(), loss=of_named("none")).n == 8
    call("cka", one=Named(), other=Named(), layer="layer")


FITS = ("mode_connectivity", "hessian", "spectral_density", "line_barrier", "cka", "l2_distance")


@pytest.mark.parametrize("function", FITS)
def test_only_fits_of_mode_connectivity_are_combined(function: str) -> None:
    results = [call(function), call(function)]
    if function == "mode_connectivity":
        assert lc.estimates(*results)["mode_connectivity"].n == 2
    else:
        with pytest.raises(ValueError, match=r"2 results of .* one at a time"):
            lc.estimates(*results)
    lc.estimates(results[0])


def test_fits_in_different_units_are_not_combined() -> None:
    plain = call("mode_connectivity")
    percent = call("mode_connectivity", loss=lc.Classification())
    with pytest.raises(ValueError, match=r"error in %; loss in no unit"):
        lc.estimates(plain, percent)
    assert lc.estimates(percent, percent)["mode_connectivity"].unit == "%"


@pytest.mark.parametrize("value", ["a", None, True, 1j, [0.1]])
@pytest.mark.parametrize("name", ["train_loss", "top_eigenvalue", "mode_connectivity", "cka"])
def test_classify_takes_only_numbers(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"^{name}: got "):
        lc.classify(**{name: value})


def test_classify_takes_no_cka_above_1_and_no_plain_threshold() -> None:
    with pytest.raises(ValueError, match=r"^cka: got 2.0; allowed: at most 1"):
        lc.classify(cka=2.0)
    for thresholds in (3, [1], "cka"):
        with pytest.raises(TypeError, match=r"^thresholds: got"):
            lc.classify(thresholds=thresholds)  # type: ignore[arg-type]
    flat = {"train_loss": np.float32(0.01), "top_eigenvalue": 5, "mode_connectivity": 0}
    for cka in (1, 1 + 1e-9, np.float64(1)):
        assert lc.classify(cka=cka, **flat).phase == "IV-B"  # type: ignore[arg-type]
