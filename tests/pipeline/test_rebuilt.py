"""A trained run is kept only if a network rebuilt from its stored weights gives its answers."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.errors import CodeError, JobsFailedError
from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.models.build import build
from landscape_catalog.models.copying import copied
from landscape_catalog.models.randomness import seeded
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared import loading
from landscape_catalog.pipeline.shared.rebuilt import relative_difference, require_same_answers
from landscape_catalog.pipeline.shared.states import arrays_of, shaped_like, state_of
from landscape_catalog.store.artifacts import pack, unpack
from landscape_catalog.store.partial import partial_folder, runs_in
from landscape_catalog.tasks import Classification, Samples
from tests.conftest import TINY_PARAMS
from tests.pipeline.own_networks import Own
from tests.pipeline.test_own_networks import write
from tests.stages import run_ids, run_stages, write_project

COUNTER = """\
class Net(Module):
    def begin(self):
        self.steps = 0
    def between(self, x):
        self.steps += self.training
        return x if self.steps < 6 else 2 * x
"""


def test_what_the_trial_cannot_see_fails_the_run(tmp_path: Path) -> None:
    """A counter that matters only after more steps than the trial takes."""
    folder = tmp_path / "project"
    (folder / "custom").mkdir(parents=True)
    write(folder, "counting", Own("", COUNTER))
    params = Project(folder).params
    text = params.read_text().replace("seeds: 2", "seeds: 2, epochs: 1")
    params.write_text(text)
    run_stages(folder, tmp_path / "store", "prepare", "train")  # four steps
    assert len(run_ids(folder)) == 2
    params.write_text(text.replace("epochs: 1", "epochs: 2"))
    with pytest.raises(JobsFailedError) as caught:
        run_stages(folder, tmp_path / "store", "prepare", "train")
    assert "counting:network: a new network with the stored weights gives other" in str(
        caught.value
    )
    assert "`steps` (a plain attribute)" in str(caught.value)
    assert not run_ids(folder)
    assert not runs_in(partial_folder(tmp_path / "store"))


def test_members_of_a_group_are_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the networks that are trained double their outputs, and those that measure do not."""
    project = write_project(tmp_path / "project", TINY_PARAMS)

    def doubling(*args: Any, seed: int = 0, **named: Any) -> nn.Module:
        network = build(*args, seed=seed, **named)
        if seed:
            kind = type(network)

            class Doubled(kind):  # type: ignore[misc, valid-type]
                def forward(self, x: Tensor) -> Tensor:
                    once = kind.forward(self, x)
                    return once.add(once)

            network.__class__ = Doubled
        return network

    monkeypatch.setattr(loading.models, "build", doubling)
    with pytest.raises(JobsFailedError, match="gives other outputs than the trained one"):
        run_stages(project, tmp_path / "store", "prepare", "train")
    assert not run_ids(project)


class Hidden(nn.Module):
    """A network with one thing that its state dict lacks."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        vars(self).update(attributes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) * float(np.sum(np.asarray(self.value)))


SAMPLES = Samples(torch.eye(2), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (1.0, 2.0, True),
        (1, 2, True),
        (True, False, True),
        ([1.0, 2.0], [1.0, 3.0], True),
        ((1.0,), (1.5,), True),
        (np.ones(2), np.zeros(2), True),
        (torch.ones(2), torch.zeros(2), True),
        (1.0, 1.0 + 1e-9, False),
        (1.0, 1.0, False),
        (float("nan"), float("nan"), False),  # not finite in both
    ],
)
def test_hidden_state_is_named(one: Any, other: Any, differs: bool) -> None:
    trained, rebuilt = Hidden(value=one), Hidden(value=other)
    rebuilt.load_state_dict(trained.state_dict())
    pair = (trained, Classification()), (rebuilt, Classification())
    if not differs:
        require_same_answers(*pair, SAMPLES, "own")
        return
    with pytest.raises(CodeError, match=r"own: .* different: `value` \(a plain attribute\)"):
        require_same_answers(*pair, SAMPLES, "own")


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.0], [1.0, 2.5], 0.2),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([float("nan"), 2.0], [float("nan"), 2.0], 0.0),
        ([float("nan"), 2.0], [1.0, 2.0], float("inf")),
        ([float("inf"), 1.0], [float("inf"), 2.0], 0.5),
        ([1.0], [1.0, 1.0], float("inf")),
        ([1.0 + 1.0j], [1.0 - 1.0j], 2.0),
    ],
)
def test_relative_difference(one: list[Any], other: list[Any], apart: float) -> None:
    assert relative_difference(torch.tensor(one), torch.tensor(other)) == pytest.approx(apart)


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor(1.5),
        torch.tensor([1.5]),
        torch.ones(2, 0),
        torch.tensor(3),
        torch.tensor(True),
        torch.ones(2, 3, dtype=torch.float64).t(),
        torch.ones(2, dtype=torch.float16),
        torch.ones(1, 2, 3, 4).to(memory_format=torch.channels_last),
    ],
    ids=lambda value: f"{value.dtype}{tuple(value.shape)}",
)
def test_state_dicts_come_back_as_they_were(value: Tensor) -> None:
    network = nn.Module()
    network.register_buffer("value", value)
    stored = unpack(pack(arrays_of(network.state_dict(), "own")))
    found = shaped_like(network, state_of(stored, "cpu"))["value"]
    assert found.dtype == value.dtype
    assert found.shape == value.shape
    assert torch.equal(found, value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.ones(2, dtype=torch.bfloat16), "`value` .*torch.bfloat16, cannot be stored"),
        (torch.ones(2, dtype=torch.complex128), "`value` .*torch.complex128, cannot be stored"),
        (torch.eye(2).to_sparse(), "`value` .* cannot be stored"),
        ({"a": 1}, "`value` of its state_dict is of type dict"),
    ],
)
def test_what_cannot_be_stored_is_named(value: Any, words: str) -> None:
    with pytest.raises(CodeError, match=f"own: {words}"):
        arrays_of({"value": value}, "own")


def test_copies_do_without_what_forward_passes_have_computed() -> None:
    network = nn.Linear(2, 2)
    network.cache = [network(torch.ones(1, 2)), {"last": network.weight * 2}]
    duplicate = copied(network)
    assert torch.equal(duplicate.cache[1]["last"], network.weight * 2)
    assert duplicate.cache[1]["last"].is_leaf
    with torch.no_grad():
        duplicate.weight.zero_()
    assert network.weight.abs().sum() > 0


@pytest.mark.parametrize("draw", ["torch.rand(1)", "np.random.rand(1)", "random.random()"])
def test_all_global_generators_are_seeded_and_restored(draw: str) -> None:
    names = {"torch": torch, "np": np, "random": random}

    def drawn() -> float:
        return float(np.ravel(eval(draw, names))[0])

    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    expected = drawn()
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    with seeded(2**40 + 1, torch.device("cpu")):
        one = drawn()
    with seeded(2**40 + 1, torch.device("cpu")):
        assert drawn() == one
    assert drawn() == expected


@pytest.mark.parametrize("draw", ["torch.rand(3)", "np.random.rand(3)", "[random.random()]"])
def test_initial_weights_follow_the_seed_whichever_generator_they_are_drawn_from(draw: str) -> None:
    def network(*sizes: Any) -> nn.Module:
        drawn = eval(draw, {"torch": torch, "np": np, "random": random})
        return nn.ParameterList([nn.Parameter(torch.as_tensor(drawn, dtype=torch.float32))])

    one, same, other = (
        build(network, width=1, input_shape=(1,), n_outputs=1, seed=seed)[0] for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_recomputed_statistics_are_those_of_batch_norm_alone() -> None:
    """Passes in train mode move the vectors of spectral norm as well, which are put back."""
    layers = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 3)), nn.BatchNorm1d(3)
    network = nn.Sequential(*layers).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    data = Samples(torch.randn(8, 2), torch.zeros(8, dtype=torch.int64))
    recompute_batchnorm(network, data, Classification(), batch_size=4, seed=0)
    changed = {
        name for name, value in network.state_dict().items() if not value.equal(before[name])
    }
    assert changed == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
