"""The wide view `cells`, and `performances`: the test metric by which cells are ranked."""

from __future__ import annotations

from collections.abc import Iterable

from landscape_catalog.catalog.views.view import View
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES

_PHASE = (
    "phase",
    "phase_probability",
    "second_phase",
    "reason",
    "probability_reason",
    "ambiguous",
    "doubtful",
)
_PARTS = {"mean": "", "sd": "_sd", "n": "_n", "status": "_status", "reason": "_reason"}
_MEANINGS = {
    "mean": "mean over converged runs or their pairs, by the primary probe",
    "sd": "standard deviation over them",
    "n": "number of runs or pairs",
    "status": "`ok`, `not converged` or `missing`",
    "reason": "why it is not `ok`",
}
_BETTER_HIGHER = ", ".join(f"'{name}'" for name, q in QUANTITIES.items() if q.better == "higher")


def cells_view(metrics: Iterable[str]) -> View:
    """The wide view with columns for these metrics.

    Args:
        metrics: their names in `cell_metrics`, in which there is one row for each and cell.
    """
    columns, parts = {}, []
    for metric in metrics:
        for part, suffix in _PARTS.items():
            columns[f"{metric}{suffix}"] = f"{metric}: {_MEANINGS[part]}"
            name, text = f"{metric}{suffix}".replace('"', '""'), metric.replace("'", "''")
            parts.append(f"max(CASE WHEN metric = '{text}' THEN {part} END) AS \"{name}\"")
    wide = ",\n        ".join(parts)
    return View(
        "cells",
        "a cell: its parameters, phase, and mean, sd, count, status and reason of each metric",
        columns,
        f"""\
WITH wide AS (
    SELECT origin, experiment_id, cell_id,
        {wide}
    FROM core.cell_metrics WHERE probe = '{PRIMARY}' GROUP BY origin, experiment_id, cell_id
)
SELECT c.*, e.classification_id, l.dataset, l.model, l.n_parameters,
    {", ".join(f"p.{name}" for name in _PHASE)},
    wide.* EXCLUDE (origin, experiment_id, cell_id)
FROM core.cells AS c
JOIN core.experiments AS e USING (origin, experiment_id)
LEFT JOIN core.landscapes AS l USING (origin, landscape_id)
LEFT JOIN wide USING (origin, experiment_id, cell_id)
LEFT JOIN core.phases AS p
    ON p.origin = c.origin AND p.experiment_id = c.experiment_id AND p.cell_id = c.cell_id
    AND p.classification_id = e.classification_id
ORDER BY c.origin, c.position""",
        ("experiments", "landscapes", "cells", "cell_metrics", "phases"),
    )


CELLS = cells_view(QUANTITIES)
"""The view with the metrics that are declared; `catalog_sql` adds what else is in the data."""

PERFORMANCES = View(
    "performances",
    "a cell with the test metric by which cells of its experiment are ranked",
    {
        "metric": "name of the metric",
        "performance": "its mean over converged runs",
        "standard_error": "of the mean, over runs",
        "score": "the mean, or minus the mean where less is better",
    },
    f"""\
SELECT c.origin, c.experiment_id, e.classification_id, c.cell_id, m.metric,
    m.mean AS performance, m.standard_error,
    CASE WHEN m.metric IN ({_BETTER_HIGHER}) THEN m.mean ELSE -m.mean END AS score
FROM core.cells AS c
JOIN core.experiments AS e USING (origin, experiment_id)
JOIN core.cell_metrics AS m
    ON m.origin = c.origin AND m.experiment_id = c.experiment_id AND m.cell_id = c.cell_id
    AND m.metric = e.performance_metric AND m.probe = '{PRIMARY}'""",
    ("experiments", "cells", "cell_metrics"),
)
