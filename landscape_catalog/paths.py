"""Every file name of a project, in one place. Paths are composed here; no file is touched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

STORE_VARIABLE = "LANDSCAPE_STORE"  # names the shared store
WEIGHTS_FILE, RECORD_FILE, ARRAYS_FILE = "weights.safetensors", "record.json", "arrays.safetensors"
TEMPORARY_PREFIX = ".tmp-"
_UNSAFE = re.compile(r"[^\w.+-]|^\.")  # in the name of a file


def file_name(name: str) -> str:
    """A name as one of a file; that of a branch or of a custom metric may have any letters.

    >>> file_name("feature/wider"), file_name("custom:a b")
    ('feature-wider', 'custom-a-b')
    """
    return _UNSAFE.sub("-", name)


@dataclass(frozen=True)
class Project:
    """The files of a project.

    Attributes:
        root: the folder with `params.yaml`.
        results: the folder below which all outputs are written; None: the root.
    """

    root: Path
    results: Path | None = None

    @property
    def params(self) -> Path:
        """The experiment."""
        return self.root / "params.yaml"

    @property
    def recipes(self) -> Path:
        """The package version that a study is pinned to; only studies have this file."""
        return self.root / "recipes.json"

    @property
    def stages(self) -> Path:
        """The stages of the DVC pipeline."""
        return self.root / "dvc.yaml"

    @property
    def experiment_schema(self) -> Path:
        """The JSON Schema with which editors validate and complete `params.yaml`."""
        return self.root / "schemas" / "experiment.schema.json"

    @property
    def prepared(self) -> Path:
        """One folder for each data id."""
        return self._results / "data" / "prepared"

    @property
    def runs(self) -> Path:
        """One folder for each run id: exactly the grid of `params.yaml`."""
        return self._results / "data" / "runs"

    @property
    def measurements(self) -> Path:
        """One file for each measurement id."""
        return self._results / "data" / "measurements"

    @property
    def catalog(self) -> Path:
        """The catalog's Parquet tables: the canonical output."""
        return self._results / "data" / "catalog"

    @property
    def collected(self) -> Path:
        """One folder for each collected catalog: no stage's output."""
        return self._results / "data" / "collected"

    @property
    def imports(self) -> Path:
        """One folder for each import of published results: no stage's output."""
        return self._results / "data" / "imports"

    @property
    def import_settings(self) -> Path:
        """One file for each import, `NAME.yaml`: its thresholds, and how its report is drawn."""
        return self.root / "imports"

    @property
    def database(self) -> Path:
        """The DuckDB catalog for other clients, derived from the tables."""
        return self._results / "data" / "catalog.duckdb"

    @property
    def database_note(self) -> Path:
        """What was written to the DuckDB catalog, so that changes by others are noticed."""
        return self.internal / "catalog.duckdb.json"

    @property
    def report(self) -> Path:
        """The phase report."""
        return self._results / "reports" / "phases.html"

    def other_report(self, name: str) -> Path:
        """The report of a source other than the current experiment."""
        return self._results / "reports" / "other" / f"{file_name(name)}.html"

    @property
    def report_index(self) -> Path:
        """The list of all experiments of the catalog: no stage's output."""
        return self._results / "reports" / "index.html"

    def figures(self, name: str) -> Path:
        """The static figures of a source; those of the current experiment lie at the top."""
        folder = self._results / "reports" / "figures"
        return folder if name == "current" else folder / file_name(name)

    @property
    def diagnosis_page(self) -> Path:
        """The page of the last diagnosis of a user's checkpoints."""
        return self._results / "reports" / "diagnosis.html"

    @property
    def diagnosis_model(self) -> Path:
        """The model by which checkpoints are diagnosed: no stage's output."""
        return self._results / "data" / "diagnosis" / "model.json"

    @property
    def metrics(self) -> Path:
        """The small tree of numbers for `dvc metrics diff`."""
        return self._results / "reports" / "metrics.json"

    @property
    def plots(self) -> Path:
        """Data files for `dvc plots`."""
        return self._results / "reports" / "plots"

    def written(self) -> tuple[Path, ...]:
        """The folders into which only a stage that holds the lock writes."""
        results = (self.prepared, self.runs, self.measurements, self.catalog)
        return (self.prepared.parent, *results, self.plots)

    @property
    def internal(self) -> Path:
        """What must not be hashed: lock, timings, failures."""
        return self._results / ".landscape"

    @property
    def lock(self) -> Path:
        """The lock held by the running stage."""
        return self.internal / "lock"

    @property
    def timings(self) -> Path:
        """One line per finished job: what it was and how long it took."""
        return self.internal / "timings.jsonl"

    @property
    def calibration(self) -> Path:
        """How fast this machine is."""
        return self.internal / "calibration.json"

    @property
    def status(self) -> Path:
        """What the running stage is at, or how the last one ended."""
        return self.internal / "status.json"

    @property
    def activities(self) -> Path:
        """What each worker is at: one small file per worker."""
        return self.internal / "workers"

    @property
    def failures(self) -> Path:
        """The failures of the most recent stage that had any, with tracebacks."""
        return self.internal / "failures.json"

    @property
    def facts(self) -> Path:
        """The facts of datasets that are only known after reading them, one file per dataset."""
        return self.internal / "facts"

    @property
    def multiply_adds(self) -> Path:
        """Multiply-adds of a forward pass of custom networks and tasks."""
        return self.internal / "multiply_adds.json"

    @property
    def _results(self) -> Path:
        return self.root if self.results is None else self.results

    @property
    def custom(self) -> Path:
        """A user's own datasets, networks, tasks and metrics."""
        return self.root / "custom"

    @property
    def mine(self) -> Path:
        """A user's own data."""
        return self.root / "mine"

    @property
    def settings(self) -> Path:
        """Its table `tool.landscape` allows installed packages."""
        return self.root / "pyproject.toml"

    def shown(self, path: Path) -> str:
        """The path as messages show it: relative to the root if it is below the root."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
