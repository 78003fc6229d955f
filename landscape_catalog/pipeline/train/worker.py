"""The worker side of stage 2: trains the runs of one job and writes them."""

from __future__ import annotations

from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.payloads import TrainPayload
from landscape_catalog.pipeline.shared.workspace import check_content
from landscape_catalog.pipeline.train.checkpoints import Interval
from landscape_catalog.pipeline.train.claim import claimed
from landscape_catalog.pipeline.train.run_training import RunTraining
from landscape_catalog.runner.activity import report_resumed
from landscape_catalog.runner.memory import named_memory_errors
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.store.records import RunRecord
from landscape_catalog.training import train_group, train_replayed

ADVICE = "reduce `load.width`, `temperature.batch_size` or `execution.workers`"


def train_and_keep(payload: TrainPayload, cache: WorkerCache) -> None:
    """Train the runs of a job, and write each to the project and the store as soon as it ends.

    Raises:
        ContentMismatchError: if a run exists without a snapshot that is wanted now, and retraining
            it with the same software and hardware gave different weights, or if another process
            has meanwhile trained it on other data.
        OutOfMemoryError: if a lone run needs more memory than there is, with what to reduce.
        CodeError: if a new network with a run's weights does not give the trained one's answers.
    """
    if not payload.runs:  # all are finished already
        return
    wanted = set(payload.snapshots)

    def is_sufficient(record: RunRecord) -> bool:
        return wanted <= record.snapshots.keys()

    def check(run: Run, record: RunRecord) -> None:
        data = payload.data[run.cell.landscape.data.data_id]
        check_content(run.run_id, record.data_content_hash, data)

    advice = ADVICE if len(payload.runs) == 1 else ""  # a group is split
    with (
        named_memory_errors(advice),
        claimed(payload.runs, payload.cache, payload.partial, is_sufficient, check) as runs,
    ):
        interval = Interval(payload.checkpoint_seconds)
        left = len(runs) / len(payload.runs)
        if left < 1:
            report_resumed(1 - left)
        members = [RunTraining(payload, run, cache, interval, left) for run in runs]
        if members and members[0].can_be_replayed():
            train_replayed([member.as_member() for member in members])
        elif members and members[0].is_stacked:
            train_group([member.as_member() for member in members])
        else:
            for member in members:
                member.train_alone()
    errors = [member.error for member in members if member.error is not None]
    if errors:
        raise type(errors[0])("; ".join(map(str, errors))) from errors[0]
