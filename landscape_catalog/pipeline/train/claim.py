"""The runs of a training job that this worker has to train itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from landscape_catalog.experiment.grid import Run
from landscape_catalog.runner.activity import waiting
from landscape_catalog.store.cache import ArtifactCache
from landscape_catalog.store.partial import remove_checkpoint, run_locks
from landscape_catalog.store.records import RunRecord


@contextmanager
def claimed(
    runs: Sequence[Run],
    cache: ArtifactCache,
    partial: Path,
    is_sufficient: Callable[[RunRecord], bool],
    on_found: Callable[[Run, RunRecord], None] = lambda run, record: None,
) -> Iterator[tuple[Run, ...]]:
    """Lock runs and take those from the store that another process has finished meanwhile.

    Another workspace, or a worker of this one that died after it had written some of them, may have
    trained them since the stage looked. Within the block no other process trains them.

    Args:
        runs: the runs of a job.
        cache: the cache of runs.
        partial: the folder of checkpoints and locks.
        is_sufficient: whether a finished run has everything that is needed.
        on_found: called with each finished run, e.g. to check its data; its error ends the job.

    Yields:
        The runs that are still to be trained, in their order.
    """
    with ExitStack() as locks:
        with waiting():
            locks.enter_context(run_locks(partial, [run.run_id for run in runs]))
        missing = []
        for run in runs:
            record = cache.fetch(run.run_id, is_sufficient)
            if record is None:
                missing.append(run)
            else:
                on_found(run, record)
                remove_checkpoint(partial, run.run_id)
        yield tuple(missing)
