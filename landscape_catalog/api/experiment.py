"""An experiment in Python: its grid, whose cells can be trained and measured in this process."""

from __future__ import annotations

import atexit
import dataclasses
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

from landscape_catalog.api.catalog import Catalog
from landscape_catalog.api.stored_run import StoredRun
from landscape_catalog.catalog import build_rows, write_catalog
from landscape_catalog.catalog.sources import current_source
from landscape_catalog.errors import UserError
from landscape_catalog.experiment import experiment as sections
from landscape_catalog.experiment import grid as grids
from landscape_catalog.experiment.reading import read_experiment
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.aggregate.gather import gather
from landscape_catalog.pipeline.measure.stage import measure_missing
from landscape_catalog.pipeline.prepare.stage import prepare_missing
from landscape_catalog.pipeline.shared.custom_code import default_dtype_restored
from landscape_catalog.pipeline.shared.workspace import (
    Workspace,
    make_workspace,
    one_stage,
    raise_failures,
)
from landscape_catalog.pipeline.train.stage import missing_runs, train_runs
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.location import store_root
from landscape_catalog.store.recipes_file import check_recipes


class Experiment:
    """The experiment that a params.yaml describes: a grid of cells to train and measure.

    Jobs run one after the other in this process, with the code of the pipeline's stages, so results
    are bit-identical to theirs. torch's settings and random state are restored afterwards.

    Attributes:
        spec: the validated sections of params.yaml.
        grid: axes, landscapes, cells and runs, with their ids.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._executor = SerialExecutor()
        self._cache = WorkerCache()
        self.spec: sections.Experiment = workspace.experiment
        self.grid: grids.Grid = workspace.grid

    @classmethod
    def load(cls, path: str | Path = "params.yaml", *, keep: bool = False) -> Experiment:
        """Read and check an experiment, and expand its grid, without loading torch.

        Args:
            path: the file, or a folder that contains params.yaml. Custom code and data files
                are looked up in its folder.
            keep: whether to share results with the pipeline: finished ones are taken from the
                project's data/ and from the store, and new ones are written there. Otherwise
                everything is computed in a temporary folder, which is removed when Python exits,
                and the project is not modified.

        Raises:
            SpecError: if the file is not a valid experiment, or the grid does not fit the data.
            RecipesError: if the folder is a study pinned to another version of the package.
        """
        path = Path(path).absolute()
        path = path / "params.yaml" if path.is_dir() else path
        project = Project(path.parent)
        check_recipes(project)
        if keep:
            store = store_root(project)
        else:
            project = Project(path.parent, results=_temporary_folder())
            store = project.prepared.parent / "store"
        with default_dtype_restored():
            return cls(make_workspace(read_experiment(path), project, store))

    def __repr__(self) -> str:
        axes = ", ".join(f"{axis.path} {list(axis.values)}" for axis in self.grid.axes)
        return f"<Experiment: {len(self.grid.cells)} cells, {axes}>"

    @property
    def cells(self) -> tuple[ExperimentCell, ...]:
        """The cells, in the order of the grid."""
        return tuple(ExperimentCell(self, cell) for cell in self.grid.cells)

    def _of(self, cell: grids.Cell) -> Workspace:
        """The workspace restricted to one cell."""
        grid = dataclasses.replace(self.grid, cells=(cell,))
        return dataclasses.replace(self._workspace, grid=grid)

    @contextmanager
    def _working(self) -> Iterator[None]:
        with reproducible(), one_stage(self._workspace):
            yield


class ExperimentCell:
    """One point of an experiment's grid.

    Attributes:
        cell_id: hash of its specification.
        values: every load and temperature parameter by its dotted path.
        variant: the variant that it belongs to, or `base`.
    """

    def __init__(self, experiment: Experiment, cell: grids.Cell) -> None:
        self._experiment, self._cell = experiment, cell
        self.cell_id: str = cell.cell_id
        self.values: dict[str, Any] = cell.values
        self.variant: str = cell.variant

    def __repr__(self) -> str:
        paths = [axis.path for axis in self._experiment.grid.axes]
        place = ", ".join(f"{path} {self.values[path]}" for path in paths if path in self.values)
        return f"<cell {self.cell_id}: {place}>"

    def train(self, seed: int = 0) -> StoredRun:
        """Prepare the data and train one run, unless this has already been done.

        Args:
            seed: of the initial weights and of the order of batches; it may exceed those that
                `train.seeds` implies.

        Raises:
            JobsFailedError: if training failed.
            UserError: if the seed is not a whole number of at least 0, or data or custom code
                cannot be loaded.
        """
        workspace = self._prepared(_seeds([seed], "seed"))
        return StoredRun(workspace.project, workspace.grid.runs[0].run_id, self._experiment._cache)

    def measure(self, seeds: Sequence[int] | None = None) -> Catalog:
        """Measure everything in the section `measure`, after training the runs that are missing.

        Args:
            seeds: of the runs, which are also measured in pairs; None: those of `train.seeds`.

        Returns:
            A catalog of this cell: every number of a run or pair with its error in
            `.table("estimates")`, their means and the phase in `.cells`.

        Raises:
            JobsFailedError: if a run or a measurement failed.
            UserError: see `train`; also for an empty list of seeds.
        """
        experiment = self._experiment
        workspace = self._prepared(None if seeds is None else _seeds(seeds, "seeds"))
        with experiment._working():
            *_, failures = measure_missing(workspace, experiment._executor)
            raise_failures(workspace, "measure", failures)
            folder = _temporary_folder()
            rows = build_rows(gather(workspace))
            write_catalog({name: table.parts() for name, table in rows.items()}, folder / "catalog")
        return Catalog(workspace.project, [current_source(folder / "catalog")])

    def _prepared(self, seeds: tuple[int, ...] | None) -> Workspace:
        """The workspace of this cell and these seeds, with data prepared and runs trained."""
        experiment = self._experiment
        workspace = experiment._of(dataclasses.replace(self._cell, seeds=seeds))
        with experiment._working():
            prepare_missing(workspace)
            train_runs(workspace, missing_runs(workspace), experiment._executor)
        return workspace


def _seeds(given: Any, name: str) -> tuple[int, ...]:
    """Distinct seeds in increasing order, with NumPy's numbers as Python's.

    Raises:
        UserError: if there are none, or one is not a whole number of at least 0.
    """
    seeds = list(given) if isinstance(given, Iterable) else []
    whole = all(isinstance(seed, Integral) and not isinstance(seed, bool) for seed in seeds)
    if not seeds or not whole or min(seeds) < 0:
        shown = seeds[0] if name == "seed" else given
        many = "" if name == "seed" else "a list of "
        raise UserError(f"{name}: got {shown!r}; allowed: {many}whole numbers of at least 0")
    return tuple(sorted({int(seed) for seed in seeds}))


def _temporary_folder() -> Path:
    """A folder that is removed when Python exits."""
    folder = tempfile.mkdtemp(prefix="landscape-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
