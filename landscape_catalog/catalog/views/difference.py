"""The macro `experiment_diff`: two experiments, cell by cell."""

from __future__ import annotations

from landscape_catalog.catalog.views.view import View
from landscape_catalog.metrics.metric import PRIMARY


def _chosen(side: str) -> str:
    """The experiment that an argument names: by source, experiment or classification."""
    named = (
        f"({side} IN (e.origin, e.experiment_id, e.classification_id) "
        f"OR e.origin IN (SELECT s.origin FROM core.sources AS s WHERE s.name = {side}))"
    )
    count = f"(SELECT count(*) FROM core.experiments AS e WHERE {named})"
    given = f"coalesce({side}::VARCHAR, 'NULL')"
    return f"""\
SELECT * FROM core.experiments AS e
    WHERE CASE
        WHEN {count} = 0
        THEN error('experiment_diff: there is no experiment ''' || {given} || ''' here; '
            || 'the table experiments lists them, and --all asks every source')
        WHEN {count} > 1
        THEN error('experiment_diff: ''' || {given} || ''' is the id of several; name one by '
            || 'its origin or classification_id')
        ELSE {named} END"""


def _counted(side: str) -> str:
    """How many values each parameter of an experiment takes."""
    return f"""\
SELECT parameter, count(DISTINCT value) AS n FROM coordinates
    JOIN chosen_{side} USING (origin, experiment_id) GROUP BY parameter"""


def _placed(side: str) -> str:
    """Each cell with its phase, and its place among the parameters that vary, as text."""
    return f"""\
SELECT k.origin, k.experiment_id, k.cell_id, p.phase,
        coalesce(string_agg(k.parameter || ' = ' || k.value, ', ' ORDER BY k.parameter)
            FILTER (WHERE v.parameter IS NOT NULL), '') AS cell
    FROM coordinates AS k
    JOIN chosen_{side} AS e USING (origin, experiment_id)
    LEFT JOIN varying AS v ON v.parameter = k.parameter
    LEFT JOIN core.phases AS p
        ON p.origin = k.origin AND p.experiment_id = k.experiment_id
        AND p.cell_id = k.cell_id AND p.classification_id = e.classification_id
    GROUP BY ALL"""


def _measured(side: str) -> str:
    """The metrics of each cell."""
    return f"""\
SELECT placed.cell, m.metric, m.mean, m.standard_error
    FROM placed_{side} AS placed
    JOIN core.cell_metrics AS m
        ON m.origin = placed.origin AND m.experiment_id = placed.experiment_id
        AND m.cell_id = placed.cell_id AND m.probe = '{PRIMARY}'"""


EXPERIMENT_DIFF = View(
    "experiment_diff",
    "a metric of a cell in two experiments, named by source, experiment or classification; cells "
    "match by the parameters that vary in either",
    {
        "cell": "the parameters that vary in either experiment, as text",
        "cell_a": "its id in the first; null if it has no such cell",
        "cell_b": "its id in the second; null if it has no such cell",
        "phase_a": "its phase in the first",
        "phase_b": "its phase in the second",
        "metric": "the metric, by its primary probe",
        "a": "mean over converged runs in the first",
        "b": "mean over converged runs in the second",
        "difference": "b - a",
        "standard_error": "of the difference, sqrt(se_a^2 + se_b^2) over independent runs",
    },
    f"""\
WITH chosen_a AS (
    {_chosen("a")}
), chosen_b AS (
    {_chosen("b")}
), values_a AS (
    {_counted("a")}
), values_b AS (
    {_counted("b")}
), varying AS (
    SELECT parameter FROM values_a FULL JOIN values_b USING (parameter)
    WHERE coalesce(values_a.n, 1) > 1 OR coalesce(values_b.n, 1) > 1
), placed_a AS (
    {_placed("a")}
), placed_b AS (
    {_placed("b")}
), measured_a AS (
    {_measured("a")}
), measured_b AS (
    {_measured("b")}
)
SELECT cell, x.cell_id AS cell_a, y.cell_id AS cell_b, x.phase AS phase_a, y.phase AS phase_b,
    metric, m.mean AS a, n.mean AS b, n.mean - m.mean AS difference,
    sqrt(m.standard_error * m.standard_error + n.standard_error * n.standard_error)
        AS standard_error
FROM measured_a AS m FULL JOIN measured_b AS n USING (cell, metric)
LEFT JOIN placed_a AS x USING (cell)
LEFT JOIN placed_b AS y USING (cell)
ORDER BY cell, metric""",
    ("experiments", "cells", "cell_metrics", "phases"),
    parameters=("a", "b"),
)
