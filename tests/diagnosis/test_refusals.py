"""Bad input is refused with one line and exit code 2, before anything is measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from landscape_catalog.cli import app
from landscape_catalog.diagnosis import diagnose as module
from landscape_catalog.errors import UserError
from tests.diagnosis.made import SOURCE, blobs, image_folder, perceptron, picture_network, trained

OWN = (
    SOURCE
    + """

def nothing():
    return None

def one_class():
    return {"inputs": np.ones((9, 2), "float32"), "targets": np.zeros(9, "int64")}

def regression():
    return {"inputs": np.ones((9, 2), "float32"), "targets": np.ones(9, "float32")}

def wide():
    return data() | {k: np.ones((n, 5), "float32") for k, n in (("inputs", 90), ("test_inputs", 30))}

def four_classes():
    found = data()
    found["targets"] = found["targets"].copy()
    found["targets"][0] = 3
    return found

def shuffled():
    found = data()
    generator = np.random.default_rng(3)
    return found | {"targets": generator.permutation(found["targets"])}

def rotated():
    found = data()
    return found | {k: (found[k] + 1) % 3 for k in ("targets", "test_targets")}

def needs(path):
    return data()

def fails():
    raise RuntimeError("no disk")

class Noisy(nn.Sequential):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5))

def noisy():
    return Noisy(*network())

class Memory(nn.Sequential):
    def __init__(self, *parts):
        super().__init__(*parts)
        self.calls = 0
    def forward(self, x):
        self.calls += 1
        return super().forward(x) + 0.1 * self.calls

def memory():
    return Memory(*network())

def half():
    return network().bfloat16()

def hidden():
    found = network()
    found.register_buffer("noise", torch.randn(2), persistent=False)
    found.register_forward_pre_hook(lambda module, inputs: (inputs[0] + found.noise,))
    return found

def neighbours():
    return nn.Sequential(nn.BatchNorm1d(2, affine=False, track_running_stats=False), *network())

class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = network()
        self.register_buffer("scale", torch.ones(()))
    def forward(self, x):
        return self.scale * self.inner(x)

def not_a_network():
    return 3
"""
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refused")
    (folder / "mine.py").write_text(OWN)
    (folder / "broken.py").write_text("import nothing_of_this_name\n")
    state = trained(perceptron, blobs().train, 0)
    torch.save(state, folder / "one.pt")
    torch.save({f"module.{k}": v.double() for k, v in state.items()}, folder / "same.pt")
    large = torch.tensor([0.0, -1e39, 0.0], dtype=torch.float64)
    torch.save({**state, "2.bias": large}, folder / "large.pt")
    torch.save({**state, "2.bias": large.half()}, folder / "half.pt")
    torch.save({"epoch": 1}, folder / "epoch.pt")
    torch.save({k: v for k, v in state.items() if k != "2.bias"}, folder / "part.pt")
    for name, scale in (("scaled.pt", 1.0), ("other.pt", 2.0)):
        scaled = {f"inner.{k}": v for k, v in state.items()} | {"scale": torch.tensor(scale)}
        torch.save(scaled, folder / name)
    shifted = {f"{int(name[0]) + 1}{name[1:]}": value for name, value in state.items()}
    torch.save(shifted, folder / "shifted.pt")
    image_folder(folder / "photos")
    torch.save(picture_network().state_dict(), folder / "picture.pt")
    for name in ("no_test", "empty", "strange", "file", "sizes", "bmp", "deep", "torn"):
        shutil.copytree(folder / "photos", folder / name)
    shutil.rmtree(folder / "no_test" / "test")
    shutil.rmtree(folder / "empty" / "train" / "red")
    (folder / "empty" / "train" / "red").mkdir()
    (folder / "strange" / "test" / "purple").mkdir()
    shutil.copy(folder / "photos/test/red/00.png", folder / "strange/test/purple/00.png")
    shutil.copy(folder / "photos/test/red/00.png", folder / "file/train/00.png")
    Image.new("RGB", (9, 9)).save(folder / "sizes" / "train" / "red" / "00.png")
    Image.new("RGB", (8, 8)).save(folder / "bmp" / "train" / "red" / "00.bmp")
    (folder / "torn" / "train" / "red" / "00.png").write_bytes(b"\\x89PNG")
    (folder / "model.json").write_text("{}")
    return folder


NET, DATA = ["--network", "mine:network"], ["--data", "mine:data"]
PICTURES = ["picture.pt", "--network", "mine:pictures"]
MOMENTS = ["--mean", "0.5", "--std", "0.25"]
SQUEEZE = ["one.pt", "--network", "torchvision:squeezenet1_1", "--data", "photos"]

# What is given, and part of what is said.
TABLE: dict[str, tuple[list[str], str]] = {
    "no file": (["none.pt", *NET, *DATA], "none.pt: there is no such file"),
    "no weights": (["epoch.pt", *NET, *DATA], "epoch.pt: got the keys 'epoch'"),
    "a part": (["part.pt", *NET, *DATA], "part.pt: it is not of mine:network: `2.bias` missing"),
    "given twice": (["one.pt", "one.pt", *NET, *DATA], "one.pt and one.pt hold the same weights"),
    "a copy": (["one.pt", "same.pt", *NET, *DATA], "one.pt and same.pt hold the same weights"),
    "beyond the type": (["large.pt", *NET, *DATA], "large.pt: `2.bias` has values up to 1e+39"),
    "infinite": (["one.pt", "half.pt", *NET, *DATA], "half.pt: `2.bias` has values that are not fin"),
    "second file": (["one.pt", "part.pt", *NET, *DATA], "part.pt: it is not of"),
    "no module": (["one.pt", "--network", "nosuch:network", *DATA], "there is no module `nosuch`"),
    "no function": (["one.pt", "--network", "mine:nosuch", *DATA], "has no function `nosuch`"),
    "no name": (["one.pt", "--network", "mine.network", *DATA], "allowed: a function, as"),
    "broken module": (["one.pt", "--network", "broken:network", *DATA], "nothing_of_this_name"),
    "torchvision": (
        ["one.pt", "--network", "torchvision:resnet81", *DATA],
        "no classifier of that name; similar: resnet18",
    ),
    "not a network": (["one.pt", "--network", "mine:not_a_network", *DATA], "type int"),
    "other weights": (SQUEEZE, "one.pt: it has no head of torchvision:squeezenet1_1"),
    "an argument": (["one.pt", *NET, *DATA, "--arg", "depth=3"], "has no such parameter; it has wi"),
    "argument form": (["one.pt", *NET, *DATA, "--arg", "width"], "allowed: NAME=VALUE"),
    "another width": (["one.pt", *NET, *DATA, "--arg", "width=9"], "has shape (8, 2) instead of (9, 2)"),
    "needs arguments": (["one.pt", "--network", "mine:sized", *DATA], "mine:sized: `1.weight`, `1.bias` missing"),
    "dropout": (["one.pt", "--network", "mine:noisy", *DATA], "in eval mode"),
    "counters": (["one.pt", "--network", "mine:memory", *DATA], "a plain attribute"),
    "half": (["one.pt", "--network", "mine:half", *DATA], "torch.bfloat16"),
    "not stored": (["one.pt", "--network", "mine:hidden", *DATA], "persistent=False"),
    "neighbours": (
        ["shifted.pt", "--network", "mine:neighbours", *DATA], "keeps no running statistics"
    ),
    "frozen parts differ": (
        ["scaled.pt", "other.pt", "--network", "mine:Scaled", *DATA],
        "scaled.pt and other.pt: scale is a buffer and differs",
    ),
    "data function": (["one.pt", *NET, "--data", "mine:none"], "has no function `none`"),
    "data fails": (["one.pt", *NET, "--data", "mine:fails"], "RuntimeError: no disk"),
    "data needs": (["one.pt", *NET, "--data", "mine:needs"], "mine:needs needs path"),
    "no data": (["one.pt", *NET, "--data", "mine:nothing"], "it must return a mapping"),
    "one class": (["one.pt", *NET, "--data", "mine:one_class"], "only one class"),
    "regression": (["one.pt", *NET, "--data", "mine:regression"], "not classes"),
    "other inputs": (["one.pt", *NET, "--data", "mine:wide"], "on inputs of shape (5,)"),
    "label": (["one.pt", *NET, "--data", "mine:four_classes"], "a number for each class"),
    "chance": (["one.pt", *NET, "--data", "mine:shuffled"], "the classes' order or the preprocess"),
    "order": (["one.pt", *NET, "--data", "mine:rotated"], "in the order 1,2,0, 100.0% would be"),
    "no folder": (["one.pt", *NET, "--data", "nowhere"], "nowhere/train is no folder"),
    "no moments": ([*PICTURES, "--data", "photos"], "give --mean and --std"),
    "one moment": ([*PICTURES, "--data", "photos", "--mean", "0.5"], "--std: missing"),
    "moments": ([*PICTURES, "--data", "photos", "--mean", "1,2", "--std", "1"], "got 2 numbers"),
    "no number": ([*PICTURES, "--data", "photos", "--mean", "x", "--std", "1"], "--mean: got 'x'"),
    "zero std": ([*PICTURES, "--data", "photos", "--mean", "0", "--std", "0"], "positive numbers"),
    "no test": ([*PICTURES, "--data", "no_test", *MOMENTS], "no_test/test is no folder"),
    "empty class": ([*PICTURES, "--data", "empty", *MOMENTS], "empty/train/red: it holds no images"),
    "test class": ([*PICTURES, "--data", "strange", *MOMENTS], "`purple` is not among the classes"),
    "loose file": ([*PICTURES, "--data", "file", *MOMENTS], "not in the folder of a class"),
    "sizes": ([*PICTURES, "--data", "sizes", *MOMENTS], "give --size"),
    "bitmap": ([*PICTURES, "--data", "bmp", *MOMENTS], "allowed: images as PNG or JPEG"),
    "torn": ([*PICTURES, "--data", "torn", *MOMENTS], "red/00.png"),
    "other size": ([*PICTURES, "--data", "photos", *MOMENTS, "--size", "9"], "(on inputs of shape (3, 9, 9)"),
    "two classes": ([*PICTURES, "--data", "photos", *MOMENTS, "--classes", "red,blue"], "`green` of"),
    "class twice": ([*PICTURES, "--data", "photos", *MOMENTS, "--classes", "a,a"], "named twice"),
    "classes of arrays": (["one.pt", *NET, *DATA, "--classes", "a,b,c"], "only with a folder"),
    "moments of arrays": (["one.pt", *NET, *DATA, *MOMENTS], "are for images of uint8"),
    "weights": ([*PICTURES, "--data", "photos", "--weights", "DEFAULT"], "only with torchvision"),
    "no weights of it": ([*SQUEEZE, "--weights", "V7"], "allowed for squeezenet1_1: IMAGENET1K_V1"),
    "samples": (["one.pt", *NET, *DATA, "--samples", "0"], "--samples: got 0"),
    "budget": (["one.pt", *NET, *DATA, "--budget", "-1"], "--budget: got -1"),
    "pairs": (["one.pt", *NET, *DATA, "--pairs", "some"], "allowed: all, ring, first"),
    "device": (["one.pt", *NET, *DATA, "--device", "tpu"], "allowed: auto, cpu, cuda, mps"),
    "size": (["one.pt", *NET, *DATA, "--at", "load.width=2"], "--at: allowed only with --model"),
    "size form": (["one.pt", *NET, *DATA, "--at", "8"], "--at: got '8'; allowed: PATH=NUMBER"),
    "page": (["one.pt", *NET, *DATA, "--page", "photos"], "is a folder"),
    "page nowhere": (["one.pt", *NET, *DATA, "--page", "no/page.html"], "lies in no folder"),
    "no model": (["one.pt", *NET, *DATA, "--model", "none.json"], "none.json does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_it_is_refused_before_anything_is_measured(
    case: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*args: object, **kwargs: object) -> None:
        raise AssertionError("something was measured")

    monkeypatch.chdir(place)
    monkeypatch.setattr(module, "measure", measured)
    words, said = TABLE[case]
    result = CliRunner().invoke(app, ["diagnose", "run", *words])
    assert isinstance(result.exception, UserError), (result.exception, result.output)
    message = str(result.exception)
    assert said in message, message
    assert result.exception.exit_code == 2
    assert len(message.splitlines()) == 1
    assert not (place / "diagnosis.html").exists()


def test_a_damaged_model(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    words = ["diagnose", "run", "one.pt", *NET, *DATA, "--model", "model.json"]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, UserError)
    assert "--model: model.json: version" in str(result.exception)
