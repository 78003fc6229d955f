"""What the threshold on the Hessian falls back on: the edge of stability of the cells' training."""

from __future__ import annotations

import numpy as np

from landscape_catalog.phases.auto.found import rounded
from landscape_catalog.phases.diagram import Diagram

METRIC = "top_eigenvalue"


def stability_default(diagram: Diagram, metric: str, default: float) -> tuple[float, str]:
    """2 (1 + momentum) / lr of the cells, and how it came about in words.

    Gradient descent with momentum overshoots in a quadratic with a larger top eigenvalue (Polyak
    1964; Cohen et al. 2021). Where learning rates differ, it is the geometric mean over cells,
    since one threshold is for all of them.

    Args:
        diagram: the cells.
        metric: of the Hessian.
        default: the documented one, for another metric or if no learning rate is known.
    """
    if metric != METRIC:
        return default, f"nothing better than {default:g} is known for the {metric}"
    if diagram.rates is None or diagram.momenta is None:
        return default, _unknown(default)
    with np.errstate(all="ignore"):
        edges = 2 * (1 + diagram.momenta) / diagram.rates
    known = np.isfinite(edges) & (edges > 0)
    if not known.any():
        return default, _unknown(default)
    rates, momenta, edges = diagram.rates[known], diagram.momenta[known], edges[known]
    value = rounded(float(np.exp(np.log(edges).mean())))
    words = (
        f"2 (1 + momentum) / lr for the cells' own learning rate {_range(rates)} and momentum "
        f"{_range(momenta)}"
    )
    if np.ptp(edges) > 1e-9 * edges.max():
        words += f" is {_range(edges)}, its geometric mean {value:g}"
    if not known.all():
        words += f" (constant and known for {int(known.sum())} of {len(known)} cells)"
    return value, words


def _unknown(default: float) -> str:
    return (
        f"{default:g} is 2 (1 + momentum) / lr for a learning rate of 0.05 and momentum 0.9; a "
        "constant learning rate of SGD with its momentum is not known for these cells"
    )


def _range(values: np.ndarray) -> str:
    """One value, or the lowest and highest.

    >>> _range(np.array([0.1, 0.1])), _range(np.array([0.1, 0.05]))
    ('0.1', '0.05 to 0.1')
    """
    low, high = float(values.min()), float(values.max())
    return f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
