"""The workspace that every stage opens: the experiment, its grid, and the caches of results."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from landscape_catalog.errors import (
    ContentMismatchError,
    Interrupted,
    JobsFailedError,
    MissingArtifactError,
    Problem,
    SpecError,
)
from landscape_catalog.experiment.expand import expand
from landscape_catalog.experiment.experiment import Execution, Experiment
from landscape_catalog.experiment.grid import Grid
from landscape_catalog.experiment.reading import check_drawn_axes, read_experiment
from landscape_catalog.experiment.variants import resolve_variants
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.components import find_components
from landscape_catalog.pipeline.shared.custom_metrics import metric_codes
from landscape_catalog.pipeline.shared.procedures import Procedures
from landscape_catalog.pipeline.shared.project_settings import TABLE, read_settings
from landscape_catalog.runner.device import chosen_devices
from landscape_catalog.runner.executor import Executor, JobFunction
from landscape_catalog.runner.jobs import Failure, Job, Recovery, run_jobs
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.artifacts import read_data_record
from landscape_catalog.store.cache import ArtifactCache, measurement_cache, run_cache
from landscape_catalog.store.files import remove, remove_temporary, write_file
from landscape_catalog.store.location import store_root
from landscape_catalog.store.lock import project_lock
from landscape_catalog.store.partial import SECONDS_UNTIL_STALE
from landscape_catalog.store.recipes_file import check_recipes
from landscape_catalog.store.records import DataRecord

log = logging.getLogger(__name__)

THIS_MACHINE = re.compile(r"[a-z]+://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")


@dataclass(frozen=True)
class Workspace:
    """An experiment in its project folder."""

    project: Project
    experiment: Experiment
    grid: Grid
    runs: ArtifactCache
    measurements: ArtifactCache
    store: Path
    metric_codes: dict[str, str]
    _data: dict[str, DataRecord] = field(default_factory=dict, repr=False, compare=False)

    @property
    def execution(self) -> Execution:
        """The section `execution`; the path of a scheduler file is relative to the project."""
        execution = self.experiment.execution
        if execution.scheduler is None or "://" in execution.scheduler:
            return execution
        file = self.project.root.absolute() / Path(execution.scheduler).expanduser()
        return execution.model_copy(update={"scheduler": str(file)})

    @cached_property
    def procedures(self) -> Procedures:
        """How everything is measured."""
        return Procedures(self.experiment.measure, self.metric_codes)

    def data_records(self) -> dict[str, DataRecord]:
        """The verified record of each prepared data id.

        Raises:
            MissingArtifactError: if `prepare` has not run.
            DamagedFileError: if a file is damaged.
        """
        return {spec.data_id: self.data_record(spec.data_id) for spec in self.grid.data}

    def data_record(self, data_id: str) -> DataRecord:
        """The verified record of one data id; its arrays are hashed only once.

        Raises the same errors as `data_records`.
        """
        if data_id not in self._data:
            folder = self.project.prepared / data_id
            try:
                self._data[data_id] = read_data_record(folder)
            except FileNotFoundError:
                raise MissingArtifactError(
                    f"{self.project.shown(folder)} is missing: run `landscape prepare` first"
                ) from None
        return self._data[data_id]


def open_workspace(root: Path) -> Workspace:
    """Read and check `params.yaml` and expand its grid.

    Raises:
        RecipesError: if the root is a study of another version of the package.
        SpecError: if it is not a valid experiment, or the grid does not fit the data.
    """
    project = Project(root)
    check_recipes(project)
    experiment = read_experiment(project.params)
    return make_workspace(experiment, project, store_root(project))


def make_workspace(experiment: Experiment, project: Project, store: Path) -> Workspace:
    """The workspace of an experiment; raises the same errors as `lay_out`.

    Args:
        experiment: the experiment.
        project: the project that results are written to.
        store: folder of the shared store.
    """
    _require_allowed_scheduler(experiment.execution, project)
    grid = lay_out(experiment, project)
    chosen_devices(experiment.execution)
    chosen_executor(experiment.execution)  # raises if there is no executor of that name
    return Workspace(
        project,
        experiment,
        grid,
        run_cache(project.runs, store),
        measurement_cache(project.measurements, store),
        store,
        metric_codes(experiment, project),
    )


def _require_allowed_scheduler(execution: Execution, project: Project) -> None:
    """Require that a scheduler on another machine, which could run code here, is one to trust.

    Raises:
        SpecError: if the project does not list its address.
    """
    address = execution.scheduler or ""
    if execution.engine != "dask" or "://" not in address:
        return
    if THIS_MACHINE.fullmatch(address) or address in read_settings(project.settings).schedulers:
        return
    allowed = (
        "a scheduler file, an address on this machine, or one that you trust and "
        f'{project.settings.name} lists: {TABLE} schedulers = ["tls://host:8786"]'
    )
    raise SpecError([Problem("execution.scheduler", repr(address), allowed)])


def lay_out(experiment: Experiment, project: Project) -> Grid:
    """The grid of an experiment.

    Raises:
        UserError: if the experiment is not valid.
    """
    variants = resolve_variants(experiment)
    check_drawn_axes(experiment.report, experiment.load, experiment.temperature)
    return expand(variants, lambda variant: find_components(variant, project))


def check_content(run_id: str, trained_on: str, data: DataRecord) -> None:
    """Require that a run was trained on exactly the data that are prepared here.

    Raises:
        ContentMismatchError: if it was not.
    """
    if trained_on != data.content_hash:
        raise ContentMismatchError(
            f"run {run_id} was trained on a different version of data {data.data_id}: content hash "
            f"{trained_on[:12]} instead of {data.content_hash[:12]}. A library that draws or reads "
            f"the data has changed; remove the run from data/ and the store to train it again"
        )


@contextmanager
def one_stage(workspace: Workspace) -> Iterator[None]:
    """Hold the project's lock; begins by removing what killed stages have left half-written.

    Raises:
        StorageError: if the lock file cannot be written.
    """
    project, store = workspace.project, workspace.store
    with project_lock(project.lock):
        removed = sum(map(remove_temporary, project.written()))
        shared = (workspace.runs.shared, workspace.measurements.shared, store / "data")
        for folder in (*shared, project.report.parent):
            removed += remove_temporary(folder, seconds=SECONDS_UNTIL_STALE)
        if removed:
            log.info("%d half-written files of an interrupted stage removed", removed)
        yield


def work_through(
    workspace: Workspace,
    title: str,
    function: JobFunction[Any],
    jobs: Sequence[Job],
    *,
    executor: Executor,
    speed: SpeedModel,
    device: str,
    recover: Recovery = lambda job, error: (),
) -> list[Failure]:
    """Run all jobs on the executor, with progress and timings; returns the failures.

    Args:
        workspace: the workspace.
        title: name of the stage, for progress and failures.
        function: a module-level function, called with a job's payload and its worker's cache.
        jobs: the jobs.
        executor: where they run.
        speed: predicts how long they take.
        device: kind of device that they run on.
        recover: may replace a job whose worker died or ran out of memory.

    Raises:
        Interrupted: on Ctrl-C, after logging what is saved.
    """
    from landscape_catalog.pipeline.shared.observed import ObservedStage

    if not jobs:
        return []
    project = workspace.project
    observed = ObservedStage(
        project, title, jobs, speed=speed, workers=executor.count, device=device
    )
    with observed as stage:
        try:
            return run_jobs(
                executor,
                function,
                jobs,
                on_submit=stage.submit,
                on_done=stage.end,
                on_tick=stage.tick,
                on_replace=stage.replace,
                recover=recover,
                speed=speed,
                activities=project.activities,
            )
        except Interrupted:
            log.warning(
                "interrupted: %d of %d jobs of `%s` are done, and what others had finished is "
                "kept; run the same command to continue",
                stage.done,
                len(jobs),
                title,
            )
            raise


def raise_failures(workspace: Workspace, title: str, failures: list[Failure]) -> None:
    """Raise an error that lists a stage's failures, if any; tracebacks are written to a file.

    Raises:
        JobsFailedError: if some jobs failed.
    """
    if not failures:
        remove(workspace.project.failures)
        return
    entries = [vars(failure) for failure in failures]
    write_file(workspace.project.failures, strict_json(entries, indent=1).encode())
    width = max(len(failure.name) for failure in failures)
    table = "\n".join(f"  {failure.name:<{width}}  {failure.reason}" for failure in failures)
    raise JobsFailedError(
        f"{title}: {len(failures)} jobs failed; the results of the others are kept. "
        f"Tracebacks: {workspace.project.shown(workspace.project.failures)}\n{table}"
    )
