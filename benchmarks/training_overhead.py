"""What a run costs beside its training: the engine, the store, and DVC, with 1,000 tiny runs."""

from __future__ import annotations

import shutil
import statistics
import sys
from typing import Any

from benchmarks.product import Params, Product, write_params
from benchmarks.training_cases import SMALLEST_MEASUREMENTS, Effort, experiment

SAMPLES, BATCH_SIZE = 32, 16
SHORT, LONG = 1, 11  # updates of a run; the difference gives the time of an update
EARLY = 100  # number of runs after which a worker's memory is read for the first time


def tiny_runs(count: int, updates: int) -> Params:
    """`count` runs of ResNet18(1), each a cell of its own so that there are no pairs to measure.

    The cells form a grid of learning rates and weight decays.
    """
    rows = next(n for n in range(int(count**0.5), 0, -1) if count % n == 0)
    return experiment(
        dataset={"name": "digits"},
        model={"name": "resnet18"},
        load={"width": 1, "samples": SAMPLES},
        temperature={
            "batch_size": BATCH_SIZE,
            "lr": [round(0.05 + 1e-4 * i, 6) for i in range(count // rows)],
            "weight_decay": [round(1e-4 + 1e-6 * i, 8) for i in range(rows)],
        },
        train={"stopping": "updates", "updates": updates, "seeds": 1},
        measure=SMALLEST_MEASUREMENTS,
        workers=2,
    )


def overhead(product: Product, effort: Effort) -> dict[str, Any]:
    """The overhead of runs, a worker's memory, and a `dvc repro` with nothing to do.

    The runs belong to a study that `landscape init` has made. They are trained by the stage with
    one update each, and with 11; what is left at no update is the overhead of a run.

    Returns:
        Seconds of both trainings, the overhead in milliseconds of wall-clock time per run
        (`overhead_ms`) and the same of the cores' time (`core_ms`), seconds until the workers have
        started, MB of the largest worker after 100 runs and after all, and seconds of `dvc repro`:
        the first one, which measures all runs, and the median of those with nothing to do.
    """
    study = product.folder / "tiny-runs"
    shutil.rmtree(study, ignore_errors=True)
    words = (sys.executable, "-m", "landscape_catalog")
    product.command(product.folder, *words, "init", str(study))
    write_params(study, tiny_runs(effort.tiny_runs, LONG))
    product.command(study, *words, "prepare")
    product.start(study)
    long = product.train(study).seconds
    write_params(study, tiny_runs(effort.tiny_runs, SHORT))
    product.start(study)
    trained = product.train(study, memory=True)
    update = (long - trained.seconds) / (LONG - SHORT)
    each = 1e3 * (trained.seconds - SHORT * update) / trained.runs
    first = product.command(study, "dvc", "repro")
    no_ops = [product.command(study, "dvc", "repro") for _ in range(effort.no_ops)]
    return {
        "runs": trained.runs,
        "seconds": trained.seconds,
        "seconds_of_long_runs": long,
        "overhead_ms": each,
        "core_ms": each * len(product.workers),
        "seconds_to_start": product.seconds_to_start,
        "early_runs": min(EARLY, trained.runs),
        "early_megabytes": trained.memory_at(EARLY),
        "final_megabytes": trained.memory[-1][1],
        "first_repro_seconds": first,
        "no_op_seconds": statistics.median(no_ops),
    }
