"""What every stage opens first: the experiment, its grid, and where finished things are."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape_catalog.errors import (
    ContentMismatchError,
    Interrupted,
    JobsFailedError,
    MissingArtifactError,
)
from landscape_catalog.experiment.expand import expand
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Grid
from landscape_catalog.experiment.reading import check_drawn_axes, read_experiment
from landscape_catalog.experiment.variants import resolve_variants
from landscape_catalog.paths import Project, store_root
from landscape_catalog.pipeline.shared.components import find_components
from landscape_catalog.pipeline.shared.custom_metrics import metric_codes
from landscape_catalog.runner.device import chosen_device
from landscape_catalog.runner.executor import Executor, JobFunction
from landscape_catalog.runner.jobs import Failure, Job, run_jobs
from landscape_catalog.runner.progress import StageProgress
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.timings import log_timing
from landscape_catalog.store.artifacts import read_data_record
from landscape_catalog.store.cache import ArtifactCache, measurement_cache, run_cache
from landscape_catalog.store.files import remove, write_file
from landscape_catalog.store.recipes_file import check_recipes
from landscape_catalog.store.records import DataRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workspace:
    """An experiment in its folder."""

    project: Project
    experiment: Experiment
    grid: Grid
    runs: ArtifactCache
    measurements: ArtifactCache
    store: Path
    metric_codes: dict[str, str]
    _data: dict[str, DataRecord] = field(default_factory=dict, repr=False, compare=False)

    def data_records(self) -> dict[str, DataRecord]:
        """The verified record of each prepared data id.

        Raises:
            MissingArtifactError: if `prepare` has not run.
            DamagedFileError: if a file is damaged.
        """
        return {spec.data_id: self.data_record(spec.data_id) for spec in self.grid.data}

    def data_record(self, data_id: str) -> DataRecord:
        """The verified record of one; its arrays are hashed once. Raises as `data_records`."""
        if data_id not in self._data:
            folder = self.project.prepared / data_id
            try:
                self._data[data_id] = read_data_record(folder)
            except FileNotFoundError:
                raise MissingArtifactError(
                    f"{self.project.shown(folder)} is not there: run `landscape prepare` first"
                ) from None
        return self._data[data_id]


def open_workspace(root: Path) -> Workspace:
    """Read and check `params.yaml` and lay out its grid.

    Raises:
        RecipesError: if the root is a study of another version of the package.
        SpecError: if it does not describe an experiment, or the grid does not fit the data.
    """
    project = Project(root)
    check_recipes(project.recipes)
    experiment = read_experiment(project.params)
    return make_workspace(experiment, project, store_root())


def make_workspace(experiment: Experiment, project: Project, store: Path) -> Workspace:
    """An experiment with its grid, in a project's folder; raises as `lay_out`.

    Args:
        experiment: as it was read.
        project: where results go.
        store: where finished ones are shared.
    """
    grid = lay_out(experiment, project)
    chosen_device(experiment.execution)
    chosen_executor(experiment.execution)  # refuses a name that is none
    return Workspace(
        project,
        experiment,
        grid,
        run_cache(project.runs, store),
        measurement_cache(project.measurements, store),
        store,
        metric_codes(experiment, project),
    )


def lay_out(experiment: Experiment, project: Project) -> Grid:
    """The grid of an experiment.

    Raises:
        UserError: if the experiment cannot be done as it stands.
    """
    variants = resolve_variants(experiment)
    check_drawn_axes(experiment.report, experiment.load, experiment.temperature)
    return expand(variants, lambda variant: find_components(variant, project))


def check_content(run_id: str, trained_on: str, data: DataRecord) -> None:
    """A run must have been trained on the very data that are prepared here.

    Raises:
        ContentMismatchError: if not.
    """
    if trained_on != data.content_hash:
        raise ContentMismatchError(
            f"run {run_id} was trained on other content of data {data.data_id}: "
            f"{trained_on[:12]} there, {data.content_hash[:12]} here. A library that draws or "
            f"reads the data has changed; remove the run from data/ and the store to train it"
        )


def work_through(
    workspace: Workspace,
    title: str,
    function: JobFunction[Any],
    jobs: Sequence[Job],
    *,
    executor: Executor,
) -> list[Failure]:
    """Do every job on the executor, with progress and timings; says which failed.

    Raises:
        Interrupted: on Ctrl-C, after saying what is saved.
    """
    if not jobs:
        return []
    total = sum(job.work.cost for job in jobs)
    with StageProgress(title, jobs=len(jobs), cost=total) as progress:

        def on_done(job: Job, seconds: float | None) -> None:
            if seconds is not None:
                log_timing(workspace.project.timings, job.work, seconds)
            progress.step(job.name, job.work.cost)

        try:
            return run_jobs(executor, function, jobs, on_done=on_done)
        except Interrupted:
            log.warning(
                "interrupted: %d of %d jobs of `%s` are saved; run the same command again to go on",
                progress.done,
                len(jobs),
                title,
            )
            raise


def raise_failures(workspace: Workspace, title: str, failures: list[Failure]) -> None:
    """End a stage with a table of its failures, if it had any; tracebacks go to a file.

    Raises:
        JobsFailedError: if some jobs failed.
    """
    if not failures:
        remove(workspace.project.failures)
        return
    entries = [vars(failure) for failure in failures]
    write_file(workspace.project.failures, json.dumps(entries, indent=1).encode())
    width = max(len(failure.name) for failure in failures)
    table = "\n".join(f"  {failure.name:<{width}}  {failure.reason}" for failure in failures)
    raise JobsFailedError(
        f"{title}: {len(failures)} jobs failed, the others are kept. "
        f"Tracebacks: {workspace.project.shown(workspace.project.failures)}\n{table}"
    )
