"""Peak memory of each kind of job on a GPU, and what becomes of jobs that run out of it.

Peaks are those of torch's allocator in this process. What a process takes besides (its context and
kernels) can be told only where no other one is on the card: `two_processes`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.on_gpu.clock import CLASSES, SHAPE, TASK, images, network, synchronise
from benchmarks.on_gpu.out_of_memory import check_recovery
from benchmarks.on_gpu.part import Note, Settings, going_on
from landscape_catalog.graphs.recorded import WARM_UP
from landscape_catalog.metrics.numerics.curves.fit import fit_curve
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.features import centred_features
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.pipeline.train.memory import training_memory
from landscape_catalog.runner.memory import WORKER_BYTES
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.tasks import Perturbation
from landscape_catalog.training import Member, Recipe, train, train_replayed

MIB = 2**20
STEPS = 3
RECORDED = WARM_UP + 2  # steps, of which the last ones are replayed
GROUP = 5
Job = tuple[str, Callable[[], object], int | None]
"""A name, the job, and the bytes that the product predicts for it, if it predicts them."""


def run(settings: Settings, note: Note) -> None:
    """First what becomes of a lack of memory, then the peaks; the largest networks last."""
    with going_on(note, "recovery"):
        check_recovery(settings, note)
    with reproducible():
        for width in (1,) if settings.toy else (8, 2, 64):
            for name, job, predicted in _jobs(width, settings):
                if not settings.has_time(note, name):
                    continue
                with going_on(note, name):
                    _note_peak(note, name, job, predicted, settings)


def _note_peak(
    note: Note, name: str, job: Callable[[], object], predicted: int | None, settings: Settings
) -> None:
    """Note the most memory that a job had at a time, less what was there before it."""
    before = 0
    gc.collect()
    if settings.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    job()
    synchronise(settings.device)
    facts: dict[str, Any] = {}
    if settings.device == "cuda":
        facts["allocated_mib"] = round((torch.cuda.max_memory_allocated() - before) / MIB, 1)
        facts["reserved_mib"] = round(torch.cuda.max_memory_reserved() / MIB, 1)
        facts["before_mib"] = round(before / MIB, 1)
    if predicted is not None:
        facts["predicted_mib"] = round(predicted / MIB, 1)
    note(name, **facts)


def _jobs(width: int, settings: Settings) -> list[Job]:
    """The kinds of jobs at one width."""
    device, toy = settings.device, settings.toy
    batch, n = (8, 24) if toy else (128, 5000)

    def trained() -> None:
        recipe = Recipe(batch_size=batch, stopping="updates", updates=STEPS)
        train(network(width, device), images(STEPS * batch, device), TASK, recipe, seed=0)

    def recorded(members: int) -> None:
        recipe = Recipe(batch_size=batch, stopping="updates", updates=RECORDED)
        data = images(STEPS * batch, device)
        train_replayed(
            [
                Member(network(width, device, seed), data, TASK, recipe, seed)
                for seed in range(members)
            ]
        )

    def curve() -> None:
        one, other = (network(width, device, seed).state_dict() for seed in (0, 1))
        recipe = CurveRecipe(batch_size=batch, updates=RECORDED)
        data = images(STEPS * batch, device)
        fit_curve(network(width, device), (one, other), data, TASK, recipe, seed=0)

    def product(parts: int) -> None:
        data = images(8 if toy else 200, device)
        size = None if parts == 1 else len(data) // parts
        operator = BatchHessian(network(width, device), data, TASK, batch_size=size)
        for _ in range(RECORDED):
            operator(torch.ones(operator.size, device=device))

    def cka() -> None:
        data = images(n, device)
        perturbed = TASK.perturb(data, Perturbation(samples=n), seed=0)
        one, other = (
            centred_features(network(width, device, seed), perturbed, TASK) for seed in (0, 1)
        )
        similarity(one, other)

    name = f"k={width}"
    jobs: list[Job] = [
        (f"training, {name}", trained, predicted_bytes(width, batch, 1)),
        (f"curve fit, {name}", curve, None),
        (f"Hessian product, {name}", lambda: product(1), None),
        (f"Hessian product in four parts, {name}", lambda: product(4), None),
        (f"CKA of {n}, {name}", cka, None),
        (
            f"evaluation of {n}, {name}",
            lambda: evaluate(network(width, device), images(n, device), TASK),
            None,
        ),
    ]
    for members in (1, GROUP):
        predicted = predicted_bytes(width, batch, members)
        jobs.append(
            (f"recorded training of {members}, {name}", partial(recorded, members), predicted)
        )
    return jobs


def predicted_bytes(width: int, batch: int, members: int) -> int:
    """What the product's formula for a CPU gives, without the worker itself."""
    sizes = {"width": width, "input_shape": SHAPE, "n_outputs": CLASSES, "args": {}}
    cell = SimpleNamespace(
        network={"name": "resnet18", **sizes},
        temperature={"batch_size": batch},
        train=SimpleNamespace(optimizer="sgd"),
        landscape=SimpleNamespace(data=SimpleNamespace(facts=SimpleNamespace(kind="images"))),
    )
    runs: Any = [SimpleNamespace(cell=cell)] * members
    return training_memory(runs, ("best_train_loss",)) - WORKER_BYTES
