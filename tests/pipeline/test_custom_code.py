"""Custom code: how it is found, checksummed and validated, and the messages about its errors."""

from __future__ import annotations

import functools
import hashlib
import importlib
import logging
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from landscape_catalog.errors import CodeError, ContentMismatchError, SpecError
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.prepare.validate import validate_networks
from landscape_catalog.pipeline.shared.custom_code import (
    code_checksum,
    default_dtype_restored,
    import_custom,
    parameters,
)
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.runner.settings import reproducible
from tests.experiment.conftest import Own, custom_code
from tests.pipeline.own_networks import ONCE

__all__ = ["custom_code"]  # a fixture


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def of_files(**contents: str) -> str:
    """The checksum of a package by hand: for each file its path, a zero byte and its SHA-256."""
    parts = [name.encode() + b"\0" + sha256(contents[name].encode()) for name in sorted(contents)]
    return sha256(b"".join(parts)).hex()


def test_functions_are_found_by_name(custom_code: Own) -> None:
    custom_code.write(
        "found_one", "def f():\n    return 1\nclass C:\n    def g():\n        return 2\n"
    )
    custom_code.write("found_package.__init__", "")
    custom_code.write(
        "found_package.inner.deep", "def h():\n    return 3\n"
    )  # needs no __init__.py
    folder = custom_code.project.custom
    assert import_custom("found_one:f", folder)() == 1
    assert import_custom("found_one:C.g", folder)() == 2
    assert import_custom("found_package.inner.deep:h", folder)() == 3
    allow(custom_code.project, "math")
    assert import_custom("math:hypot", folder)(3, 4) == 5, "what is installed"


def allow(project: Project, *packages: str) -> None:
    """List installed packages in `pyproject.toml`."""
    project.settings.write_text(f"[tool.landscape]\npackages = {list(packages)}\n")


def test_without_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "custom"
    allow(Project(tmp_path), "math")
    assert import_custom("math:hypot", folder)(3, 4) == 5
    assert str(folder) not in sys.path
    with pytest.raises(CodeError, match=r"no_such_thing:f: there is no module `no_such_thing`"):
        import_custom("no_such_thing:f", folder)
    with pytest.raises(CodeError, match=r"no module `no_such_thing`, in custom/ or installed"):
        code_checksum("no_such_thing:f", folder)


def test_the_checksum_of_a_module(custom_code: Own) -> None:
    code = "def f():\n    return 1\n"
    custom_code.write("sum_one", code)
    folder = custom_code.project.custom
    assert code_checksum("sum_one:f", folder) == of_files(**{"sum_one.py": code})
    assert code_checksum("sum_one:other", folder) == code_checksum("sum_one:f", folder)
    custom_code.write("sum_two", code)
    assert code_checksum("sum_two:f", folder) != code_checksum("sum_one:f", folder)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("def f():\r\n    return 1\r\n", True),
        ("def f():\r\n    return 1\n", True),
        ("def f():\n    return 1", False),
        ("def f():\n    return 1 \n", False),
        ("def f():\n\r\n    return 1\n", False),
        ("\ufeffdef f():\n    return 1\n", False),
    ],
)
def test_the_checksum_is_that_of_the_text(other: str, same: bool, custom_code: Own) -> None:
    """Git may rewrite line ends; nothing else is overlooked."""
    folder, code = custom_code.project.custom, "def f():\n    return 1\n"
    for module in ("sum_ends", "sum_ends_package.part"):
        path = custom_code.path(module)
        path.parent.mkdir(exist_ok=True)
        custom_code.written.add(module)
        path.write_bytes(code.encode())
        former = code_checksum(f"{module}:f", folder)
        path.write_bytes(other.encode())
        assert (code_checksum(f"{module}:f", folder) == former) == same
        assert (
            import_custom(f"{module}:f", folder, code=code_checksum(f"{module}:f", folder))() == 1
        )


def test_the_checksum_of_a_package(custom_code: Own) -> None:
    """All source files of the top-level package, whichever module is named, and nothing else."""
    files = {"__init__.py": "", "a.py": "x = 1\n", "inner/__init__.py": "", "inner/b.py": "y = 1\n"}
    for name, text in files.items():
        custom_code.write("sum_package." + name.removesuffix(".py").replace("/", "."), text)
    custom_code.write("sum_neighbour", "z = 1\n")
    folder = custom_code.project.custom
    (folder / "sum_package" / "notes.txt").write_text("no source")
    for name in ("sum_package:f", "sum_package.a:f", "sum_package.inner.b:f"):
        assert code_checksum(name, folder) == of_files(**files)
    for name in files:
        path = folder / "sum_package" / name
        text = path.read_text()
        path.write_text(text + "# other\n")
        assert code_checksum("sum_package.a:f", folder) == of_files(
            **files | {name: text + "# other\n"}
        )
        path.write_text(text)
    assert code_checksum("sum_package.a:f", folder) == of_files(**files)
    (folder / "sum_package" / "inner" / "b.py").rename(folder / "sum_package" / "inner" / "c.py")
    assert code_checksum("sum_package.a:f", folder) != of_files(**files), "names count"


def test_the_checksum_of_a_package_without_init(custom_code: Own) -> None:
    custom_code.write("sum_bare.a", "x = 1\n")
    custom_code.write("sum_bare.b", "y = 1\n")
    found = code_checksum("sum_bare.a:x", custom_code.project.custom)
    assert found == of_files(**{"a.py": "x = 1\n", "b.py": "y = 1\n"})


def test_the_checksum_ignores_bytecode(custom_code: Own) -> None:
    custom_code.write("sum_compiled.__init__", "def f():\n    return 1\n")
    folder = custom_code.project.custom
    before = code_checksum("sum_compiled:f", folder)
    cache = folder / "sum_compiled" / "__pycache__"
    cache.mkdir()
    (cache / "x.cpython-311.pyc").write_bytes(b"compiled")
    assert code_checksum("sum_compiled:f", folder) == before


def test_changed_code_is_reloaded(custom_code: Own) -> None:
    """In one process, as in a notebook; also if only a helper module has changed."""
    folder = custom_code.project.custom
    main, helper = custom_code.path("new_main"), custom_code.path("new_helper")
    custom_code.written |= {"new_main", "new_helper"}
    main.write_text("from new_helper import g\ndef f():\n    return 'a' + g()\n")
    helper.write_text("def g():\n    return 'b'\n")
    first = import_custom("new_main:f", folder)
    assert import_custom("new_main:f", folder) is first, "what has not changed stays"
    assert first() == "ab"
    checksum = code_checksum("new_main:f", folder)
    main.write_text(main.read_text().replace("'a'", "'c'"))  # same length, immediately
    helper.write_text("def g():\n    return 'd'\n")
    assert import_custom("new_main:f", folder)() == "cd"
    assert code_checksum("new_main:f", folder) != checksum
    helper.write_text("def g():\n    return 'e'\n")
    assert import_custom("new_main:f", folder)() == "ce"
    assert not list(folder.rglob("*.pyc"))


def test_a_default_dtype_set_on_import_is_set_in_each_job(custom_code: Own) -> None:
    """Whether its process imported the module in this job, in an earlier one, or as part of another."""
    double = "import torch\ntorch.set_default_dtype(torch.float64)\ndef f(): return torch.ones(1).dtype\n"
    custom_code.write("inner", double)
    custom_code.write("outer", "import torch, inner\ndef f(): return torch.ones(1).dtype\n")
    custom_code.write("plain", "import torch\ndef f(): return torch.ones(1).dtype\n")
    folder = custom_code.project.custom
    for name, dtype in [
        ("outer", torch.float64),
        ("inner", torch.float64),
        ("plain", torch.float32),
    ] * 2:
        with reproducible():
            assert import_custom(f"{name}:f", folder)() == dtype
        with default_dtype_restored():
            import_custom(f"{name}:f", folder)
        assert torch.get_default_dtype() == torch.float32
    custom_code.write("inner", double.replace("float64", "float32"))
    with reproducible():
        assert import_custom("outer:f", folder)() == torch.float32


def test_a_module_of_the_same_name_in_another_project(custom_code: Own, tmp_path: Path) -> None:
    custom_code.write("same_name", "def f():\n    return 1\n")
    other = tmp_path / "other" / "custom"
    other.mkdir(parents=True)
    (other / "same_name.py").write_text("def f():\n    return 2\n")
    here = custom_code.project.custom
    assert [import_custom("same_name:f", folder)() for folder in (here, other, here)] == [1, 2, 1]
    checksums = [code_checksum("same_name:f", folder) for folder in (here, other, here)]
    assert checksums[0] == checksums[2] != checksums[1]
    custom_code.write("only_here", "def f(): ...\n")
    with pytest.raises(CodeError, match="there is no module `only_here`"):
        import_custom("only_here:f", other)


def test_the_folder_precedes_loaded_modules(
    custom_code: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that a notebook has imported from its own folder."""
    (tmp_path / "noted.py").write_text("def f():\n    return 'the notebook'\n")
    monkeypatch.syspath_prepend(tmp_path)
    custom_code.written.add("noted")
    assert importlib.import_module("noted").f() == "the notebook"
    monkeypatch.undo()
    custom_code.path("noted").write_text("def f():\n    return 'mine'\n")
    assert import_custom("noted:f", custom_code.project.custom)() == "mine"


def test_code_that_does_not_match_the_ids_is_refused(custom_code: Own) -> None:
    """For example, if a file is edited while a stage is running."""
    custom_code.write("edited", "def f():\n    return 1\n")
    folder = custom_code.project.custom
    code = code_checksum("edited:f", folder)
    assert import_custom("edited:f", folder, code=code)() == 1
    custom_code.path("edited").write_text("def f():\n    return 2\n")
    with pytest.raises(
        CodeError, match=r"^edited:f: its source has changed since the experiment was read"
    ):
        import_custom("edited:f", folder, code=code)


def test_an_installed_package_that_changes_is_refused(
    custom_code: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site" / "pretend").mkdir(parents=True)
    source = tmp_path / "site" / "pretend" / "__init__.py"
    source.write_text("def f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    custom_code.written.add("pretend")
    allow(custom_code.project, "pretend")
    folder = custom_code.project.custom
    assert import_custom("pretend:f", folder)() == 1
    checksum = code_checksum("pretend:f", folder)
    source.write_text("def f():\n    return 1 + 1\n")
    assert code_checksum("pretend:f", folder) != checksum
    with pytest.raises(CodeError, match="`pretend` has changed since it was imported; restart"):
        import_custom("pretend:f", folder)


class _Called:
    def __call__(self, width: int, depth: int = 2) -> None: ...


class _Made:
    def __init__(self, strength: float, *rest: Any, rate: float = 0.1, **more: Any) -> None: ...


def _network(
    width: int, input_shape: Any, n_outputs: int, depth: int = 2, *, rate: int
) -> None: ...


def _positional(width: int, /, depth: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "given", "names"),
    [
        (_network, ("width", "input_shape", "n_outputs"), {"depth", "rate"}),
        (_network, (), {"width", "input_shape", "n_outputs", "depth", "rate"}),
        (_Made, (), {"strength", "rate"}),
        (_Called(), ("width",), {"depth"}),
        (functools.partial(_network, 1), ("input_shape", "n_outputs"), {"depth", "rate"}),
        (_positional, (), {"depth"}),
        (lambda: None, (), set()),
        (dict, (), set()),  # no signature
    ],
)
def test_parameters(function: Callable[..., Any], given: tuple[str, ...], names: set[str]) -> None:
    assert parameters(function, given=given) == names


PARAMS = """\
dataset: {{name: {dataset}, test_samples: 100, task: {task}}}
model: {{name: {model}}}
load: {{width: [4], samples: 64{load}}}
temperature: {{batch_size: 16}}
train: {{seeds: 2}}
measure:
  hessian: {{samples: 16}}
  connectivity: {{batch_size: 16}}
  similarity: {similarity}
classify: {{}}
report: {{}}
variants: {{}}
"""
GOOD_NETWORK = """\
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, width, n_outputs):
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Tanh())
            self.head = nn.Linear(width, n_outputs)

        def forward(self, x):
            return self.head(self.body(x))

    def network(width, input_shape, n_outputs):
        return Net(width, n_outputs)
    """
GOOD_TASK = """\
    import torch
    from torch.nn import functional as F
    from landscape_catalog.tasks import Samples, Task, perturbed_inputs

    class Mine(Task):
        def __init__(self, strength=1.0):
            self.strength = strength

        def outputs(self, network, samples, dtype):
            return network(samples.inputs.to(dtype) / 16)

        def losses(self, outputs, samples, *, label_smoothing=0.0):
            wanted = F.one_hot(samples.targets, 10).to(outputs.dtype)
            return self.strength * (outputs - wanted).square().sum(1)

        def errors(self, outputs, samples):
            return outputs.argmax(1) != samples.targets

        def features(self, outputs, samples):
            return outputs

        def perturb(self, samples, perturbation, *, seed):
            return perturbed_inputs(samples, perturbation, seed=seed)
    """


def prepare(
    own: Own,
    *,
    dataset: str = "digits",
    model: str = "own_network:network",
    task: str = "auto",
    load: str = "",
    similarity: str = "{}",
) -> None:
    """`landscape prepare` on 64 digits."""
    text = PARAMS.format(dataset=dataset, model=model, task=task, load=load, similarity=similarity)
    own.project.params.write_text(text)
    run_prepare(own.project.root)


def changed(code: str, *changes: tuple[str, str]) -> str:
    """Good code with a part of it replaced."""
    for old, new in changes:
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    return textwrap.dedent(code)


def test_good_code_passes(custom_code: Own, caplog: pytest.LogCaptureFixture) -> None:
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    custom_code.write("custom_task", textwrap.dedent(GOOD_TASK))
    with caplog.at_level(logging.INFO):
        prepare(
            custom_code,
            task="custom_task:Mine",
            load=", extra: {strength: [1.0, 2.0]}",
            similarity="[{}, {name: inner, layer: body}, {name: noise, perturbation: pixel_noise}]",
        )
    assert "1 prepared" in caplog.text
    validate_networks(open_workspace(custom_code.project.root))


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        ("import helper", {"helper"}),
        ("import helper.part as p", {"helper"}),
        ("from helper import part", {"helper"}),
        ("def later():\n    from helper.part import x", {"helper"}),
        ("import helper, other", {"helper", "other"}),
        ("import json, torch", set()),
        ("import own_network", set()),
    ],
)
def test_imported_modules_that_no_id_depends_on(
    line: str, warned: set[str], custom_code: Own, caplog: pytest.LogCaptureFixture
) -> None:
    custom_code.write("helper.part", "x = 1\n")
    custom_code.write("other", "x = 1\n")
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK) + f"\n{line}\n")
    prepare(custom_code)
    found = [record.args for record in caplog.records if "part of no id" in record.message]
    assert found == [("own_network", name) for name in sorted(warned)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [("return Net(width, n_outputs)", "raise ValueError('too wide')")],
            "own_network:network: network failed: ValueError: too wide",
        ),
        (
            [("return Net(width, n_outputs)", "pass")],
            "own_network:network: network must return a torch.nn.Module with trainable parameters; "
            "it returned None",
        ),
        (
            [("return Net(width, n_outputs)", "return Net")],
            "own_network:network: network must return a torch.nn.Module with trainable parameters; "
            "it returned the class Net, not an instance of it",
        ),
        (
            [("return Net(width, n_outputs)", "return nn.Tanh()")],
            "own_network:network: network must return a torch.nn.Module with trainable parameters; "
            "it returned a Tanh without any",
        ),
        (
            [("return Net(width, n_outputs)", "raise SystemExit(0)")],
            "own_network:network: network failed: SystemExit: 0",
        ),
        (
            [("return self.head(self.body(x))", "raise SystemExit(0)")],
            "own_network:network: failed: SystemExit: 0",
        ),
        (
            [("input_shape, n_outputs):", "input_shape, n_outputs, depth):")],
            "own_network:network: network failed: TypeError: network() missing 1 required "
            "positional argument: 'depth'",
        ),
        (
            [("nn.Linear(64, width)", "nn.Linear(65, width)")],
            "own_network:network: failed: RuntimeError: mat1 and mat2 shapes cannot be multiplied "
            "(3x64 and 65x4)",
        ),
        (
            [("return self.head(self.body(x))", "return self.body(x), 1")],
            "own_network:network returned tuple, not a tensor",
        ),
        (
            [("return self.head(self.body(x))", "return self.body(x)")],
            "own_network:network returned an output of shape (3, 4) for 3 samples; "
            "it must be (3, 10): a number for each class",
        ),
        (
            [("return self.head(self.body(x))", "return self.head(self.body(x)).sum(0)")],
            "own_network:network returned an output of shape (10,) for 3 samples; "
            "it must be (3, 10): a number for each class",
        ),
        (
            [("return self.head(self.body(x))", "return self.head(self.body(x)).detach()")],
            "own_network:network: its loss does not depend on the network's parameters",
        ),
        (
            [("return self.head(self.body(x))", "return x.flatten(1)[:, :10]")],
            "own_network:network: its loss does not depend on the network's parameters",
        ),
        (
            [("super().__init__()", "super().__init__(); self.idle = nn.Linear(2, 2)")],
            "own_network:network: its loss does not depend on `idle.weight`, `idle.bias`; "
            "remove parameters that have no effect, or set their requires_grad to False",
        ),
        (
            [
                (
                    "super().__init__()",
                    "super().__init__(); self.idle = nn.Sequential(*[nn.PReLU() for _ in range(9)])",
                )
            ],
            "own_network:network: its loss does not depend on `idle.0.weight`, "
            "`idle.1.weight`, `idle.2.weight`, `idle.3.weight`, `idle.4.weight` and 4 more; "
            "remove parameters that have no effect, or set their requires_grad to False",
        ),
    ],
)
def test_an_invalid_network_is_refused(
    changes: list[tuple[str, str]], message: str, custom_code: Own
) -> None:
    custom_code.write("own_network", changed(GOOD_NETWORK, *changes))
    with pytest.raises(CodeError) as caught:
        prepare(custom_code)
    assert caught.value.exit_code == 2
    assert str(caught.value) == message


def test_frozen_parameters_are_allowed(custom_code: Own) -> None:
    idle = "super().__init__(); self.idle = nn.Parameter(torch.ones(2), requires_grad=False)"
    custom_code.write("own_network", changed(GOOD_NETWORK, ("super().__init__()", idle)))
    prepare(custom_code)


def test_a_network_without_a_second_derivative(custom_code: Own) -> None:
    once = ("return self.head(self.body(x))", "return Once.apply(self.head(self.body(x)))")
    custom_code.write("own_network", changed(GOOD_NETWORK, once) + ONCE)
    with pytest.raises(CodeError) as caught:
        prepare(custom_code)
    assert str(caught.value).startswith(
        "own_network:network: its second derivative, which the Hessian needs, failed: ValueError: "
        "a function of the network or the task has no second derivative"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [("self.strength = strength", "raise KeyError(strength)")],
            "custom_task:Mine failed: KeyError: 1.0",
        ),
        (
            [("self.strength = strength", "raise SystemExit(0)")],
            "custom_task:Mine failed: SystemExit: 0",
        ),
        (
            [("self.strength = strength", "self.connectivity_by = 'accuracy'")],
            "custom_task:Mine: its connectivity_by is 'accuracy'; it must be error or loss",
        ),
        (
            [("self.strength = strength", "self.error_scale = 'x'")],
            "custom_task:Mine: its error_scale is 'x'; it must be a number",
        ),
        (
            [("self.strength = strength", "self.evaluation_batch = 0")],
            "custom_task:Mine: its evaluation_batch is 0; it must be a whole number of at least 1",
        ),
        (
            [
                (
                    "return perturbed_inputs(samples, perturbation, seed=seed)",
                    "return samples[:2]",
                )
            ],
            "custom_task:Mine: its perturbation by mixup returned 2 samples instead of 3",
        ),
        (
            [("class Mine(Task)", "class Mine")],
            "custom_task:Mine returned Mine; it must return a landscape_catalog.tasks.Task",
        ),
        (
            [("def features(self", "def other(self")],
            "custom_task:Mine failed: TypeError: Can't instantiate abstract class Mine",
        ),
        (
            [("return network(", "return network(1, ")],
            "custom_task:Mine on own_network:network: failed: TypeError: ",
        ),
        (
            [("return network(", "return 5 or network(")],
            "custom_task:Mine on own_network:network returned int, not a tensor",
        ),
        (
            [("return self.strength *", "return self.weakness *")],
            "custom_task:Mine: its loss failed: AttributeError: 'Mine' object has no attribute "
            "'weakness'",
        ),
        (
            [(".square().sum(1)", ".square().sum()")],
            "custom_task:Mine: its losses are not one number per sample",
        ),
        (
            [(".square().sum(1)", ".square().sum(1).detach()")],
            "custom_task:Mine: its loss does not depend on the network's parameters",
        ),
        (
            [(".square().sum(1)", ".square().sum(1) * float('nan')")],
            "custom_task:Mine: before training its losses are NaN for all",
        ),
        (
            [("return outputs.argmax(1) != samples.targets", "return 0.5")],
            "custom_task:Mine: its errors are not one number per sample",
        ),
        (
            [("return outputs.argmax(1) != samples.targets", "return samples.labels")],
            "custom_task:Mine: its errors failed: AttributeError: ",
        ),
        (
            [("return outputs\n", "return outputs[0]\n")],
            "custom_task:Mine: its features of 3 samples have shape (10,); there must be one row "
            "per sample",
        ),
        (
            [("return outputs\n", "return outputs.shape\n")],
            "custom_task:Mine: its features failed: TypeError: ",
        ),
        (
            [
                (
                    "return perturbed_inputs(samples, perturbation, seed=seed)",
                    "return samples.inputs",
                )
            ],
            "custom_task:Mine: its perturbation by mixup is Tensor, not Samples",
        ),
        (
            [("return perturbed_inputs(samples, perturbation, seed=seed)", "raise OSError('no')")],
            "custom_task:Mine: its perturbation by mixup failed: OSError: no",
        ),
    ],
)
def test_an_invalid_task_is_refused(
    changes: list[tuple[str, str]], message: str, custom_code: Own
) -> None:
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    custom_code.write("custom_task", changed(GOOD_TASK, *changes))
    with pytest.raises(CodeError) as caught:
        prepare(custom_code, task="custom_task:Mine")
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(message)


def test_a_custom_task_on_a_built_in_network(custom_code: Own) -> None:
    broken = changed(GOOD_TASK, ("return network(", "return network(None, "))
    custom_code.write("custom_task", broken)
    with pytest.raises(CodeError, match=r"^custom_task:Mine: failed: TypeError: "):
        prepare(custom_code, model="resnet18", task="custom_task:Mine")


@pytest.mark.parametrize(
    ("layer", "given", "allowed"),
    [
        ("layer9", "'layer9'", "null, body, body.0, body.1, body.2, head"),
        ("body.9", "'body.9'", "null, body, body.0, body.1, body.2, head"),
    ],
)
def test_an_unknown_layer_is_refused(
    layer: str, given: str, allowed: str, custom_code: Own
) -> None:
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    with pytest.raises(SpecError) as caught:
        prepare(custom_code, similarity=f"[{{layer: head}}, {{name: b, layer: {layer}}}]")
    (problem,) = caught.value.problems
    assert problem.path == "measure.similarity.layer"
    assert (problem.given, problem.allowed) == (given, allowed)


def test_a_layer_of_a_built_in_network(custom_code: Own) -> None:
    prepare(custom_code, model="resnet18", similarity="{layer: layer3}")
    before = set(custom_code.project.prepared.iterdir())
    noisy = ", label_noise: 0.5"
    with pytest.raises(SpecError) as caught:
        prepare(custom_code, model="resnet18", similarity="{layer: layer5}", load=noisy)
    (problem,) = caught.value.problems
    assert problem.given == "'layer5'"
    assert " layer3, " in problem.allowed
    assert before < set(custom_code.project.prepared.iterdir()), (
        "nothing is removed by what is refused"
    )
    prepare(custom_code, model="resnet18", similarity="{layer: layer3}", load=noisy)
    assert not before & set(custom_code.project.prepared.iterdir())


def test_a_layer_that_does_not_output_a_tensor(custom_code: Own) -> None:
    pair = ("return self.head(self.body(x))", "return self.pair(self.body(x))[0]")
    made = (
        "self.head = nn.Linear(width, n_outputs)",
        "self.head = nn.Linear(width, n_outputs); self.pair = Pair(self.head)",
    )
    code = (
        "class Pair(nn.Module):\n"
        "    def __init__(self, head):\n"
        "        super().__init__()\n"
        "        self.head = head\n"
        "    def forward(self, x):\n"
        "        return self.head(x), 1\n"
    )
    custom_code.write("own_network", changed(GOOD_NETWORK, pair, made) + code)
    with pytest.raises(SpecError) as caught:
        prepare(custom_code, similarity="[{}, {name: inner, layer: pair}]")
    (problem,) = caught.value.problems
    assert problem.given == "'pair'"
    assert problem.allowed == (
        "null, or a layer that can be compared: the output of module `pair` is not a tensor"
    )


DATA = """\
    import numpy as np

    def data(count=300, classes=10):
        labels = np.arange(count) % classes
        return {"inputs": np.zeros((count, 1, 8, 8), np.uint8) + 20, "targets": labels}

    data.version = "1"
    """


def test_a_dataset_function(custom_code: Own) -> None:
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    custom_code.write("own_data", textwrap.dedent(DATA))
    prepare(custom_code, dataset='"own_data:data"', load=", extra: {count: [300, 200]}")
    assert len(list(custom_code.project.prepared.iterdir())) == 2


def test_a_dataset_function_without_a_seed(custom_code: Own) -> None:
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    calls = ("import numpy as np", "import numpy as np; CALLS = []")
    anew = ("+ 20", "+ np.uint8(CALLS.append(1) or len(CALLS))")
    custom_code.write("own_data", changed(DATA, calls, anew))
    prepare(custom_code, dataset='"own_data:data"')
    shutil.rmtree(custom_code.project.prepared)
    message = "own_data:data returned different data than before although neither its code .*: seed"
    with pytest.raises(ContentMismatchError, match=message):
        prepare(custom_code, dataset='"own_data:data"')


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [("data.version", "data.verse")],
            "own_data:data: declare the files that it reads, `data.files = ",
        ),
        ([("data.version = ", "data.files = ")], "own_data:data: it declares the file 1, but "),
        ([("return {", "return 5 or {")], "own_data:data returned int; it must return a mapping "),
        ([('"targets"', '"labels"')], "own_data:data returned keys ['inputs', 'labels']; it must "),
        ([("labels = ", "labels = 1 / 0 + ")], "own_data:data failed: ZeroDivisionError: "),
    ],
)
def test_an_invalid_dataset_function_is_refused(
    changes: list[tuple[str, str]], message: str, custom_code: Own
) -> None:
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    custom_code.write("own_data", changed(DATA, *changes))
    with pytest.raises(CodeError) as caught:
        prepare(custom_code, dataset='"own_data:data"')
    assert str(caught.value).startswith(message)
