"""The built-in tasks, described without importing torch.

To add a task, create a file in this folder and add an entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from landscape_catalog.datasets.facts import Kind

if TYPE_CHECKING:
    from landscape_catalog.tasks.task import Task

AUTO = "auto"  # selects the default task for the kind of data


@dataclass(frozen=True)
class TaskSpec:
    """A built-in task.

    Attributes:
        name: its value of `dataset.task`.
        where: its class, as `module:name`.
        perturbations: for each kind of data that it accepts, the perturbations that it supports.
        default_for: the kinds of data for which it is the default.
        normalises: whether its constructor takes the mean and standard deviation of each channel,
            which are stored with prepared images.
    """

    name: str
    where: str
    perturbations: Mapping[Kind, tuple[str, ...]]
    default_for: tuple[Kind, ...] = ()
    normalises: bool = False


_NUMERIC = ("mixup", "pixel_noise")
_LISTED = (
    TaskSpec(
        "classification",
        "landscape_catalog.tasks.classification:Classification",
        {"images": _NUMERIC, "points": _NUMERIC},
        default_for=("images", "points"),
        normalises=True,
    ),
    TaskSpec(
        "translation",
        "landscape_catalog.tasks.translation:Translation",
        {"text": ("token_noise",)},
        default_for=("text",),
    ),
)
TASKS: dict[str, TaskSpec] = {task.name: task for task in _LISTED}


def default_task(kind: Kind) -> str:
    """The task that `auto` stands for.

    >>> default_task("text")
    'translation'
    """
    return next(name for name, task in TASKS.items() if kind in task.default_for)


def tasks_for(kind: Kind) -> list[str]:
    """The built-in tasks that accept a kind of data."""
    return [name for name, task in TASKS.items() if kind in task.perturbations]


def make_task(name: str, moments: tuple[tuple[float, ...], tuple[float, ...]] | None) -> Task:
    """Create a built-in task.

    Args:
        name: a key of `TASKS`.
        moments: mean and standard deviation of each channel of the data, if available.
    """
    spec = TASKS[name]
    module, _, attribute = spec.where.partition(":")
    made: Task = getattr(import_module(module), attribute)(
        *(moments if spec.normalises and moments else ())
    )
    return made
