"""Registry of executors, by their name in `execution.engine`."""

from __future__ import annotations

from collections.abc import Callable

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.runner.device import chosen_placement, chosen_workers, own_gpu
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.processes import ProcessExecutor
from landscape_catalog.runner.serial import SerialExecutor


def _dask(execution: Execution) -> Executor:
    """The executor on a Dask cluster; Dask is imported when it is connected to."""
    from landscape_catalog.runner.dask_engine import DaskExecutor

    return DaskExecutor(execution)


EXECUTORS: dict[str, Callable[[Execution], Executor]] = {
    "local": lambda execution: ProcessExecutor(
        chosen_workers(execution), chosen_placement(execution)
    ),
    "serial": lambda execution: SerialExecutor(own_gpu(execution)),
    "dask": _dask,
}


def chosen_executor(execution: Execution) -> Executor:
    """The executor that an experiment requests; workers start only with the first job.

    Raises:
        SpecError: if there is no executor of that name, or `dask` lacks a scheduler or its package.
    """
    if execution.engine not in EXECUTORS:
        given, allowed = repr(execution.engine), " or ".join(EXECUTORS)
        raise SpecError([Problem("execution.engine", given, allowed)])
    return EXECUTORS[execution.engine](execution)
