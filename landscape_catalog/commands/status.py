"""`landscape status`: what the running stage is at; if none runs, what is finished."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import psutil

from landscape_catalog.commands import STAGES
from landscape_catalog.paths import Project
from landscape_catalog.regular import read_regular
from landscape_catalog.runner.progress import format_duration
from landscape_catalog.runner.status import JobStatus, StageStatus, read_status
from landscape_catalog.store.lock import holder_file
from landscape_catalog.store.notes import read_note

SHOWN_FAILURES = 5


def describe_status(root: Path, now: float | None = None) -> str:
    """Describe the running stage, or else what of the experiment is finished.

    Nothing is changed, no lock is taken, and torch is not imported.

    Args:
        root: the project's folder.
        now: Unix time; None: that of the clock.

    Raises:
        SpecError: if no stage is running and `params.yaml` is not a valid experiment.
    """
    project, now = Project(root), time.time() if now is None else now
    status = read_status(project.status)
    if status is not None and status.is_running(now):
        return "\n".join(_running_lines(status, now))
    stage = _lock_holder(project)
    first = _ended_lines(project, status, now) if stage is None else [stage]
    return "\n".join([*first, *_finished_lines(root)])


def _running_lines(status: StageStatus, now: float) -> list[str]:
    left = max(status.seconds_left - (now - status.updated), 0.0)
    failed = f", {len(status.failed)} of them failed" if status.failed else ""
    lines = [
        f"stage         {status.stage}, running for {format_duration(now - status.started)} "
        f"(process {status.process.pid}{_on(status.process.host)})",
        f"jobs          {status.done} of {status.jobs} done{failed}, "
        f"{len(status.running)} running, {status.waiting} waiting",
        f"time left     about {format_duration(left)} with {status.workers} workers",
    ]
    lines += [_worker_line(number, job, now) for number, job in enumerate(status.running, 1)]
    return lines + _failure_lines(status.failed)


def _worker_line(number: int, job: JobStatus, now: float) -> str:
    host, _, process = job.worker.rpartition(":")
    who = f" (process {process}{_on(host)})" if process else ""
    done = f", {job.done:.0%} done" if job.done else ""
    so_far = format_duration(max(now - job.since, 0.0))
    if job.waits:
        return (
            f"{f'worker {number}':<14}{job.name}, has waited for another process for {so_far}{who}"
        )
    return (
        f"{f'worker {number}':<14}{job.name}, for {so_far} of "
        f"about {format_duration(job.predicted)}{done}{who}"
    )


def _on(host: str) -> str:
    """Where a process runs, if that is not this machine."""
    return "" if host == platform.node() else f" on {host}"


def _lock_holder(project: Project) -> str | None:
    """The stage that holds the project's lock without running jobs, such as `prepare`."""
    holder = holder_file(project.lock)
    try:
        process = psutil.Process(int(read_regular(holder)))
        if process.create_time() > holder.stat().st_mtime:
            return None  # the id has been given to another process since
        words = process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    if not words or words[-1] not in STAGES:
        return None
    return f"stage         {words[-1]}, running without jobs now (process {process.pid})"


def _ended_lines(project: Project, status: StageStatus | None, now: float) -> list[str]:
    """How the last stage that had jobs ended."""
    if status is None:
        return ["stage         none is running"]
    ago = f"{format_duration(max(now - status.updated, 0.0))} ago"
    done = f"{status.done} of {status.jobs} jobs done"
    if not status.ended or status.done < status.jobs:
        how = "interrupted" if status.ended else "killed; it was last seen"
        return [
            f"stage         none is running; {status.stage} was {how} {ago}, {done}. "
            "Finished results are kept; `dvc repro` continues"
        ]
    lines = [f"stage         none is running; {status.stage} ended {ago}, {done}"]
    failed = _last_failures(project)
    if failed:
        shown = project.shown(project.failures)
        lines.append(f"failures      {len(failed)}; tracebacks are in {shown}")
    return lines + _failure_lines(failed)


def _last_failures(project: Project) -> tuple[str, ...]:
    """Name and reason of each failed job of the last stage that had any."""
    failures = read_note(project.failures, list[dict[str, str]]) or []
    return tuple(f"{found.get('name')}: {found.get('reason')}" for found in failures)


def _failure_lines(failed: tuple[str, ...]) -> list[str]:
    lines = [f"failed        {name}" for name in failed[:SHOWN_FAILURES]]
    more = len(failed) - SHOWN_FAILURES
    return [*lines, f"              and {more} more"] if more > 0 else lines


def _finished_lines(root: Path) -> list[str]:
    # Imported here, since a stage's own file is read several times faster.
    from landscape_catalog.commands.remaining import what_is_left
    from landscape_catalog.pipeline.shared.workspace import open_workspace

    workspace = open_workspace(root)
    remaining = what_is_left(workspace)
    total, needed = len(workspace.grid.runs), remaining.n_measurements
    return [
        f"runs          {total - remaining.n_runs} of {total} trained",
        f"measurements  {needed - remaining.n_left} of {needed} made",
    ]
