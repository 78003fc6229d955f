"""Own networks of every make are tried by `prepare`: they work, or are refused with the reason."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from landscape_catalog.errors import CodeError
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.prepare.validate import validate_networks
from landscape_catalog.pipeline.shared.workspace import open_workspace
from tests.conftest import ROOT, SHARED
from tests.pipeline.own_networks import MEMBERS, Own, table
from tests.stages import run_stages, uses_store

PARAMS = """\
dataset: {{name: digits, test_samples: 100}}
model: {{name: "{module}:network"}}
load: {{width: [4], samples: 64}}
temperature: {{batch_size: 16}}
train: {{seeds: {seeds}}}
measure:
  hessian: {{samples: 16}}
  connectivity: {{batch_size: 16}}
  similarity: {{}}
classify: {{}}
report: {{}}
variants: {{}}
execution: {{device: cpu, engine: serial}}
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose data are prepared."""
    folder = tmp_path_factory.mktemp("own") / "project"
    (folder / "custom").mkdir(parents=True)
    write(folder, "plain", Own("plain", "class Net(Module):\n    pass\n"))
    with uses_store(folder.parent / "store"):
        run_prepare(folder)
    return folder


def write(folder: Path, module: str, own: Own, *, seeds: int = 2) -> None:
    project = Project(folder)
    (project.custom / f"{module}.py").write_text(own.source)
    project.params.write_text(PARAMS.format(module=module, seeds=seeds))


def tried(folder: Path, module: str, own: Own, *, seeds: int = 2) -> str:
    """What the trial says; "" if nothing."""
    write(folder, module, own, seeds=seeds)
    with uses_store(folder.parent / "store"):
        try:
            validate_networks(open_workspace(folder))
        except CodeError as error:
            return str(error)
    return ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("own", MEMBERS, ids=lambda own: own.what)
def test_each_works_or_is_refused_with_its_reason(own: Own, prepared: Path) -> None:
    module = f"own_{MEMBERS.index(own)}"
    said = tried(prepared, module, own)
    if own.refused:
        assert said.startswith(f"{module}:network: ")
        assert own.refused in said
    else:
        assert said == ""


def test_the_document_shows_the_table() -> None:
    assert table() in (ROOT / "docs" / "own.md").read_text(), (
        "copy what `python -m tests.pipeline.own_networks` prints into docs/own.md"
    )


BY_NAME = {own.what: own for own in MEMBERS}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "what",
    [
        "spectral norm (parametrization)",
        "instance norm with running statistics",
        "running means of one's own in buffers",
        "counters in a buffer",
        "random features in a persistent buffer",
        "frozen layers drawn at random",
    ],
)
def test_one_seed_lies_on_one_landscape(what: str, prepared: Path) -> None:
    own = BY_NAME[what]
    assert tried(prepared, f"alone_{MEMBERS.index(own)}", own, seeds=1) == ""


TASK = """\
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from landscape_catalog.tasks import Samples, Task, perturbed_inputs


def line():
    generator = np.random.Generator(np.random.Philox(key=1))
    x = generator.normal(size=(60, 2))
    return {"inputs": x, "targets": 10 + 9 * x[:, 0] - 2 * x[:, 1]}


line.version = "1"


def network(width, input_shape, n_outputs):
    return nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))


class Squares(Task):
    error_unit, loss_unit, connectivity_by, error_scale = "unit", "unit squared", "loss", 1.0
    calls = 0

    def outputs(self, network, samples, dtype):
        return network(samples.inputs.to(dtype)).squeeze(1)

    def losses(self, outputs, samples, *, label_smoothing=0.0):
        return (outputs - samples.targets).square()

    def errors(self, outputs, samples):
        return (outputs - samples.targets).abs()

    def features(self, outputs, samples):
        return outputs[:, None]

    def perturb(self, samples, perturbation, *, seed):
        return perturbed_inputs(samples, perturbation, seed=seed)
"""
TASK_PARAMS = """\
dataset: {{name: "{module}:line", args: {{}}, test_samples: 20, task: "{module}:Squares"}}
model: {{name: "{module}:network"}}
load: {{width: [4]}}
temperature: {{batch_size: 8}}
train: {{seeds: 2}}
measure:
  hessian: {{samples: 8}}
  connectivity: {{batch_size: 8}}
  similarity: {{samples: 20}}
classify: {{}}
report: {{}}
variants: {{}}
execution: {{device: cpu, engine: serial}}
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        (
            "dtype)).squeeze(1)",
            "dtype))",
            "which broadcast against each other",  # and losses of (n, n) are no (n,)
        ),
        (
            "(outputs - samples.targets).abs()",
            "(outputs[:, None] - samples.targets).abs().mean(1)",
            "the errors of 4 samples are",
        ),
        (
            "return outputs[:, None]",
            "return outputs[:, None] - outputs.mean()",
            "its features of 3",
        ),
        (
            "network(samples.inputs.to(dtype))",
            "network(samples.inputs.to(dtype).mul_(2))",
            "it changes its input in place",
        ),
        (
            "(outputs - samples.targets).square()",
            "(outputs - samples.targets).square() * (1 + torch.rand(len(outputs)))",
            "in eval mode its losses differ from call to call",
        ),
        (
            "        return (outputs - samples.targets).square()",
            "        self.calls += torch.is_grad_enabled()\n"
            "        return (outputs - samples.targets).square() * 0.9 ** self.calls",
            "`calls` (a plain attribute) of the task",
        ),
        (
            "    calls = 0\n",
            "    def __init__(self):\n        self.weights = torch.rand(2)\n\n",  # drawn alike each time
            "",
        ),
    ],
)
def test_tasks(old: str, new: str, said: str, tmp_path: Path) -> None:
    module = f"squares_{abs(hash((old, new)))}"
    text = TASK.replace(old, new)
    if "broadcast" in said:
        text = text.replace(".square()", ".square().mean(1)")
    (tmp_path / "custom").mkdir()
    project = Project(tmp_path)
    (project.custom / f"{module}.py").write_text(text)
    project.params.write_text(TASK_PARAMS.format(module=module))
    with uses_store(tmp_path / "store"):
        if not said:
            run_prepare(tmp_path)
            return
        with pytest.raises(CodeError) as caught:
            run_prepare(tmp_path)
    assert said in str(caught.value)


TEXT_NETWORK = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width, vocabulary):
        super().__init__()
        self.source, self.target = (nn.Embedding(vocabulary, width) for _ in range(2))
        self.head = nn.Linear(width, vocabulary)

    def forward(self, source, target):
        real = MASK
        mean = (self.source(source) * real).sum(1) / real.sum(1)
        return self.head(torch.tanh(self.target(target) + mean[:, None]))


def network(width, input_shape, n_outputs):
    return Net(width, n_outputs)
"""
TEXT_PARAMS = """\
dataset: {{name: number_words, test_samples: 20, vocabulary: 270}}
model: {{name: "{module}:network"}}
load: {{width: [4], samples: 64}}
temperature: {{batch_size: 8}}
train: {{seeds: 2, optimizer: adam}}
measure:
  hessian: {{samples: 8}}
  connectivity: {{batch_size: 8}}
  similarity: {{samples: 20, perturbation: token_noise}}
classify: {{}}
report: {{}}
variants: {{}}
execution: {{device: cpu, engine: serial}}
"""


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ("(source != 0)[..., None].float()", ""),
        (
            "torch.ones_like(source)[..., None].float()",
            "padded with token 0 to the longest one: mask it",
        ),
    ],
)
def test_padding_of_text_must_not_matter(mask: str, said: str, tmp_path: Path) -> None:
    module = "masked" if not said else "padded"
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom" / f"{module}.py").write_text(TEXT_NETWORK.replace("MASK", mask))
    (tmp_path / "params.yaml").write_text(TEXT_PARAMS.format(module=module))
    with uses_store(tmp_path / "store"):
        if not said:
            run_prepare(tmp_path)
            return
        with pytest.raises(CodeError, match=said):
            run_prepare(tmp_path)


CASES = SHARED / "cases"
BASE = """\
load: {width: [4], samples: 200}
temperature: {batch_size: [50], lr: 0.05}
train: {epochs: 2, seeds: 2}
measure:
  hessian: {samples: 50, max_iterations: 30}
  connectivity: {epochs: 2, batch_size: 50}
  similarity: {samples: 60}
execution: {device: cpu, engine: serial}
"""
OUTCOMES = {
    "anneal": "`steps` (a plain attribute)",
    "bf16": "its parameter `1.weight` is of type torch.bfloat16",
    "bn1d_nostats": "keeps no running statistics",
    "broadcast": "which broadcast against each other",
    "fdropout": "in eval mode its outputs differ from call to call",
    "fourier_nonpersistent": "`directions` (a buffer with persistent=False)",
    "scalar": "",
    "spectral": "(the vectors of spectral norm) change with every pass",
    "vit_dropout": "use math attention",
    "weightnorm_old": "",
}


def merged(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """The base with the overlay's values."""
    for key, value in overlay.items():
        inner = isinstance(value, dict) and isinstance(base.get(key), dict) and key != "args"
        base[key] = merged(base[key], value) if inner else value
    return base


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not at hand")
@pytest.mark.parametrize("case", OUTCOMES)
def test_the_cases(case: str, tmp_path: Path) -> None:
    yaml = YAML(typ="safe")
    params = yaml.load((ROOT / "params.yaml").read_text())
    for overlay in (BASE, (CASES / case / "overlay.yaml").read_text()):
        params = merged(params, yaml.load(overlay.replace("net:", f"{case}_net:")))
    (tmp_path / "custom").mkdir()
    shutil.copy(CASES / case / "net.py", tmp_path / "custom" / f"{case}_net.py")
    with (tmp_path / "params.yaml").open("w") as stream:
        yaml.dump(params, stream)
    with uses_store(tmp_path / "store"):
        if not OUTCOMES[case]:
            run_prepare(tmp_path)
            return
        with pytest.raises(CodeError) as caught:
            run_prepare(tmp_path)
    assert OUTCOMES[case] in str(caught.value)


UNUSUAL = {
    "dense": """\
class Net(Module):
    def begin(self):
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.other, self.tied = nn.Linear(16, 16), nn.Linear(16, 16)
        self.tied.weight = self.other.weight
        self.normed = nn.utils.weight_norm(nn.Linear(16, 16))
        self.register_buffer("wave", torch.arange(16.0).sin(), persistent=False)
        self.lstm = nn.LSTM(4, 4, batch_first=True)
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)
        self.norm = nn.BatchNorm1d(16)
        self.double()
    def between(self, x):
        x = self.scale * self.tied(torch.tanh(self.other(x))) + self.normed(x) + self.wave
        x = self.lstm(x.unflatten(1, (4, 4)))[0]
        return self.norm(self.attention(x, x, x)[0].flatten(1))
""",
    "convolutions": """\
class Net(Module):
    def __init__(self, n_outputs):
        layers = parametrizations.weight_norm(nn.Conv2d(1, 4, 3)), nn.GroupNorm(2, 4), nn.GELU()
        layers += nn.Conv2d(4, 4, 3), nn.InstanceNorm2d(4), nn.LayerNorm([4, 4, 4]), nn.Dropout(0.1)
        super().__init__(n_outputs, *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.to(memory_format=torch.channels_last)
    def between(self, x):
        return torch.fft.fft(x).abs()
""",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNUSUAL)
def test_from_parameters_to_the_report(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "custom").mkdir(parents=True)
    write(folder, name, Own("", UNUSUAL[name]))
    params, text = Project(folder).params, PARAMS.format(module=name, seeds=2)
    for old, new in {
        "seeds: 2": "seeds: 2, epochs: 2",
        "hessian: {samples: 16}": "hessian: {samples: 16, max_iterations: 3}",
        "connectivity: {batch_size: 16}": "connectivity: {batch_size: 16, epochs: 1, init: random}",
        "similarity: {}": "similarity: {samples: 20}",
    }.items():
        assert old in text
        text = text.replace(old, new)
    params.write_text(text)
    run_stages(folder, tmp_path / "store")
    assert (folder / "reports" / "phases.html").is_file()
