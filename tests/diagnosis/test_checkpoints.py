"""Files of weights: what is read, and what is refused without running it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from landscape_catalog.diagnosis.checkpoints import Checkpoint, read_checkpoint
from landscape_catalog.diagnosis.networks import fitted_state
from landscape_catalog.errors import CheckpointError
from tests.diagnosis.made import perceptron

STATE = perceptron().state_dict()


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.module = perceptron()


FORMS = {
    "plain": STATE,
    "state_dict": {"state_dict": STATE, "epoch": 3, "optimizer": {"lr": [0.1]}},
    "model": {"model": STATE, "args": {"lr": 0.1}},
    "model_state_dict": {"model_state_dict": STATE, "loss": torch.tensor(0.1)},
    "data parallel": {f"module.{name}": value for name, value in STATE.items()},
    "compiled": {f"_orig_mod.{name}": value for name, value in STATE.items()},
    "both": {"state_dict": {f"module._orig_mod.{k}": v for k, v in STATE.items()}},
    "half precision": {name: value.bfloat16() for name, value in STATE.items()},
}


def test_a_counter_in_half_precision(tmp_path: Path) -> None:
    """Of a state dict of which every entry was converted."""
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    torch.save({k: v.half() for k, v in network.state_dict().items()}, tmp_path / "one.pt")
    found = fitted_state(read_checkpoint(tmp_path / "one.pt"), network, "it")
    assert found["1.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_torch_files(form: str, tmp_path: Path) -> None:
    torch.save(FORMS[form], tmp_path / "one.pt")
    found = fitted_state(read_checkpoint(tmp_path / "one.pt"), perceptron(), "it")
    assert found.keys() == STATE.keys()
    for name, value in found.items():
        rounding = 2.0**-8 if form == "half precision" else 0.0
        assert torch.allclose(value, STATE[name], rtol=rounding, atol=0.0)
        assert value.dtype == torch.float32


def test_safetensors_and_the_old_format(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "one.safetensors")
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name in ("one.safetensors", "old.pth"):
        found = read_checkpoint(tmp_path / name)
        assert all(torch.equal(found.state[k], STATE[k]) for k in STATE)
        assert len(found.sha256) == 64


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("touch was_run",)


def refusals(folder: Path) -> dict[str, str]:
    """Files by name, and part of what is said of each."""
    torch.save({"state_dict": Evil()}, folder / "evil.pt")
    torch.save(perceptron(), folder / "module.pt")
    (folder / "pickle.pkl").write_bytes(pickle.dumps(Evil()))
    torch.save([1, 2], folder / "list.pt")
    torch.save({"epoch": 3}, folder / "epoch.pt")
    torch.save({}, folder / "empty.pt")
    torch.save({"weight": torch.tensor([float("nan")])}, folder / "nan.pt")
    torch.save({"weight": torch.eye(2).to_sparse()}, folder / "sparse.pt")
    (folder / "text.pt").write_text("hello")
    (folder / "nothing.pt").write_bytes(b"")
    (folder / "text.safetensors").write_text("hello")
    (folder / "lfs.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    torch.save(STATE, folder / "cut.pt")
    (folder / "cut.pt").write_bytes((folder / "cut.pt").read_bytes()[:500])
    (folder / "folder.pt").mkdir()
    os.mkfifo(folder / "pipe.pt")
    return {
        "evil.pt": "would run code",
        "module.pt": "would run code",
        "pickle.pkl": "would run code",
        "list.pt": "allowed: a state dict",
        "epoch.pt": "the keys 'epoch'",
        "empty.pt": "allowed: a state dict",
        "nan.pt": "not finite: training has diverged",
        "sparse.pt": "sparse",
        "text.pt": "damaged, or not a file",
        "nothing.pt": "damaged, or not a file",
        "text.safetensors": "damaged or not a safetensors file",
        "lfs.pt": "pointer of Git LFS",
        "cut.pt": "damaged",
        "folder.pt": "a folder, not a regular file",
        "pipe.pt": "a named pipe",
        "missing.pt": "there is no such file",
    }


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, words in refusals(tmp_path).items():
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(tmp_path / name)
        message = str(caught.value)
        assert words in message, (name, message)
        assert message.startswith(str(tmp_path / name)) or "lfs" in name
        assert "\n" not in message
        assert caught.value.exit_code == 2
    assert not (tmp_path / "was_run").exists()


def fitted(state: dict, network: nn.Module) -> dict:
    return fitted_state(Checkpoint("one.pt", state), network, "mine:network")


def test_what_does_not_fit_is_named() -> None:
    without = {name: value for name, value in STATE.items() if name != "2.bias"}
    for state, words in (
        (without, "one.pt: it is not of mine:network: `2.bias` missing"),
        ({**STATE, "3.weight": torch.ones(1)}, "`3.weight` unexpected"),
        ({**STATE, "2.bias": torch.ones(4)}, "`2.bias` has shape (4,) instead of (3,)"),
        (
            {"a": torch.ones(1)},
            "`0.weight`, `0.bias`, `2.weight`, `2.bias` missing; `a` unexpected",
        ),
        ({**STATE, "2.bias": torch.ones(3, dtype=torch.int64)}, "of type torch.int64"),
    ):
        with pytest.raises(CheckpointError) as caught:
            fitted(state, perceptron())
        assert words in str(caught.value)


def test_what_a_file_may_leave_out() -> None:
    """The counters of batch norm, and the second name of a tied tensor."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
            self.other = nn.Linear(2, 2)
            self.other.weight = self.one.weight

    state = Tied().state_dict()
    small = {k: v for k, v in state.items() if "num_batches" not in k and k != "other.weight"}
    found = fitted(small, Tied())
    assert torch.equal(found["other.weight"], state["one.weight"])
    assert found["norm.num_batches_tracked"] == 0
    listed = {**state, "norm.num_batches_tracked": torch.tensor([7])}  # as some formats store it
    assert torch.equal(fitted(listed, Tied())["norm.num_batches_tracked"], torch.tensor(7))


def test_a_network_whose_own_module_is_called_module() -> None:
    state = Wrapped().state_dict()
    assert fitted(state, Wrapped()).keys() == state.keys()
    doubly = {f"module.{name}": value for name, value in state.items()}
    assert fitted(doubly, Wrapped()).keys() == state.keys()
