"""How checkpoints are measured: the paper's method, or that of a reference catalog."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from landscape_catalog.errors import CheckpointError
from landscape_catalog.experiment.measure import Measure
from landscape_catalog.experiment.reading import explain
from landscape_catalog.metrics.connectivity.settings import SHORTEST_FIT
from landscape_catalog.metrics.registry import METRICS

OF_RUNS, OF_PAIRS = ("loss", "hessian"), ("connectivity", "similarity", "distance")
# The section `measure` as the paper has it: its code keeps the running statistics of batch norm,
# and recomputes them along curves. Only the length of curves differs, 50 epochs there and here
# longer ones where these do not suffice, and the tolerance of the trace, which phases do not need.
PAPER: Mapping[str, Any] = {
    "batch_norm": "authors",
    "hessian": {"trace_tolerance": 0.05},
    "connectivity": {"epochs": "auto"},
}
TAKEN = ("batch_norm", "hessian", "connectivity", "similarity")  # of a reference's section
PAPER_UPDATES = 50 * 50_000 // 128  # of a curve in the paper
HESSIAN_VALUES = 614_400  # values of a batch that is differentiated twice: 200 of 3 x 32 x 32


def paper_method() -> Any:
    """The section `measure` with the paper's values, and curves that are long enough."""
    return reference_method(None)


def reference_method(section: Mapping[str, Any] | None) -> Any:
    """How the cells of a reference were measured, as far as it says; else as in the paper.

    The Hessian is always estimated by Lanczos, whichever backend a reference has used: both give
    the top eigenvalue and the trace of the same matrix. A curve of fixed length is fitted with half
    the length as well, since a fit that has not converged counts as missing.

    Args:
        section: its section `measure`; None: unknown.

    Raises:
        CheckpointError: if it is not valid.
    """
    given = {name: _first(value) for name, value in (section or {}).items() if name in TAKEN}
    for name in ("connectivity", "similarity", "hessian"):
        if not isinstance(given.get(name, {}), Mapping):
            raise CheckpointError(
                f"the reference's section `measure`: {name}: got {given[name]!r}; allowed: settings"
            )
    content: dict[str, Any] = {**PAPER, **given}
    content["hessian"] = {**content.get("hessian", {}), "backend": "native", "batches": 1}
    _require_comparable(content.get("similarity", {}))
    curve = dict(content.get("connectivity", {}))
    if curve.get("epochs") != "auto":
        curve["check"] = True
    content["connectivity"] = {**curve, "repeats": 1}
    try:
        return Measure.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(map(str, explain(error)))
        raise CheckpointError(f"the reference's section `measure`: {problems}") from None


def _require_comparable(similarity: Mapping[str, Any]) -> None:
    """Require a CKA that another network and images have as well."""
    if similarity.get("layer"):
        what = f"compares the layer `{similarity['layer']}`"
    elif similarity.get("perturbation") == "token_noise":
        what = "compares sentences with other tokens"
    else:
        return
    raise CheckpointError(
        f"the reference's CKA {what}, which checkpoints of another network do not have: it cannot "
        "be measured by the same method"
    )


def _first(value: Any) -> Any:
    """The primary probe of a section that may be a list."""
    return value[0] if isinstance(value, (list, tuple)) else value


def fitted_to(
    method: Any, n_train: int, input_shape: tuple[int, ...], *, longest: bool = False
) -> Any:
    """The method with batches that the data have, and that memory holds.

    Args:
        method: the section `measure`.
        n_train: training samples that are used.
        input_shape: of one input.
        longest: whether curves of variable length may take as many updates as the paper's, or 50
            epochs if that is more. An epoch of few data has few updates.
    """
    hessian, curve = first_probe(method, "hessian"), first_probe(method, "connectivity")
    samples = min(hessian.samples, n_train)
    at_once = max(1, HESSIAN_VALUES // max(1, math.prod(input_shape)))
    batch_size = min(curve.batch_size, n_train)
    method = changed(method, "connectivity", batch_size=batch_size)
    if longest:
        epochs = max(PAPER_UPDATES // (n_train // batch_size), 2 * SHORTEST_FIT)
        method = changed(method, "connectivity", max_epochs=epochs)
    return changed(
        method, "hessian", samples=samples, batch_size=None if samples <= at_once else at_once
    )


def changed(method: Any, section: str, **values: Any) -> Any:
    """The method with other settings in one of its sections."""
    settings = first_probe(method, section)
    return method.model_copy(update={section: settings.model_copy(update=values)})


def first_probe(method: Any, section: str | None) -> Any:
    """The settings of a section's primary probe; None if it has none."""
    return next(iter(method.probes(section)), None)


def method_in_words(method: Any) -> dict[str, str]:
    """How each metric is measured, by the metric's name."""
    words = {
        name: METRICS[name].method(first_probe(method, METRICS[name].section))
        for name in (*OF_RUNS, *OF_PAIRS)
    }
    statistics = {"authors": "running; recomputed along curves"}
    curve = first_probe(method, "connectivity")
    lengths = curve.lengths()
    length = f"{lengths[0]} to {lengths[-1]}" if lengths[1:] else f"{lengths[0]}"
    length += f" {curve.length_unit}"
    if curve.epochs == "auto":
        length += f" (until mc changes by less than {curve.convergence:g})"
    words["connectivity"] += (
        f", {length} in batches of {curve.batch_size}, learning rate {curve.lr:g}"
    )
    words["similarity"] += f", {first_probe(method, 'similarity').samples} samples"
    words["hessian"] += f", {first_probe(method, 'hessian').samples} training samples"
    words["batch_norm"] = statistics.get(method.batch_norm, method.batch_norm)
    return {name: word for name, word in words.items() if word != "direct"}
