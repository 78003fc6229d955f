"""Training states survive the way through a checkpoint file, and a group shares its due time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from landscape_catalog.pipeline.train.checkpoints import Interval, RunCheckpoints, checkpoint_key
from landscape_catalog.store.records import Provenance
from landscape_catalog.training.checkpoints import TrainingState

PROVENANCE = Provenance(torch="2", device="cpu", cpu="x")


def member(folder: Path, run_id: str, interval: Interval) -> RunCheckpoints:
    return RunCheckpoints(folder, checkpoint_key(run_id, "d", ["last"], PROVENANCE), interval)


def test_every_kind_of_tensor_survives(tmp_path: Path) -> None:
    stacked, tied = torch.randn(3, 2, 2), torch.randn(4)
    tensors = {
        "count": torch.tensor(7),
        "sum": torch.tensor(0.1, dtype=torch.float64),
        "half": torch.randn(2, 3).to(torch.bfloat16),
        "half of one": torch.tensor(1.5, dtype=torch.bfloat16),
        "nan": torch.tensor([float("nan"), float("-inf"), -0.0]),
        "random": torch.get_rng_state(),
        "flag": torch.tensor([True, False]),
        "empty": torch.empty(0, 3),
        "transposed": torch.arange(6).reshape(2, 3).T,
        "member 0": stacked[0],
        "member 1": stacked[1],
        "one": tied,
        "same": tied,
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    values = {"epoch": 2, "history": [[0.1, 1 / 3], [float("inf"), float("nan")]]}
    kept = member(tmp_path, "a", Interval(60))
    assert kept.resume() is None
    kept.save(TrainingState(values, tensors))
    back = member(tmp_path, "a", Interval(60)).resume()
    assert back is not None
    assert repr(back.values) == repr(values)  # NaN is not equal to itself
    assert set(back.tensors) == set(tensors)
    for name, tensor in tensors.items():
        found = back.tensors[name]
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape), name
        assert torch.equal(found.view(-1).view(torch.uint8), bits(tensor)), name


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().contiguous().view(-1).view(torch.uint8)


@pytest.mark.parametrize("asks_everyone", [True, False])
def test_members_of_a_group_are_due_together(tmp_path: Path, asks_everyone: bool) -> None:
    now = [0.0]
    interval = Interval(2, clock=lambda: now[0])
    group = [member(tmp_path, run_id, interval) for run_id in "abc"]
    saved = []
    for step in range(50):  # half a second each
        now[0] = step / 2
        due = [one.due() for one in group]
        assert len(set(due)) == 1
        for one, run_id in zip(group, "abc", strict=True):
            if one.due() if asks_everyone else due[0]:
                one.save(TrainingState({"step": step}, {}))
                saved.append((step, run_id))
    assert saved == [(step, run_id) for step in range(4, 50, 4) for run_id in "abc"]
    state = group[0].resume()
    assert state is not None
    assert state.values == {"step": 48}


def test_a_slow_save_is_followed_by_work(tmp_path: Path) -> None:
    """Saving is due again only after the interval in which it started has ended."""
    now = [0.0]
    only = member(tmp_path, "a", Interval(2, clock=lambda: now[0]))
    now[0] = 3.9
    assert only.due()
    only.save(TrainingState({}, {}))
    assert not only.due()
    now[0] = 4.0
    assert only.due()
