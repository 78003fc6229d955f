"""The view `best_per_load`: the best temperature for each load."""

from __future__ import annotations

from landscape_catalog.catalog.views.view import View

BEST_PER_LOAD = View(
    "best_per_load",
    "a load with its best cell, by the test metric by which cells are ranked",
    {
        "load": "the parameters under `load` that vary in the experiment, as text",
        "metric": "the test metric",
        "performance": "its mean over converged runs in the best cell",
        "standard_error": "of that mean, over runs",
        "n_cells": "number of cells with this load that have a value",
    },
    """\
WITH varying AS (
    SELECT origin, experiment_id, parameter FROM coordinates
    GROUP BY ALL HAVING count(DISTINCT value) > 1
), loads AS (
    SELECT origin, experiment_id, cell_id,
        string_agg(parameter || ' = ' || value, ', ' ORDER BY parameter) AS load
    FROM coordinates JOIN varying USING (origin, experiment_id, parameter)
    WHERE parameter LIKE 'load.%' GROUP BY ALL
), ranked AS (
    SELECT c.*, coalesce(loads.load, '') AS load, p.metric, p.performance, p.standard_error,
        row_number() OVER (of_load ORDER BY p.score DESC, c.position) AS place,
        count(*) OVER (of_load) AS n_cells
    FROM cells AS c
    JOIN performances AS p USING (origin, experiment_id, classification_id, cell_id)
    LEFT JOIN loads USING (origin, experiment_id, cell_id)
    WHERE p.score IS NOT NULL
    WINDOW of_load AS (
        PARTITION BY c.origin, c.experiment_id, c.classification_id, c.variant, loads.load
    )
)
SELECT origin, experiment_id, classification_id, variant, load, width, samples, label_noise,
    pixel_noise, batch_size, lr, weight_decay, cell_id, phase, phase_probability, metric,
    performance, standard_error, n_cells
FROM ranked WHERE place = 1
ORDER BY origin, classification_id, variant, width, samples, label_noise, pixel_noise, load""",
    ("experiments", "landscapes", "cells", "cell_metrics", "phases"),
)
