"""Maps neural-network training onto the phases of its loss landscape.

`import landscape_catalog as lc` is the front door; docs/python.md shows it. Nothing heavy is loaded
before it is used.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from landscape_catalog import errors
from landscape_catalog._lazy import lazy_exports

if TYPE_CHECKING:
    from landscape_catalog.api.networks import evaluate, hessian, spectral_density
    from landscape_catalog.api.pairs import cka, l2_distance, line_barrier, mode_connectivity
    from landscape_catalog.api.values import estimates
    from landscape_catalog.metrics.estimate import Estimate
    from landscape_catalog.tasks.classification import Classification
    from landscape_catalog.tasks.samples import Data, Samples
    from landscape_catalog.tasks.task import Perturbation, Task

__version__ = version("landscape_catalog")
__all__ = [
    "Classification",
    "Data",
    "Estimate",
    "Perturbation",
    "Samples",
    "Task",
    "__version__",
    "cka",
    "errors",
    "estimates",
    "evaluate",
    "hessian",
    "l2_distance",
    "line_barrier",
    "mode_connectivity",
    "spectral_density",
]

_API = "landscape_catalog.api"
_TASKS = "landscape_catalog.tasks"
__getattr__, _lazy_names = lazy_exports(
    __name__,
    {
        "Classification": f"{_TASKS}.classification",
        "Data": f"{_TASKS}.samples",
        "Estimate": "landscape_catalog.metrics.estimate",
        "Perturbation": f"{_TASKS}.task",
        "Samples": f"{_TASKS}.samples",
        "Task": f"{_TASKS}.task",
        "cka": f"{_API}.pairs",
        "estimates": f"{_API}.values",
        "evaluate": f"{_API}.networks",
        "hessian": f"{_API}.networks",
        "l2_distance": f"{_API}.pairs",
        "line_barrier": f"{_API}.pairs",
        "mode_connectivity": f"{_API}.pairs",
        "spectral_density": f"{_API}.networks",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
