"""Custom metrics from params.yaml to the report, and the messages about invalid ones."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import vl_convert
from ruamel.yaml import YAML

from landscape_catalog.catalog import read_tables
from landscape_catalog.errors import CodeError, JobsFailedError, LandscapeError, SpecError
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.aggregate import gather
from landscape_catalog.pipeline.shared.custom_metrics import isolated
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.reports.charts import maps
from landscape_catalog.reports.page import figures
from tests.catalog.asking import ask
from tests.conftest import ROOT
from tests.experiment.conftest import Own, custom_code
from tests.stages import counts, run_ids, run_stages, uses_store, write_project

__all__ = ["custom_code"]  # a fixture

# torch itself still scripts functions when the first forward-mode derivative is taken.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")

# Half of the cells diverge.
PARAMS = """\
dataset: {{name: digits, test_samples: 60}}
model: {{name: resnet18}}
load: {{width: [2, 4], samples: 96}}
temperature: {{batch_size: 16, lr: [0.02, 1.0e+6]}}
train: {{epochs: 4, seeds: 2}}
measure:
  hessian: {{samples: 16, max_iterations: 2}}
  connectivity: {{epochs: 1, batch_size: 32}}
  similarity: {{samples: 32}}
  custom: {custom}
classify: {{}}
report: {{panels: {panels}}}
execution: {{device: cpu, engine: serial}}
variants: {{}}
"""
ODD = """\
    import math
    import torch
    from landscape_catalog.metrics.estimate import Estimate

    def wreck(network, data, task, *, seed):
        \"\"\"Overwrites all its arguments and changes global settings.\"\"\"
        with torch.no_grad():
            size = sum(p.square().sum() for p in network.parameters())
            for tensor in [*network.state_dict().values(), data.train.inputs, data.test.targets]:
                tensor.zero_()
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.manual_seed(0)
        return {"size": size}

    def partly(network, data, task, *, seed):
        \"\"\"Values that are missing, not converged or not returned, depending on the width.\"\"\"
        if next(network.parameters()).shape[0] == 2:
            return {"a": Estimate(1.5, 0.5, "bound", 3, "steps", "m", converged=False), "b": math.nan}
        return {"a": Estimate(math.inf, 1.0)}
    """
WRECK = "{name: wreck, scope: run, function: 'odd:wreck'}"
PARTLY = "{name: partly, scope: run, function: 'odd:partly'}"
SHARPNESS = "{name: sharpness, scope: run, function: 'sharpness:loss_increase', args: {draws: 3}}"
ENSEMBLE = "{name: ensemble, scope: pair, function: 'ensemble:gain'}"
CUSTOM = f"[{WRECK}, {PARTLY}, {SHARPNESS}, {ENSEMBLE}]"
PANELS = "[custom.sharpness.increase, cka, custom.ensemble.loss, custom.partly.a]"


def project(folder: Path, custom: str = CUSTOM, panels: str = PANELS) -> Path:
    """A project with the repository's examples and the odd metrics in `custom/`."""
    write_project(folder, PARAMS.format(custom=custom, panels=panels))
    (folder / "custom").mkdir()
    for name in ("sharpness", "ensemble"):
        shutil.copy(ROOT / "custom" / f"{name}.py", folder / "custom")
    (folder / "custom" / "odd.py").write_text(textwrap.dedent(ODD))
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A project after all five stages, and its run store."""
    base = tmp_path_factory.mktemp("custom metrics")
    folder, store = project(base / "grid"), base / "store"
    run_stages(folder, store)
    return folder, store


@pytest.fixture
def copied(finished: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the finished project and of its run store."""
    shutil.copytree(finished[0], tmp_path / "grid")
    shutil.copytree(finished[1], tmp_path / "store")
    return tmp_path / "grid", tmp_path / "store"


def rows(folder: Path, sql: str) -> list[dict[str, Any]]:
    """The result of an SQL query."""
    found = Project(folder)
    return ask(sql, tables=found.catalog).to_dicts()


def numbers(folder: Path, table: str, where: str) -> list[dict[str, Any]]:
    """Rows of `estimates` or `cell_metrics` with the cell's position in the grid."""
    return rows(
        folder,
        f"SELECT width, lr, t.* FROM {table} t JOIN cells USING (cell_id) WHERE {where} "
        "ORDER BY width, lr",
    )


def set_custom(folder: Path, custom: str, panels: str = "null") -> None:
    (folder / "params.yaml").write_text(PARAMS.format(custom=custom, panels=panels))


def test_every_value_is_in_the_catalog(finished: tuple[Path, Path]) -> None:
    folder, _ = finished
    found = numbers(folder, "cell_metrics", "metric LIKE 'custom.%'")
    names = {"wreck.size", "partly.a", "partly.b", "sharpness.increase", "sharpness.largest",
             "ensemble.loss", "ensemble.error"}  # fmt: skip
    assert {row["metric"].removeprefix("custom.") for row in found} == names
    assert len(found) == 4 * len(names), "every value has a row for every cell"
    assert {row["probe"] for row in found} == {"primary"}
    for row in found:
        of_pairs = "ensemble" in row["metric"]
        if row["lr"] > 1:
            assert (row["status"], row["n"], row["mean"]) == ("missing", 0, None)
            assert row["reason"] == "no run has converged"
        elif "partly" not in row["metric"]:
            assert (row["status"], row["n"]) == ("ok", 1 if of_pairs else 2)
            assert row["reason"] is None
    methods = {row["metric"]: row["method"] for row in found}
    assert methods["custom.ensemble.loss"] == "ensemble:gain"
    units = {row["metric"]: row["unit"] for row in found if row["unit"]}
    assert units == {
        "custom.sharpness.increase": "nats", "custom.sharpness.largest": "nats",
        "custom.ensemble.loss": "nats", "custom.ensemble.error": "%", "custom.partly.a": "m",
    }  # fmt: skip
    view = set(rows(folder, "SELECT * FROM cells")[0])
    assert {f"custom.{name}" for name in names} <= view


def test_missing_values_have_a_reason(finished: tuple[Path, Path]) -> None:
    """`missing` and `not converged`, per run and per cell; fields of the estimate are kept."""
    folder, _ = finished
    partly = numbers(folder, "estimates", "metric LIKE 'custom.partly.%' AND lr < 1")
    said = {(row["width"], row["metric"][-1], row["status"], row["reason"]) for row in partly}
    assert said == {
        (2, "a", "not converged", "the function reports that it has not converged"),
        (2, "b", "missing", "the function returned nan"),
        (4, "a", "missing", "the function returned inf"),
        (4, "b", "missing", "the function returned no `b`"),
    }
    kept = next(row for row in partly if row["status"] == "not converged")
    fields = ("value", "error", "error_kind", "n", "n_unit", "unit")
    assert [kept[name] for name in fields] == [1.5, 0.5, "bound", 3, "steps", "m"]
    cells = {
        (row["width"], row["metric"][-1]): (row["status"], row["reason"])
        for row in numbers(folder, "cell_metrics", "metric LIKE 'custom.partly.%' AND lr < 1")
    }
    assert cells[2, "a"] == (
        "not converged",
        "2 of 2: the function reports that it has not converged",
    )
    assert cells[4, "b"] == ("missing", "2 of 2: the function returned no `b`")
    diverged = numbers(folder, "estimates", "metric = 'custom.sharpness.increase' AND lr > 1")
    assert len(diverged) == 4
    assert {row["status"] for row in diverged} == {"missing"}
    assert all(row["reason"].startswith("training has not converged: ") for row in diverged)
    assert numbers(folder, "estimates", "metric LIKE 'custom.ensemble.%' AND lr > 1") == []


def test_a_pair_needs_two_converged_runs(
    copied: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, store = copied
    runs = rows(
        folder, "SELECT run_id FROM runs JOIN cells USING (cell_id) WHERE lr < 1 AND width = 2"
    )
    real = gather.nc_reason

    def nc_reason(record: Any, *more: Any) -> str | None:
        return "a trial" if record.run_id == runs[0]["run_id"] else real(record, *more)

    monkeypatch.setattr(gather, "nc_reason", nc_reason)
    run_stages(folder, store, "aggregate")
    found = numbers(folder, "cell_metrics", "metric LIKE 'custom.%' AND lr < 1 AND width = 2")
    by_metric = {
        row["metric"]: {name: row[name] for name in ("status", "reason", "n")} for row in found
    }
    assert by_metric["custom.ensemble.loss"] == {
        "status": "missing", "reason": "only one run has converged, and a pair needs two", "n": 0
    }  # fmt: skip
    assert by_metric["custom.sharpness.increase"] == {"status": "ok", "reason": None, "n": 1}


def test_panels_and_tooltips_show_custom_metrics(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, _ = finished
    page = Project(folder).report.read_text()
    for name in ("sharpness-increase", "ensemble-loss", "partly-a"):
        assert f'<div id="panel-custom-{name}"' in page
    experiment = open_with(folder, tmp_path).experiment
    drawn = figures.make_figures(read_tables(Project(folder).catalog), experiment.report)
    titles = [panel.title for panel in drawn.panels]
    assert titles[0] == "sharpness: increase, nats"
    assert titles[2:] == ["ensemble: loss, nats", "partly: a, m"]
    chart = maps.metric_panel(drawn.data, drawn.panels[0]).to_dict()
    colours = [layer["encoding"].get("color", {}).get("field") for layer in chart["layer"]]
    assert "custom-sharpness-increase" in colours
    tooltips = {tip["title"]: tip["field"] for tip in chart["layer"][1]["encoding"]["tooltip"]}
    assert tooltips["sharpness: increase, nats"] == "custom-sharpness-increase text"
    datasets = {"cells": drawn.data.cells, "borders": []}
    picture = vl_convert.vegalite_to_svg({**chart, "width": 600, "datasets": datasets})
    values = [row["custom-sharpness-increase"] for row in drawn.data.cells]
    shown = [float(text) for text in re.findall(r">(-?[\d.]+)</text>", picture)]
    for value in values:
        assert value is None or any(math.isclose(value, text, rel_tol=5e-3) for text in shown)
    words = {row["custom-sharpness-increase text"] for row in drawn.data.cells}
    assert "missing: no run has converged" in words
    assert any(
        re.fullmatch(r"[\d.e-]+ ± .* \(sd, n = 2\), measurement error .*", text) for text in words
    )


def open_with(folder: Path, store: Path) -> Any:
    with uses_store(store):
        return open_workspace(folder)


def without(table: pl.DataFrame, metrics: str) -> pl.DataFrame:
    """A table of metrics without those whose names match a pattern."""
    return table.filter(~pl.col("metric").str.starts_with(metrics))


def test_custom_metrics_leave_everything_else_unchanged(copied: tuple[Path, Path]) -> None:
    """Without them, all other rows and all ids are the same, and nothing is recomputed."""
    folder, store = copied
    before, runs = read_tables(Project(folder).catalog), run_ids(folder)
    set_custom(folder, "[]")
    assert counts(run_stages(folder, store)) == {"trained": 0, "made": 0}
    assert run_ids(folder) == runs
    after = read_tables(Project(folder).catalog)
    for name in ("estimates", "cell_metrics", "probes"):
        found = without(before[name], "custom")
        assert found.height < before[name].height
        before[name] = found
    spec, other = (json.loads(tables["experiments"]["spec"].item()) for tables in (before, after))
    assert "custom" not in other["measure"]
    names = [settings["name"] for settings in spec["measure"].pop("custom")]
    assert names == ["wreck", "partly", "sharpness", "ensemble"]
    assert spec == other
    before["experiments"] = before["experiments"].with_columns(after["experiments"]["spec"])
    for name, table in after.items():
        assert before[name].equals(table), name


@pytest.mark.slow
def test_a_metric_may_modify_its_arguments(finished: tuple[Path, Path], tmp_path: Path) -> None:
    """The first of the metrics called in one process overwrites the networks and the data."""
    others = project(tmp_path / "others", CUSTOM.replace(f"{WRECK}, ", ""))
    run_stages(others, tmp_path / "other store")
    wrecked, spared = (read_tables(Project(folder).catalog) for folder in (finished[0], others))
    for name in ("estimates", "cell_metrics"):
        assert without(wrecked[name], "custom.wreck").equals(spared[name]), name


def test_a_metric_cannot_change_global_settings() -> None:
    def careless(*, seed: int) -> None:
        assert torch.get_default_dtype() == torch.float32
        assert torch.is_grad_enabled()
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)

    for _ in range(2):
        isolated(lambda: careless)(seed=0)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


def test_an_isolated_metric_draws_from_its_seed() -> None:
    """Whatever its module draws when it is imported, and on top of the settings of workers."""

    def draw(*, seed: int) -> list[float]:
        return [random.random(), float(np.random.rand()), torch.rand(()).item()]

    def load() -> Any:
        draw(seed=0)
        return draw

    first, other, again = (isolated(load)(seed=seed) for seed in (1, 2, 1))
    assert first == again
    assert all(one != two for one, two in zip(first, other, strict=True))
    torch.manual_seed(1)
    assert first[2] == torch.rand(()).item()
    assert first[0] == random.Random(1).random()
    assert first[1] == np.random.RandomState(1).rand()


def test_the_example_in_the_documentation_runs(copied: tuple[Path, Path]) -> None:
    """Both its `params.yaml` and its SQL."""
    folder, store = copied
    page = (ROOT / "docs" / "own.md").read_text()
    (example,) = [
        text for text in re.findall(r"```yaml\n(.*?)```", page, re.S) if "custom:" in text
    ]
    (sql,) = re.findall(r"```sql\n(.*?)```", page, re.S)
    yaml = YAML(typ="safe", pure=True)
    params, more = yaml.load(PARAMS.format(custom="[]", panels="null")), yaml.load(example)
    assert set(more) == {"measure", "report"}
    for section, values in more.items():
        params[section] |= values
    (folder / "params.yaml").write_text(json.dumps(params))
    run_stages(folder, store)
    found = rows(folder, sql)
    assert sum(row["mean"] is not None for row in found) == 2
    assert all(row["mean"] is None or row["measurement_error"] > 0 for row in found)
    page = Project(folder).report.read_text()
    for name in ("test_accuracy", "custom-sharpness-increase", "custom-ensemble-loss"):
        assert f'<div id="panel-{name}"' in page


CONVECTION = {
    "dataset": {
        "name": "convection:points",
        "args": {"count": 100},
        "test_samples": 30,
        "task": "convection:Convection",
    },
    "model": {"name": "convection:network"},
    "load": {"width": 4, "samples": 64},
}
TRANSLATION = {
    "dataset": {"name": "number_words", "test_samples": 30, "vocabulary": 270},
    "model": {"name": "transformer", "args": {"n_layers": 1}},
    "load": {"width": 8, "samples": 64},
}  # fmt: skip


@pytest.mark.parametrize(
    ("sections", "perturbation"), [(CONVECTION, "mixup"), (TRANSLATION, "token_noise")]
)
def test_the_example_metrics_work_with_any_task(
    sections: dict[str, Any], perturbation: str, tmp_path: Path
) -> None:
    """Such as a custom loss that differentiates with respect to inputs, and a translation task."""
    folder = project(tmp_path / "grid")
    shutil.copy(ROOT / "custom" / "convection.py", folder / "custom")
    custom = f"[{SHARPNESS}, {ENSEMBLE}]"
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(PARAMS.format(custom=custom, panels="null")) | sections
    params["measure"]["similarity"]["perturbation"] = perturbation
    (folder / "params.yaml").write_text(json.dumps(params))
    run_stages(folder, tmp_path / "store", "prepare")


def test_renaming_a_metric_recomputes_nothing(copied: tuple[Path, Path]) -> None:
    folder, store = copied
    before = rows(folder, "SELECT value FROM estimates WHERE metric = 'custom.sharpness.increase'")
    set_custom(folder, CUSTOM.replace("name: sharpness", "name: rise"), "[custom.rise.increase]")
    output = run_stages(folder, store)
    assert counts(output) == {"trained": 0, "made": 0}
    after = rows(folder, "SELECT value FROM estimates WHERE metric = 'custom.rise.increase'")
    assert after == before


@pytest.mark.parametrize(
    ("change", "made"),
    [("source", 4), ("args", 4), ("another module", 8)],
)
def test_a_changed_metric_is_the_only_one_recomputed(
    copied: tuple[Path, Path], change: str, made: int
) -> None:
    """Four runs have converged; the module `odd` defines two metrics of runs."""
    folder, store = copied
    measured = {path.name for path in Project(folder).measurements.iterdir()}
    if change == "args":
        set_custom(folder, CUSTOM.replace("draws: 3", "draws: 2"))
    else:
        name = "sharpness" if change == "source" else "odd"
        path = folder / "custom" / f"{name}.py"
        path.write_text(path.read_text() + "# another version\n")
    output = run_stages(folder, store, "prepare", "train", "measure")
    assert counts(output) == {"trained": 0, "made": made}
    now = {path.name for path in Project(folder).measurements.iterdir()}
    assert len(now - measured) == len(measured - now) == made


def test_a_metric_without_measurements_has_an_empty_panel(tmp_path: Path) -> None:
    """If no run converges, the names of its values are known only from `report.panels`."""
    folder = project(tmp_path / "grid", f"[{SHARPNESS}]", "[custom.sharpness.increase, cka]")
    params = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(params.replace("lr: [0.02, 1.0e+6]", "lr: 1.0e+6"))
    run_stages(folder, tmp_path / "store")
    assert 'id="panel-custom-sharpness-increase"' in Project(folder).report.read_text()


def test_a_metric_that_fails_does_not_affect_the_others(copied: tuple[Path, Path]) -> None:
    """The metric passes the check before training and fails on the full data."""
    folder, store = copied
    (folder / "custom" / "late.py").write_text(
        textwrap.dedent(
            """\
            def late(network, data, task, *, seed):
                if len(data.train) > 16:
                    raise ValueError("too many")
                return {"n": len(data.train)}
            """
        )
    )
    late = "{name: late, scope: run, function: 'late:late'}"
    set_custom(folder, f"[{late}, {SHARPNESS}]".replace("draws: 3", "draws: 4"))
    said: list[str] = []
    with pytest.raises(JobsFailedError, match="4 jobs failed") as caught:
        run_stages(folder, store, said=said)
    (line,) = [line for line in said if line.startswith("measure: ")]
    there, made, failed = (
        int(re.findall(rf"(\d+) {what}", line)[0]) for what in ("already there", "made", "failed")
    )
    assert (made, failed) == (4, 4)
    assert line.startswith(f"measure: {there + made + failed} measurements, ")
    assert "measure.custom: late:late: failed: ValueError: too many" in str(caught.value)
    set_custom(folder, f"[{SHARPNESS}]".replace("draws: 3", "draws: 4"))
    assert counts(run_stages(folder, store, "measure")) == {"trained": 0, "made": 0}


# Invalid metrics, and the messages of `landscape prepare`.
GOOD = "def metric(network, data, task, *, seed, epsilon=0.1):\n    return {'a': 1.0}\n"
BODY = "return {'a': 1.0}"
PAIR = "scope: pair"
CALLED = "measure.custom: bad:metric: a metric of scope `run` is called as function(network, data, task, seed=...), but the parameters are "
RETURNED = "measure.custom: bad:metric: returned "
MAPPING = "it must return a mapping from names to numbers or Estimates"
BAD: dict[str, tuple[str, str, str]] = {
    # source, change to the metric in params.yaml, message
    "a missing module": ("", "function: 'nowhere:metric'", "measure.custom: nowhere:metric: there is no module `nowhere`, neither in custom/ nor installed"),
    "a missing function": ("", "", "measure.custom: bad:metric: `bad` has no function `metric`"),
    "an import that fails": ("1 / 0", "", "measure.custom: bad:metric: importing it failed: ZeroDivisionError: division by zero"),
    "a name that is null": (GOOD, "name: null", "measure.custom[0].name: got null; allowed: text"),
    "a name that contains a dot": (GOOD, "name: a.b", "measure.custom[0].name: got 'a.b'; allowed: a name: letters, digits and `_`, not beg"),
    "a scope that is null": (GOOD, "scope: null", "measure.custom[0].scope: got null; allowed: 'run' or 'pair'"),
    "an unknown scope": (GOOD, "scope: cell", "measure.custom[0].scope: got 'cell'; allowed: 'run' or 'pair'"),
    "a builtin function": (GOOD, "function: 'builtins:print'", "measure.custom: builtins:print: `builtins` is not in custom/"),
    "an extension module": (GOOD, "function: 'math:sqrt'", "measure.custom: math:sqrt: `math` is not in custom/"),
    "a number of 401 digits": (GOOD.replace("1.0", "10**400"), "", "000 … 000"),
    "a number of 5001 digits": (GOOD.replace("1.0", "10**5000"), "", f"{RETURNED}a value of type int as the value of `a`; give a number that a float can hold"),
    "a function without its module": (GOOD, "function: sharpness", "measure.custom[0].function: got 'sharpness'; allowed: your own as `package.module:function`"),
    "an unknown key": (GOOD, "fn: 1", "measure.custom[0].fn: got an unknown key; allowed: name, scope, function, args"),
    "an unknown argument": (GOOD, "args: {epsilo: 0.1}", "measure.custom[0].args.epsilo: got an unknown parameter of bad:metric; allowed: epsilon"),
    "an argument of a function that takes none": (GOOD.replace(", epsilon=0.1", ""), "args: {x: 1}", "measure.custom[0].args.x: got an unknown parameter of bad:metric; allowed: nothing: bad:metric takes no further ones"),
    "an argument that sets the seed": (GOOD, "args: {seed: 1}", "measure.custom[0].args.seed: got an unknown parameter of bad:metric; allowed: epsilon"),
    "an argument that sets the network": (GOOD, "args: {network: 1}", "measure.custom[0].args.network: got an unknown parameter of bad:metric; allowed: epsilon"),
    "an argument that is a list": (GOOD, "args: {epsilon: [1, 2]}", "measure.custom[0].args.epsilon: got [1, 2]; allowed: true, false, a finite number"),
    "a missing required argument": (GOOD.replace("epsilon=0.1", "epsilon"), "", f"{CALLED}(network, data, task, *, seed, epsilon): missing a required argument: 'epsilon'"),
    "a function without a parameter seed": (GOOD.replace("*, seed, ", ""), "", f"{CALLED}(network, data, task, epsilon=0.1): got an unexpected keyword argument 'seed'"),
    "a function of pairs for runs": (GOOD.replace("network", "network, other", 1), "", f"{CALLED}(network, other, data, task, *, seed, epsilon=0.1): missing a required argument: 'task'"),
    "a function of runs for pairs": (GOOD, PAIR, "measure.custom: bad:metric: a metric of scope `pair` is called as function(network, other, data, task, seed=...), but the parameters are (network, data, task, *, seed, epsilon=0.1): too many positional arguments"),
    "a function that raises": (GOOD.replace(BODY, "raise ValueError('no')"), "", "measure.custom: bad:metric: failed: ValueError: no"),
    "a function that exits": (GOOD.replace(BODY, "raise SystemExit(0)"), "", "measure.custom: bad:metric: failed: SystemExit: 0"),
    "returns nothing": (GOOD.replace(BODY, "pass"), "", f"{RETURNED}`NoneType`; {MAPPING}"),
    "returns a number": (GOOD.replace(BODY, "return 1.0"), "", f"{RETURNED}`float`; {MAPPING}"),
    "returns an empty mapping": (GOOD.replace(BODY, "return {}"), "", f"{RETURNED}an empty mapping; {MAPPING}"),
    "returns a name that is not text": (GOOD.replace("'a'", "1"), "", f"{RETURNED}the name 1; names consist of letters, digits and `_`"),
    "returns a name that contains a dot": (GOOD.replace("'a'", "'a.b'"), "", f"{RETURNED}the name 'a.b'; names consist of letters, digits and `_`"),
    "returns text as a value": (GOOD.replace("1.0", "'1'"), "", f"{RETURNED}'1' as the value of `a`; give a number"),
    "returns other values when called again": (f"import numpy as np\n{GOOD}".replace("1.0", "np.random.default_rng().random()"), "", "measure.custom: bad:metric: called twice on the same networks with the same seed, it returned Estimate(value="),
    "returns other names when called again": (f"import itertools\ncount = itertools.count()\n{GOOD}".replace("'a'", "'a' + str(next(count))"), "", "with the same seed, it returned Estimate(value=1.0"),
    "a panel of an unknown metric": (GOOD, "panels: custom.b.a", "report.panels: got 'custom.b.a'; allowed: train_loss, "),
    "a panel of a value that is not returned": (GOOD, "panels: custom.mine.b", "custom.mine.a"),
}  # fmt: skip


def prepare(own: Own, source: str, changes: str = "") -> None:
    """`landscape prepare` with one custom metric."""
    own.write("bad", source)
    settings = {"name": "mine", "scope": "run", "function": "'bad:metric'"}
    key, _, value = changes.partition(": ")
    panels = f"[{value}]" if key == "panels" else "null"
    if key and key != "panels":
        settings[key] = value
    custom = ", ".join(f"{name}: {value}" for name, value in settings.items())
    text = PARAMS.format(custom=f"[{{{custom}}}]", panels=panels)
    own.project.params.write_text(text)
    run_stages(own.project.root, own.project.root / "store", "prepare")


@pytest.mark.parametrize("case", BAD)
def test_invalid_metrics_are_refused_before_training(case: str, custom_code: Own) -> None:
    source, changes, message = BAD[case]
    with pytest.raises((CodeError, SpecError)) as caught:
        prepare(custom_code, source, changes)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2
    assert "Traceback" not in str(caught.value)
    assert not custom_code.project.runs.exists()


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        (GOOD, ""),
        (GOOD, "args: {epsilon: 2}"),
        (GOOD.replace("epsilon=0.1", "**more"), "args: {any: thing}"),
        (GOOD.replace("*, seed, epsilon=0.1", "seed"), ""),
        (GOOD.replace("network, data, task, *, seed", "*given, seed"), PAIR),
        (f"import torch\n{GOOD}".replace("1.0", "torch.randn(())"), ""),
        (f"import numpy as np\n{GOOD}".replace("1.0", "np.random.rand()"), ""),
        (f"import random\n{GOOD}".replace("1.0", "random.random()"), ""),
        (f"import numpy as np\n{GOOD}".replace("1.0", "np.random.RandomState(seed).rand()"), ""),
        (GOOD.replace("1.0", "float('nan')"), ""),
        (GOOD.replace("network, data", "network, other, data").replace("1.0", "float(network is not other)"), PAIR),
    ],
)  # fmt: skip
def test_valid_metrics_are_accepted(source: str, changes: str, custom_code: Own) -> None:
    """Including metrics that use global random generators, which are seeded before each call."""
    prepare(custom_code, source, changes)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: a.b, scope: run, function: 'bad:metric'}", "[1].name: got 'a.b'"),
        ("{name: b, function: 'bad:metric'}", "[1].scope: this key is required; allowed: 'run' or 'pair'"),
        ("{name: b, scope: pair}", "[1].function: this key is required"),
        ("{name: b, scope: run, function: 'bad:metric', args: {epsilon: .nan}}", "[1].args.epsilon: got nan"),
        ("{name: b, scope: run, function: 'bad:metric', args: {epsilo: 1}}", "[1].args.epsilo: got an unknown parameter"),
        ("{name: b, scop: run}", "[1].scop: got an unknown key; allowed: name, scope, function, args; did you mean `scope`?"),
    ],
)  # fmt: skip
def test_messages_say_which_entry_of_the_list_is_invalid(
    entry: str, message: str, custom_code: Own
) -> None:
    """Entries are numbered from 0."""
    custom_code.write("bad", GOOD)
    one = "{name: a, scope: run, function: 'bad:metric'}"
    custom_code.project.params.write_text(PARAMS.format(custom=f"[{one}, {entry}]", panels="null"))
    with pytest.raises(SpecError) as caught:
        open_workspace(custom_code.project.root)
    assert f"  measure.custom{message}" in str(caught.value)


@pytest.mark.slow
def test_a_metric_that_draws_from_global_generators_is_reproducible(tmp_path: Path) -> None:
    """Measured twice, each time without a result to reuse, and whatever was drawn before."""
    draws = """\
        import random
        import numpy as np
        import torch

        def draw(network, data, task, *, seed):
            return {"a": random.random(), "b": np.random.rand(), "c": torch.rand(())}
        """
    found = []
    for name in ("one", "two"):
        folder = project(
            tmp_path / name, "[{name: draws, scope: run, function: 'draws:draw'}]", "null"
        )
        (folder / "custom" / "draws.py").write_text(textwrap.dedent(draws))
        params = (folder / "params.yaml").read_text()
        params = params.replace("width: [2, 4]", "width: 2").replace("[0.02, 1.0e+6]", "0.02")
        (folder / "params.yaml").write_text(params)
        random.random(), np.random.rand(), torch.rand(())
        run_stages(
            folder, tmp_path / f"store of {name}", "prepare", "train", "measure", "aggregate"
        )
        found.append(
            rows(folder, "SELECT metric, value FROM estimates WHERE metric LIKE 'custom.%'")
        )
    assert found[0] == found[1]
    assert len({row["value"] for row in found[0]}) == 3


def test_two_metrics_with_the_same_name_are_refused(custom_code: Own) -> None:
    custom_code.write("bad", GOOD)
    one = "{name: a, scope: run, function: 'bad:metric'}"
    custom_code.project.params.write_text(PARAMS.format(custom=f"[{one}, {one}]", panels="null"))
    with pytest.raises(LandscapeError, match=r"metrics with a `name` each \(repeated: a\)"):
        open_workspace(custom_code.project.root)


def test_refusing_a_metric_removes_no_prepared_data(custom_code: Own) -> None:
    prepare(custom_code, GOOD)
    before = sorted(path.name for path in custom_code.project.prepared.iterdir())
    text = custom_code.project.params.read_text().replace("samples: 96", "samples: 64")
    custom_code.write("bad", GOOD.replace(BODY, "pass"))
    custom_code.project.params.write_text(text)
    with pytest.raises(CodeError):
        run_stages(custom_code.project.root, custom_code.project.root / "store", "prepare")
    assert set(before) < {path.name for path in custom_code.project.prepared.iterdir()}
