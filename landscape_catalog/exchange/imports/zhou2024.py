"""Published grids of Zhou et al. 2024: a CSV file with a row for each cell and no runs.

1,690 configurations of ResNet18 on CIFAR-10 (widths, batch sizes and amounts of data), measured
with the code of Yang et al. 2021, so that its curves, statistics and mixtures are those of that
paper. Every number is published for a cell; nothing is known about
how it varies over its five seeds.

Source: Zhou et al. 2024, MD tree: a model-diagnostic tree grown on loss landscape, ICML;
github.com/YefanZhou/ModelDiagnosis.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports.delimited import (
    Column,
    first_repeated,
    read_columns,
    read_source,
    require_columns,
)
from landscape_catalog.exchange.imports.grid import (
    LOGARITHM,
    PublishedGrid,
    PublishedMetric,
    Source,
)
from landscape_catalog.exchange.imports.published import PublishedCell, PublishedMean
from landscape_catalog.exchange.imports.settings import cifar_settings
from landscape_catalog.exchange.imports.yang2021_metrics import PROBES, measure_section
from landscape_catalog.metrics.metric import PRIMARY

FORMAT = "zhou2024"
SEEDS = 5
PERCENT = "%"
COORDINATES = {"load.width": "width", "load.samples": "data_amount", "temperature.batch_size": "bs"}
PARAMETERS = "para_amount"
# Column -> metric, in the order of the catalog's view `cells`. The means of what is measured on
# runs are over the five seeds; of how many pairs those of pairs are, the file does not say.
_LN = "ln of the mean over seeds, as published: "
_DIRECT = "as published, mean over seeds"
_RFI = "as published: test accuracy that can be gained by changing "
METRICS: dict[str, tuple[PublishedMetric, int | None]] = {
    "train_loss": (PublishedMetric("train_loss", _DIRECT, "nats"), SEEDS),
    "train_acc": (PublishedMetric("train_accuracy", _DIRECT, PERCENT), SEEDS),
    "train_error": (PublishedMetric("train_error", _DIRECT, PERCENT), SEEDS),
    "test_loss": (PublishedMetric("test_loss", _DIRECT, "nats"), SEEDS),
    "test_acc": (PublishedMetric("test_accuracy", _DIRECT, PERCENT), SEEDS),
    "test_error": (PublishedMetric("test_error", _DIRECT, PERCENT), SEEDS),
    "generalization_gap": (
        PublishedMetric(
            "generalization_gap", "as published: train_accuracy - test_accuracy", PERCENT
        ),
        SEEDS,
    ),
    "hessian_e": (
        PublishedMetric("log_top_eigenvalue", f"{_LN}PyHessian, top eigenvalue", LOGARITHM),
        SEEDS,
    ),
    "hessian_t": (PublishedMetric("log_trace", f"{_LN}PyHessian, trace", LOGARITHM), SEEDS),
    "mode_connectivity": (
        PublishedMetric("mode_connectivity", "as published: mc of Eq. 4, Bezier curve", PERCENT),
        None,
    ),
    "mode_connectivity_peak": (
        PublishedMetric(
            "mode_connectivity_peak",
            "as published: minus the largest training error strictly between the ends of the curve",
            PERCENT,
        ),
        None,
    ),
    "CKA": (PublishedMetric("cka", "as published: CKA of the networks' outputs"), None),
    "rfi_width": (PublishedMetric("rfi_width", f"{_RFI}the width", PERCENT), None),
    "rfi_data": (PublishedMetric("rfi_data", f"{_RFI}the amount of data", PERCENT), None),
    "rfi_inc_temp": (PublishedMetric("rfi_inc_temp", f"{_RFI}to a smaller batch", PERCENT), None),
    "rfi_dec_temp": (PublishedMetric("rfi_dec_temp", f"{_RFI}to a larger batch", PERCENT), None),
}
# What is no metric: labels, and numbers that follow from the coordinates.
LABELS = ("bs_failure", "width_vs_batch", "data_vs_batch")
NEEDED = (*COORDINATES.values(), *METRICS, *LABELS)


def read_zhou2024(path: Path, *, label_noise: float | None = None) -> PublishedGrid:
    """Read a CSV file of this form.

    Args:
        path: the file.
        label_noise: share of the training labels that were replaced, which the file does not say.

    Raises:
        PublishedError: if it is not of this form, a number is missing or not finite, or a cell is
            there twice.
    """
    content = read_source(path)
    columns = read_columns(content, path.name)
    require_columns(columns, NEEDED, path.name)
    stated = {} if label_noise is None else {"load.label_noise": label_noise}
    unknown = "the rate of wrong labels (say it with --label-noise)"
    return PublishedGrid(
        source=Source(
            format=FORMAT,
            sha256=hashlib.sha256(content).hexdigest(),
            file=path.name,
            citation="Zhou et al. 2024",
            url="https://github.com/YefanZhou/ModelDiagnosis",
            note="Means over five seeds per cell; no runs, pairs or errors were published.",
            stated=stated,
        ),
        dataset="cifar10",
        model="resnet18",
        kind="images",
        axes=tuple(COORDINATES),
        fixed=stated,
        sections={"train": {"seeds": SEEDS}, "measure": measure_section()},
        metrics=tuple(metric for metric, _ in METRICS.values()),
        cells=tuple(_cells(columns, path.name)),
        probes=tuple(probe for probe in PROBES if probe.name == PRIMARY),
        landscape={"n_classes": 10, "n_test": 10_000},
        settings=cifar_settings("Zhou et al. 2024: ResNet18 on CIFAR-10"),
        lacks=(
            "single runs and pairs, and how numbers vary over them",
            "learning rate, weight decay and schedule",
            *(() if stated else (unknown,)),
        ),
    )


def _cells(columns: dict[str, Column], file: str) -> list[PublishedCell]:
    coordinates = {path: columns[name].whole_numbers(least=1) for path, name in COORDINATES.items()}
    points = list(zip(*coordinates.values()))
    lines = columns["width"].lines
    for first, second in first_repeated(points):
        raise PublishedError(
            f"{file}, line {lines[second]}: the cell of line {lines[first]} again ("
            + ", ".join(f"{name} {n}" for name, n in zip(COORDINATES.values(), points[second]))
            + ")"
        )
    values = {name: columns[name].numbers() for name in METRICS}
    parameters = columns[PARAMETERS].whole_numbers() if PARAMETERS in columns else None
    facts = {name: _facts(column) for name, column in columns.items() if _is_fact(name)}
    return [
        PublishedCell(
            coordinates=dict(zip(COORDINATES, point)),
            n_runs=SEEDS,
            means=tuple(
                PublishedMean(metric.name, values[name][i], n=n)
                for name, (metric, n) in METRICS.items()
            ),
            n_parameters=None if parameters is None else parameters[i],
            facts={name: of_column[i] for name, of_column in facts.items()},
        )
        for i, point in enumerate(points)
    ]


def _is_fact(name: str) -> bool:
    return name not in (*COORDINATES.values(), *METRICS, PARAMETERS)


def _facts(column: Column) -> list[Any]:
    """A column as whole numbers or numbers if it has only such, otherwise as text."""
    for read in (column.whole_numbers, column.numbers):
        try:
            return list(read())
        except PublishedError:
            continue
    return list(column.texts)
