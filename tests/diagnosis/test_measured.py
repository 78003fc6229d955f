"""Checkpoints with known answers: closed forms, equal and permuted networks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import landscape_catalog as lc
from landscape_catalog.diagnosis.result import Diagnosis
from landscape_catalog.errors import CheckpointError
from landscape_catalog.tasks import Data, Samples
from tests.diagnosis.made import blobs, linear, perceptron, trained


def diagnosed(states: list, network=linear, data: Data | None = None, **options) -> Diagnosis:
    return lc.diagnose_checkpoints(states, network, data or blobs(), **options)


def softmax_hessian(state: dict, samples: Samples) -> np.ndarray:
    """(1/n) sum_i (diag p - p p') x (x, 1)(x, 1)' of softmax regression, in float64."""
    x = np.column_stack([samples.inputs.double().numpy(), np.ones(len(samples))])
    weights = np.column_stack([state["weight"].double().numpy(), state["bias"].double().numpy()])
    logits = x @ weights.T
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    inner = np.einsum("ij,jk->ijk", p, np.eye(3)) - np.einsum("ij,ik->ijk", p, p)
    size = 3 * x.shape[1]
    return np.einsum("ijk,ia,ib->jakb", inner, x, x).reshape(size, size) / len(samples)


def test_loss_and_hessian_of_softmax_regression() -> None:
    data = blobs(spread=1.6)
    state = trained(linear, data.train, 0, steps=20)
    found = diagnosed([state], data=data)
    eigenvalues = np.linalg.eigvalsh(softmax_hessian(state, data.train))
    top, trace = found.metric("top_eigenvalue"), found.metric("trace")
    assert top.mean == pytest.approx(eigenvalues.max(), rel=2e-3)
    assert trace.mean == pytest.approx(eigenvalues.sum(), rel=0.1)
    assert abs(trace.mean - eigenvalues.sum()) <= 4 * trace.measurement_error + 1e-6
    assert [one.error_kind for one in top.values] == ["bound"]
    logits = data.train.inputs @ state["weight"].T + state["bias"]
    loss = float(nn.functional.cross_entropy(logits.double(), data.train.targets))
    assert found.metric("train_loss").mean == pytest.approx(loss, rel=1e-5)
    right = logits.argmax(1) == data.train.targets
    assert found.metric("train_error").mean == pytest.approx(
        100 - 100 * float(right.double().mean())
    )


def test_two_copies_of_the_same_weights_are_refused() -> None:
    state = trained(perceptron, blobs().train, 0)
    other = {name: value.clone() for name, value in state.items()}
    with pytest.raises(CheckpointError, match="checkpoint 1 and checkpoint 2 hold the same"):
        diagnosed([state, other], perceptron)
    half = {name: value.half() for name, value in state.items()}
    with pytest.raises(CheckpointError, match="checkpoint 1 and checkpoint 2 hold the same"):
        diagnosed([state, half], perceptron)
    other["0.weight"][0, 0] += 0.01
    assert diagnosed([state, other], perceptron).metric("l2_distance").mean == pytest.approx(0.01)


@pytest.mark.slow
def test_curves_side_by_side_are_those_of_single_pairs() -> None:
    """Three pairs are fitted side by side, a lone pair by itself: equal up to rounding."""
    data = blobs(spread=1.6)
    states = [trained(perceptron, data.train, seed, steps=30) for seed in range(3)]
    three = diagnosed(states, perceptron, data, pairs="ring")
    assert len(three.curves) == 3
    for curve in three.curves:
        pair = [states[place - 1] for place in curve.members]
        (alone,) = diagnosed(pair, perceptron, data).curves
        assert curve.length == alone.length
        assert curve.train_error == pytest.approx(alone.train_error, abs=1.2)  # a sample or less


def test_a_network_with_permuted_hidden_units() -> None:
    """The same function elsewhere in weight space."""
    data = blobs()
    state = trained(perceptron, data.train, 0)
    order = torch.tensor([3, 0, 1, 2, 7, 6, 5, 4])
    moved = {
        "0.weight": state["0.weight"][order],
        "0.bias": state["0.bias"][order],
        "2.weight": state["2.weight"][:, order],
        "2.bias": state["2.bias"],
    }
    found = diagnosed([state, moved], perceptron, data)
    distance = math.sqrt(sum(float((state[k] - moved[k]).double().square().sum()) for k in state))
    assert found.metric("l2_distance").mean == pytest.approx(distance, rel=1e-6)
    assert found.metric("cka").mean == pytest.approx(1.0, abs=1e-6)
    one, other = found.metric("train_loss").values
    assert one.value == pytest.approx(other.value, rel=1e-5)


def test_how_many_checkpoints_say_how_much() -> None:
    data = blobs()
    states = [trained(perceptron, data.train, seed) for seed in range(3)]
    one, two, three = (diagnosed(states[:n], perceptron, data) for n in (1, 2, 3))
    assert one.phase.name is None
    assert one.phase.possible == ("III", "IV-A", "IV-B")
    assert one.phase.probabilities == {} and one.curves == ()
    assert {m.metric for m in one.metrics}.isdisjoint({"mode_connectivity", "cka", "l2_distance"})
    assert "A second checkpoint" in one.more[0] and "III and IV" in one.more[0]
    assert two.phase.name == "IV-B" and two.phase.probabilities == {}
    assert "it takes 3 to see how runs vary" in two.phase.words
    assert "errors of the estimates on these samples" in two.phase.words
    assert three.phase.name == "IV-B"
    assert sum(three.phase.probabilities.values()) == pytest.approx(1.0)
    assert three.phase.probabilities["IV-B"] > 0.5
    assert [curve.members for curve in three.curves] == [(1, 2), (1, 3), (2, 3)]
    for name in ("mode_connectivity", "cka", "l2_distance"):
        assert three.metric(name).n == 3
    assert (
        three.metric("train_loss").standard_error
        > 0
        == three.metric("train_loss").measurement_error
    )


def test_a_sharp_checkpoint_is_in_one_of_the_first_two_phases() -> None:
    data = blobs(spread=3.0)  # overlapping: the loss stays high
    found = diagnosed([trained(linear, data.train, 0)], data=data)
    assert found.metric("train_loss").mean > 0.05
    assert found.phase.possible == ("I", "II")
    assert "training loss" in found.phase.reason and "missing" in found.phase.reason


def test_pairs_and_a_part_of_the_training_data() -> None:
    data = blobs(spread=1.6)
    states = [trained(linear, data.train, seed) for seed in range(3)]
    found = diagnosed(states, data=data, pairs="first", samples=40, test_samples=10)
    assert [curve.members for curve in found.curves] == [(1, 2)]
    assert found.metric("cka").n == 3
    assert (found.data.n_train, found.data.n_train_available) == (40, 90)
    assert found.data.n_test == 10
    loss = found.metric("train_loss").values[0]
    assert loss.error_kind == "standard error"
    whole = diagnosed(states[:1], data=data).metric("train_loss").values[0]
    assert (whole.error, whole.error_kind) == (0.0, "exact")
    assert abs(loss.value - whole.value) < 4 * loss.error
    assert any("40 of 90 training samples" in remark for remark in found.remarks)
    again = diagnosed(states, data=data, pairs="first", samples=40, test_samples=10)
    assert again.json_text() == found.json_text()


def test_settings_of_torch_and_the_random_state_are_restored() -> None:
    data = blobs()
    state = trained(linear, data.train, 0)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    diagnosed([state], data=data)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_batch_norm_statistics_are_those_of_the_file(tmp_path: Path) -> None:
    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))

    data = blobs()
    state = trained(network, data.train, 0)
    fresh = network()
    fresh.load_state_dict(state)
    logits = fresh.eval()(data.train.inputs).detach()
    loss = float(nn.functional.cross_entropy(logits, data.train.targets))
    found = diagnosed([state], network, data)
    assert found.metric("train_loss").mean == pytest.approx(loss, rel=1e-5)
