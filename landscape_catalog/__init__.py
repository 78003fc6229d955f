"""Maps neural-network training onto the phases of its loss landscape.

`import landscape_catalog as lc` is the whole Python interface, described in docs/python.md. Each
name is imported on first use, so the import itself loads next to nothing: neither torch nor Polars,
nor anything in which Ctrl-C could interrupt the program `landscape` before it listens.
"""

from __future__ import annotations

from landscape_catalog._lazy import lazy_exports

TYPE_CHECKING = False  # as of `typing`, whose import takes longer than all of this module
if TYPE_CHECKING:
    from landscape_catalog import errors
    from landscape_catalog._version import __version__
    from landscape_catalog.api.catalog import Catalog, open_catalog
    from landscape_catalog.api.curves import line_barrier, mode_connectivity
    from landscape_catalog.api.diagnosis import diagnose_checkpoints
    from landscape_catalog.api.experiment import Experiment
    from landscape_catalog.api.networks import evaluate, hessian, spectral_density
    from landscape_catalog.api.phase import classify
    from landscape_catalog.api.similarity import cka, l2_distance
    from landscape_catalog.api.values import estimates
    from landscape_catalog.metrics.estimate import Estimate
    from landscape_catalog.tasks.classification import Classification
    from landscape_catalog.tasks.samples import Data, Samples
    from landscape_catalog.tasks.task import Perturbation, Task

__all__ = [
    "Catalog",
    "Classification",
    "Data",
    "Estimate",
    "Experiment",
    "Perturbation",
    "Samples",
    "Task",
    "__version__",
    "cka",
    "classify",
    "diagnose_checkpoints",
    "errors",
    "estimates",
    "evaluate",
    "hessian",
    "l2_distance",
    "line_barrier",
    "mode_connectivity",
    "open_catalog",
    "spectral_density",
]

_API = "landscape_catalog.api"
_TASKS = "landscape_catalog.tasks"
__getattr__, _ = lazy_exports(
    __name__,
    {
        "Catalog": f"{_API}.catalog",
        "Classification": f"{_TASKS}.classification",
        "Data": f"{_TASKS}.samples",
        "Estimate": "landscape_catalog.metrics.estimate",
        "Experiment": f"{_API}.experiment",
        "Perturbation": f"{_TASKS}.task",
        "Samples": f"{_TASKS}.samples",
        "Task": f"{_TASKS}.task",
        "__version__": "landscape_catalog._version",
        "cka": f"{_API}.similarity",
        "classify": f"{_API}.phase",
        "diagnose_checkpoints": f"{_API}.diagnosis",
        "errors": None,
        "estimates": f"{_API}.values",
        "evaluate": f"{_API}.networks",
        "hessian": f"{_API}.networks",
        "l2_distance": f"{_API}.similarity",
        "line_barrier": f"{_API}.curves",
        "mode_connectivity": f"{_API}.curves",
        "open_catalog": f"{_API}.catalog",
        "spectral_density": f"{_API}.networks",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
