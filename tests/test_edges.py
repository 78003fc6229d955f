"""Own code that raises in odd places, leftovers of killed stages, and what stages say they did."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from landscape_catalog.datasets.custom import custom_pool, declared_version
from landscape_catalog.errors import CodeError, DataError, described, own_code, shown
from landscape_catalog.metrics.custom.compute import checked_values
from landscape_catalog.metrics.custom.spec import CustomSettings
from landscape_catalog.models import build as models
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.measure import stage as measure
from landscape_catalog.pipeline.shared.custom_code import import_custom
from landscape_catalog.pipeline.shared.loading import custom_task
from landscape_catalog.pipeline.shared.workspace import one_stage
from landscape_catalog.runner.jobs import Job, _failure
from landscape_catalog.runner.timings import Work
from landscape_catalog.store.files import remove_temporary


class Hostile:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} for you")

    def __repr__(self) -> str:
        raise RuntimeError("no repr for you")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison for you")

    __hash__ = object.__hash__


class WordlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words for you")


class Keys(Mapping[str, Any]):
    """A mapping that raises when it is read."""

    def __getitem__(self, name: str) -> Any:
        raise RuntimeError("no value for you")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys for you")

    def __len__(self) -> int:
        return 1


class Parameterless(nn.Module):
    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        raise RuntimeError("no parameters for you")


class NoClass:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class for you")

    @__class__.setter
    def __class__(self, value: Any) -> None: ...


def test_what_messages_show_of_hostile_objects() -> None:
    assert shown(Hostile()) == "a value of type Hostile"
    assert described(WordlessError()) == "WordlessError"
    assert described(ValueError("no")) == "ValueError: no"
    assert len(described(ValueError("x" * 10**6))) < 2100
    failure = _failure(Job("job", None, Work("train", "resnet18", 1, 1, 1, 0)), WordlessError())
    assert failure.reason == "WordlessError"
    assert "WordlessError" in failure.details


def test_errors_of_the_project_pass_through_own_code() -> None:
    with pytest.raises(DataError, match="as it is"), own_code("mine:f"):
        raise DataError("as it is")
    with pytest.raises(KeyboardInterrupt), own_code("mine:f"):
        raise KeyboardInterrupt


SETTINGS = CustomSettings(name="mine", scope="run", function="mine:f")


def task_of(made: Any, tmp_path: Path) -> None:
    (tmp_path / "hostile_task.py").write_text("def make(what):\n    return what\n")
    custom_task("hostile_task:make", {"what": made}, tmp_path)


def looked_up(source: str) -> Callable[[Path], Any]:
    def look(tmp_path: Path) -> Any:
        (tmp_path / "hostile_module.py").write_text(source)
        return import_custom("hostile_module:thing.made", tmp_path)

    return look


def network(made: Any) -> None:
    models.build(lambda *sizes: made, width=1, input_shape=(1, 2, 2), n_outputs=2)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda _: declared_version("mine:f", Hostile(), Path()), "no files for you"),
        (lambda _: custom_pool("mine:f", Keys, {}), "no keys for you"),
        (lambda _: custom_pool("mine:f", lambda: NoClass(), {}), "no class for you"),
        (
            lambda _: custom_pool("mine:f", lambda: {"inputs": Hostile(), "targets": [0]}, {}),
            "inpu",
        ),
        (lambda _: checked_values(SETTINGS, {"a": Hostile()}), "measure.custom: mine:f"),
        (lambda path: task_of(NoClass(), path), "no class for you"),
        (lambda path: task_of(Hostile(), path), "must return a landscape_catalog.tasks.Task"),
        (
            looked_up(
                "class T:\n    def __getattr__(self, n):\n        raise OSError('no')\nthing=T()"
            ),
            "looking up `thing.made` failed: OSError: no",
        ),
        (looked_up("raise SystemExit('leave')"), "importing it failed: SystemExit: leave"),
        (looked_up("class E(Exception):\n    __str__ = None\nraise E"), "importing it failed: E"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_own_code_that_raises_in_odd_places(
    use: Callable[[Path], Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(CodeError, match=re.escape(words)):
        use(tmp_path)


@pytest.mark.parametrize("kind", [Parameterless, NoClass, Hostile])
def test_networks_that_raise_in_odd_places(kind: Callable[[], Any]) -> None:
    with pytest.raises(models.ModelError):
        network(kind())


def test_leftovers_of_killed_stages(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project, store = Project(tmp_path / "grid"), tmp_path / "store"
    shared = SimpleNamespace(shared=store / "runs"), SimpleNamespace(shared=store / "measurements")
    workspace: Any = SimpleNamespace(
        project=project, store=store, runs=shared[0], measurements=shared[1]
    )
    data, reports = project.prepared.parent, project.report.parent
    old = [data / ".tmp-1.duckdb", data / "runs" / ".tmp-2", project.plots / ".tmp-3"]
    young = [store / "runs" / ".tmp-4", reports / ".tmp-5"]  # perhaps another process writes them
    kept = [data / "runs" / "abc", data / "catalog.duckdb", store / "runs" / "abc", tmp_path / "x"]
    for path in [*old, *young, *kept]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    (data / "prepared" / ".tmp-6").mkdir(parents=True)
    (data / "prepared" / ".tmp-6" / "arrays").write_text("half")
    with caplog.at_level(logging.INFO), one_stage(workspace):
        assert not any(path.exists() for path in [*old, data / "prepared" / ".tmp-6"])
        assert all(path.exists() for path in [*young, *kept])
    assert "4 half-written files of an interrupted stage removed" in caplog.text
    os.utime(young[0], (0, 0))
    assert remove_temporary(young[0].parent, seconds=3600) == 1
    assert remove_temporary(tmp_path / "absent") == 0


@pytest.mark.parametrize(
    ("needed", "made", "missing", "words"),
    [
        ("abc", "", "", "3 measurements, 3 already there, 0 made, 0 removed"),
        ("abc", "ab", "c", "3 measurements, 0 already there, 2 made, 1 failed, 0 removed"),
        ("aabbc", "a", "b", "3 measurements, 1 already there, 1 made, 1 failed, 0 removed"),
        ("aaa", "", "a", "1 measurements, 0 already there, 0 made, 1 failed, 0 removed"),
    ],
)
def test_measurements_are_counted_once(
    needed: str,
    made: str,
    missing: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Probes may share measurements; those that failed are not "already there"."""
    specs = [SimpleNamespace(measurement_id=name) for name in needed]
    workspace = SimpleNamespace(
        project=SimpleNamespace(measurements=tmp_path),
        execution=None,
        measurements=SimpleNamespace(prune=lambda keys: 0),
    )
    monkeypatch.setattr(measure, "open_workspace", lambda root: workspace)
    monkeypatch.setattr(measure, "one_stage", lambda workspace: nullcontext())
    monkeypatch.setattr(measure, "chosen_executor", lambda execution: nullcontext())
    monkeypatch.setattr(measure, "raise_failures", lambda *_: None)
    found = (specs, set(made), set(missing), [])
    monkeypatch.setattr(measure, "measure_missing", lambda workspace, executor: found)
    with caplog.at_level(logging.INFO):
        measure.run_measure(Path())
    assert f"measure: {words}" in caplog.text
