"""The view `double_descent`: how performance goes along each axis of the grid."""

from __future__ import annotations

from landscape_catalog.catalog.views.view import View

DOUBLE_DESCENT = View(
    "double_descent",
    "a cell as a point of a slice: a line through the grid along one axis",
    {
        "axis": "the parameter that varies along the slice",
        "slice": "the other parameters that vary in the experiment, as text",
        "value": "of the axis",
        "metric": "the test metric by which cells are ranked",
        "performance": "its mean over converged runs",
        "standard_error": "of that mean, over runs",
        "change": "performance minus that at the next lower value of the axis",
        "dip": "how much worse it is than the best on either side, whichever is less: more than 0 "
        "in a dip, between two better values; null at the ends",
    },
    """\
WITH varying AS (
    SELECT origin, experiment_id, parameter FROM coordinates
    GROUP BY ALL HAVING count(DISTINCT value) > 1
), placed AS (
    SELECT k.* FROM coordinates AS k JOIN varying USING (origin, experiment_id, parameter)
), slices AS (
    SELECT a.origin, a.experiment_id, a.cell_id, a.parameter AS axis, a.number AS value,
        coalesce(string_agg(o.parameter || ' = ' || o.value, ', ' ORDER BY o.parameter), '')
            AS slice
    FROM placed AS a
    LEFT JOIN placed AS o
        ON o.origin = a.origin AND o.experiment_id = a.experiment_id AND o.cell_id = a.cell_id
        AND o.parameter <> a.parameter
    WHERE a.number IS NOT NULL
    GROUP BY ALL
), points AS (
    SELECT *,
        lag(performance) OVER along AS lower,
        max(score) OVER (along ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
        max(score) OVER (along ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS after
    FROM slices JOIN performances AS p USING (origin, experiment_id, cell_id)
    WINDOW along AS (
        PARTITION BY origin, experiment_id, classification_id, axis, slice ORDER BY value
    )
)
SELECT points.origin, points.experiment_id, points.classification_id, axis, slice, value,
    points.cell_id, metric, performance, standard_error, performance - lower AS change,
    CASE WHEN before IS NULL OR after IS NULL THEN NULL
        ELSE least(before, after) - score END AS dip,
    c.phase, c.train_loss, c.top_eigenvalue, c.mode_connectivity, c.cka
FROM points
JOIN cells AS c USING (origin, experiment_id, classification_id, cell_id)
ORDER BY points.origin, points.classification_id, axis, slice, value""",
    ("experiments", "landscapes", "cells", "cell_metrics", "phases"),
)
