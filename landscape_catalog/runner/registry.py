"""Registry of executors, by their name in `execution.executor`."""

from __future__ import annotations

from collections.abc import Callable

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.runner.device import chosen_workers
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.processes import ProcessExecutor
from landscape_catalog.runner.serial import SerialExecutor

EXECUTORS: dict[str, Callable[[Execution], Executor]] = {
    "processes": lambda execution: ProcessExecutor(chosen_workers(execution)),
    "serial": lambda execution: SerialExecutor(),
}


def chosen_executor(execution: Execution) -> Executor:
    """The executor that an experiment requests; workers start only with the first job.

    Raises:
        SpecError: if there is no executor of that name.
    """
    if execution.executor not in EXECUTORS:
        given, allowed = repr(execution.executor), " or ".join(EXECUTORS)
        raise SpecError([Problem("execution.executor", given, allowed)])
    return EXECUTORS[execution.executor](execution)
