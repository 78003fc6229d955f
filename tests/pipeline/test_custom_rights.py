"""`params.yaml` alone runs no code outside `custom/`; installed packages have to be allowed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from landscape_catalog.commands.plan import describe_plan
from landscape_catalog.errors import CodeError, SpecError, UserError
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.custom_code import code_checksum, import_custom
from landscape_catalog.pipeline.shared.project_settings import ProjectSettings, read_settings
from landscape_catalog.pipeline.shared.workspace import open_workspace
from tests.experiment.conftest import Own, custom_code
from tests.pipeline.test_custom_code import GOOD_NETWORK, PARAMS, allow

__all__ = ["custom_code"]  # a fixture

OWN = """\
    import functools
    import os
    import os.path as places
    import subprocess
    from functools import partial
    from os import system as run
    from subprocess import getoutput

    class Base:
        def method(self): ...
        called = getoutput

    class Inner(Base): ...

    def f(): ...

    @functools.wraps(f)
    def wrapped(): ...

    cached = functools.lru_cache(f)
    made = partial(f)
    library = os
    instance = Inner()
    lock = __import__("threading").Lock()
    finder = __import__("re").compile("x")
    """


@pytest.mark.parametrize("path", ["f", "wrapped", "cached", "made", "Inner", "Inner.method"])
def test_what_a_custom_module_defines(path: str, custom_code: Own) -> None:
    custom_code.write("owned", textwrap.dedent(OWN))
    assert callable(import_custom(f"owned:{path}", custom_code.project.custom))


@pytest.mark.parametrize(
    "path",
    [
        "getoutput",
        "subprocess.getoutput",
        "os.system",
        "run",
        "library.system",
        "places.exists",
        "partial",
        "Base.called",
        "functools.partial",
        "lock.acquire",
        "finder.match",
        "instance.__class__.__init_subclass__",
    ],
)
def test_what_a_custom_module_only_imports(path: str, custom_code: Own) -> None:
    custom_code.write("owned", textwrap.dedent(OWN))
    with pytest.raises(CodeError, match=r"^owned:.*, not in custom/; define a function there"):
        import_custom(f"owned:{path}", custom_code.project.custom)


@pytest.mark.parametrize(
    "name",
    [
        "subprocess:getoutput",
        "os:system",
        "builtins:exec",
        "torch.hub:load",
        "importlib:import_module",
        "landscape_catalog.cli:main",
        "antigravity:webbrowser.open",
    ],
)
@pytest.mark.parametrize("place", ["model", "task", "dataset"])
def test_code_elsewhere_is_not_even_imported(name: str, place: str, custom_code: Own) -> None:
    names = {"dataset": "digits", "model": "resnet18", "task": "auto"} | {place: f'"{name}"'}
    text = PARAMS.format(load=', extra: {cmd: "touch was_here"}', similarity="{}", **names)
    custom_code.project.params.write_text(text)
    before = set(sys.modules)
    with pytest.raises(CodeError, match=r"is not in custom/.*packages = \[") as error:
        describe_plan(custom_code.project.root)
    assert str(error.value).startswith(f"{name}: ")
    assert error.value.exit_code == 2
    assert not {"antigravity", "torch.hub"} & (set(sys.modules) - before)


def test_a_metric_elsewhere(custom_code: Own) -> None:
    text = PARAMS.format(dataset="digits", model="resnet18", task="auto", load="", similarity="{}")
    metric = "measure:\n  custom: [{name: a, scope: run, function: 'os:system'}]"
    custom_code.project.params.write_text(text.replace("measure:", metric))
    with pytest.raises(CodeError, match=r"^measure.custom: os:system: `os` is not in custom/"):
        describe_plan(custom_code.project.root)


def test_a_listed_package(
    custom_code: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "listed" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text(textwrap.dedent(GOOD_NETWORK) + "\nfrom os import system\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    custom_code.written.add("listed")
    project = custom_code.project
    with pytest.raises(CodeError, match="`listed` is not in custom/") as error:
        import_custom("listed:network", project.custom)
    assert "listed" not in sys.modules
    project.settings.write_text(
        str(error.value).partition("pyproject.toml: ")[2].replace("] p", "]\np")
    )
    assert callable(import_custom("listed:network", project.custom))
    with pytest.raises(CodeError, match="`system` is defined in `posix`"):
        import_custom("listed:system", project.custom)
    code = code_checksum("listed:network", project.custom)
    project.settings.unlink()
    assert callable(import_custom("listed:network", project.custom, code=code)), "on a worker"
    allow(project, "other")
    with pytest.raises(CodeError, match="`listed` is not in custom/"):
        import_custom("listed:network", project.custom)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.landscape]\npackages = 'timm'", "got an invalid `packages`; allowed: packages, a list"),
        ("[tool.landscape]\npackages = [1]", "got an invalid `packages`; allowed: "),
        ("[tool.landscape]\npackages = ['timm>=1']", "got an invalid `packages`; allowed: "),
        ("[tool.landscape]\npackages = ['timm.models']", "got an invalid `packages`; allowed: "),
        ("[tool.landscape]\npackage = ['timm']", "got an invalid `package`; allowed: "),
        ("[tool.landscape]\nschedulers = {a = 1}", "got an invalid `schedulers`; allowed: "),
        ("[tool]\nlandscape = 3", "got no table; allowed: "),
        ("[tool.landscape", "pyproject.toml cannot be read: "),
        (b"\xff", "pyproject.toml cannot be read: "),
    ],
)  # fmt: skip
def test_invalid_settings(text: str | bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=said):
        read_settings(path)


@pytest.mark.parametrize("text", ["", "tool = 3", "[tool.ruff]\nx = 1", "[tool.landscape]"])
def test_a_file_without_settings(text: str, tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    assert read_settings(path) == ProjectSettings()
    path.write_text(text)
    assert read_settings(path) == ProjectSettings()


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("tcp://127.0.0.1:8786", True),
        ("tcp://localhost:8786", True),
        ("tls://[::1]:8786", True),
        ("tls://known:8786", True),
        ("scheduler.json", True),
        ("tls://known:8787", False),
        ("tcp://known:8786", False),
        ("tcp://elsewhere.example:8786", False),
        ("tcp://127.0.0.1@elsewhere.example:8786", False),
        ("ws://127.0.0.1.example:1", False),
        ("inproc://1.2.3.4/5/6", False),
        ("tcp://", False),
        ("tcp://[", False),
    ],
)
def test_a_scheduler_on_another_machine(address: str, is_allowed: bool, tmp_path: Path) -> None:
    """Whoever runs a scheduler can run code in the process that connects to it."""
    text = PARAMS.format(dataset="digits", model="resnet18", task="auto", load="", similarity="{}")
    project = Project(tmp_path)
    project.params.write_text(f"{text}execution: {{engine: dask, scheduler: '{address}'}}\n")
    project.settings.write_text("[tool.landscape]\nschedulers = ['tls://known:8786']\n")
    if is_allowed:
        found = open_workspace(tmp_path).execution.scheduler
        assert found == (address if "://" in address else str(tmp_path / address))
        return
    with pytest.raises(SpecError) as error:
        open_workspace(tmp_path)
    assert f"execution.scheduler: got {address!r}; allowed: " in str(error.value)
    assert "schedulers = [" in str(error.value)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("json.py", "Python"),
        ("wave/__init__.py", "Python"),
        ("sys.py", "Python"),
        ("numpy.py", "an installed package"),
        ("scipy/tools.py", "an installed package"),
        ("torch.cpython-311-x86_64-linux-gnu.so", "an installed package"),
        ("pandas_is_not_installed.py", None),
        ("landscape_catalog.py", "an installed package"),
        ("numpy.txt", None),
        ("notes/numpy.py", None),
        ("scipy/tools.txt", None),
        ("__init__.py", None),
    ],
)
def test_a_name_that_is_taken(file: str, kind: str | None, custom_code: Own) -> None:
    folder = custom_code.project.custom
    custom_code.write("mine_alone", "def f(): ...\n")
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("")
    if kind is None or (file.endswith(".so") and sys.implementation.cache_tag != "cpython-311"):
        assert callable(import_custom("mine_alone:f", folder))
        return
    top = file.partition("/")[0].partition(".")[0]
    with pytest.raises(CodeError, match=rf"^custom/{top}.*: `{top}` is the name .* of {kind}"):
        import_custom("mine_alone:f", folder)
    assert str(folder) not in sys.path


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)  # the path of a socket must be short
        server.bind(path.name)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "it is a named pipe"),
        (a_socket, "it is a socket"),
        (Path.mkdir, "it is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "it is a device"),
        (
            lambda path: path.symlink_to("/proc/self/environ"),
            "it is a file of the operating system",
        ),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("user@host.1234"), None),  # a lock of an editor
    ],
    ids=["pipe", "socket", "folder", "device", "kernel", "loop", "dangling"],
)
@pytest.mark.parametrize("place", ["x.py", "package/inner/x.py"])
def test_what_is_named_like_source_and_is_no_file(
    place: str,
    make: Callable[[Path], object],
    what: str | None,
    custom_code: Own,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(custom_code.project.root)
    folder = custom_code.project.custom
    custom_code.write("mine_alone", "def f(): ...\n")
    custom_code.write("package.__init__", "def f(): ...\n")
    before = code_checksum("package:f", folder)
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    make(folder / place)
    for name in ("mine_alone:f", "package:f"):
        if what is None:
            assert callable(import_custom(name, folder))
            continue
        with pytest.raises(CodeError, match=rf"^custom/{place}: {what}.*; rename or remove it$"):
            import_custom(name, folder)
    if what is None:
        assert code_checksum("package:f", folder) == before


def test_a_plain_folder_of_the_same_name_is_no_module(
    custom_code: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders beside `custom/` can be imported where Python starts, as namespace packages."""
    (custom_code.project.root / "data").mkdir()
    monkeypatch.chdir(custom_code.project.root)
    monkeypatch.syspath_prepend("")
    custom_code.write("data", "def f(): ...\n")
    assert callable(import_custom("data:f", custom_code.project.custom))


def test_reading_imports_no_custom_code(finished: tuple[Path, Path], tmp_path: Path) -> None:
    """`sql`, `phases` and `report` answer from the catalog, whatever params.yaml names by now."""
    folder, _ = finished
    params = folder.joinpath("params.yaml").read_text().replace("name: resnet18", "name: own:f")
    code = """\
import sys
from pathlib import Path
from landscape_catalog.cli import app
from typer.testing import CliRunner
for words in (["sql", "FROM cells"], ["phases"], ["report"]):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (words, done.output, done.exception)
assert "own" not in sys.modules
"""
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "params.yaml").write_text(params)
    (copy / "custom" / "own.py").write_text("raise SystemExit('imported')\n")
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
