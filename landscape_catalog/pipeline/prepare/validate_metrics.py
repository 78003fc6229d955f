"""Validates custom metrics by calling each of them before anything is trained."""

from __future__ import annotations

from functools import partial

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import CUSTOM_QUANTITY
from landscape_catalog.experiment.grid import Cell
from landscape_catalog.metrics.custom.compute import NETWORKS, call_metric, refused
from landscape_catalog.metrics.custom.spec import CustomSettings
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.models.randomness import SEEDS
from landscape_catalog.pipeline.shared.costs import network_key
from landscape_catalog.pipeline.shared.custom_metrics import import_metric, isolated
from landscape_catalog.pipeline.shared.loading import LoadedData, load_data
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.tasks import Data

TRIAL_SAMPLES = 16


def validate_metrics(workspace: Workspace) -> None:
    """Call each custom metric twice on each distinct network, untrained, with a few samples.

    Raises:
        CodeError: if one fails, returns something invalid, or different numbers the second time.
        SpecError: if `report.panels` names a value that a metric does not return.
    """
    every: tuple[CustomSettings, ...] = workspace.experiment.measure.custom
    returned: dict[str, dict[str, None]] = {settings.name: {} for settings in every}
    tried: set[str] = set()
    cache = WorkerCache()
    for cell in workspace.grid.cells if every else ():
        if network_key(cell) in tried:
            continue
        tried.add(network_key(cell))
        data_id = cell.landscape.data.data_id
        record = workspace.data_record(data_id)
        data = load_data(workspace.project.prepared / data_id, record, "cpu", cache)
        for settings in every:
            values = _try(workspace, cell, data, settings)
            returned[settings.name] |= dict.fromkeys(values)
    _require_panels(workspace.experiment.report.panels or (), returned)


def _try(
    workspace: Workspace, cell: Cell, data: LoadedData, settings: CustomSettings
) -> dict[str, Estimate]:
    """The values that a metric returns; raises an error unless two calls return the same."""
    custom = workspace.project.custom
    function = isolated(partial(import_metric, settings, workspace.project))
    task = data.task(cell, custom)
    few = Data(data.train[:TRIAL_SAMPLES], data.test[:TRIAL_SAMPLES])
    seed = derive_seed("trial of a custom metric") % SEEDS

    def values() -> dict[str, Estimate]:
        networks = [
            data.network(cell, custom, seed=i).eval() for i in range(NETWORKS[settings.scope])
        ]
        return call_metric(settings, function, networks, few, task, seed=seed)

    first, second = values(), values()
    for name in [*first, *(name for name in second if name not in first)]:
        # Compared as text, so that NaN equals NaN; `repr` gives all digits of a float.
        one, other = repr(first.get(name)), repr(second.get(name))
        if one != other:
            raise refused(
                settings,
                f"called twice on the same networks with the same seed, it returned {one} and "
                f"then {other} as `{name}`; draw random numbers from `seed`",
            )
    return first


def _require_panels(panels: tuple[str, ...], returned: dict[str, dict[str, None]]) -> None:
    """Require that the metrics return every value named in `report.panels`."""
    known = [f"custom.{name}.{value}" for name, values in returned.items() for value in values]
    problems = [
        Problem("report.panels", repr(panel), ", ".join([*QUANTITIES, *known]))
        for panel in panels
        if CUSTOM_QUANTITY.fullmatch(panel) is not None and panel not in known
    ]
    if problems:
        raise SpecError(problems)
