"""The archive that Yang et al. 2021 published: runs, pairs and curves of their Figure 3.

ResNet18 of several widths on CIFAR-10 with a decaying learning rate, five seeds per cell. Per cell
there are pickles of losses, Hessians, CKA and distances, and one curve between seeds 0 and 1.

Source: Yang et al. 2021, Taxonomizing local versus global structure in neural network loss
landscapes; github.com/nsfzyzz/loss_landscape_taxonomy.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from landscape_catalog.errors import PublishedError
from landscape_catalog.exchange.imports.delimited import read_source
from landscape_catalog.exchange.imports.grid import PublishedGrid, Source
from landscape_catalog.exchange.imports.named import first_few
from landscape_catalog.exchange.imports.published import PublishedCell
from landscape_catalog.exchange.imports.safe_archive import members
from landscape_catalog.exchange.imports.settings import cifar_settings
from landscape_catalog.exchange.imports.yang2021_cells import FILES, read_cell
from landscape_catalog.exchange.imports.yang2021_metrics import METRICS, PROBES, measure_section

FORMAT = "yang2021"
SAMPLES_OF_A_TENTH = 5000  # CIFAR-10 has 50,000 training images; subset 10 means all of them
PLACE = re.compile(
    r"(?:.*/)?different_knobs_subset_(?P<tenths>[1-9]|10)/bs_(?P<batch>\d{1,6})/(?P<schedule>[^/]+)/"
    r"(?P<network>[^/]+)_w(?P<width>\d{1,5})/metrics/(?P<file>[^/]+)"
)
GRID = "lr_decay/ResNet18"
_FIXED = {
    "load.label_noise": 0.0,
    "load.pixel_noise": 0.0,
    "temperature.lr": 0.1,
    "temperature.weight_decay": 5e-4,
}
_TRAIN = {
    "optimizer": "sgd",
    "epochs": 100,
    "seeds": 5,
    "schedule": "step",
    "milestones": [0.75],
    "factor": 0.1,
}
# A metric of each file.
_OF_FILES = ("train_loss", "test_accuracy", "trace", "cka", "l2_distance", "mode_connectivity")
_FORM = "files such as different_knobs_subset_10/bs_128/lr_decay/ResNet18_w8/metrics/loss_acc.pkl"


def read_yang2021(path: Path) -> PublishedGrid:
    """Read an archive of this form (.tar.gz or .tar).

    Raises:
        PublishedError: if it is damaged, hostile or of another form.
    """
    content = read_source(path)
    cells: dict[tuple[int, int, int], dict[str, bytes]] = {}
    others: dict[str, set[tuple[int, int, int]]] = {}
    left_out = []
    for name, data in members(content, path.name):
        place = PLACE.fullmatch(name)
        if place is None:
            left_out.append(name)
            continue
        key = (int(place["width"]), SAMPLES_OF_A_TENTH * int(place["tenths"]), int(place["batch"]))
        grid = f"{place['schedule']}/{place['network']}"
        if grid != GRID:
            others.setdefault(grid, set()).add(key)
            continue
        if place["file"] not in FILES:
            left_out.append(name)
            continue
        own = cells.setdefault(key, {})
        if place["file"] in own:
            raise PublishedError(f"{path.name} has {place['file']} of one cell twice: {name}")
        own[place["file"]] = data
    if not cells:
        also = f"; it has {_counted(others)}" if others else ""
        raise PublishedError(f"{path.name} is of another form: it has no {_FORM}{also}")
    found = [_cell(path.name, key, files) for key, files in cells.items()]
    return PublishedGrid(
        source=Source(
            format=FORMAT,
            sha256=hashlib.sha256(content).hexdigest(),
            file=path.name,
            citation="Yang et al. 2021",
            url="https://github.com/nsfzyzz/loss_landscape_taxonomy",
            note="Five seeds per cell; one curve per cell, between seeds 0 and 1.",
        ),
        dataset="cifar10",
        model="resnet18",
        kind="images",
        axes=("load.width", "load.samples", "temperature.batch_size"),
        fixed=_FIXED,
        sections={"train": _TRAIN, "measure": measure_section()},
        metrics=METRICS,
        cells=tuple(found),
        probes=PROBES,
        landscape=_landscape(cells),
        settings=cifar_settings("Yang et al. 2021: ResNet18 on CIFAR-10, learning rate decay"),
        lacks=_lacks(found),
        notes=_notes(found, others, left_out),
    )


def _cell(archive: str, key: tuple[int, int, int], files: dict[str, bytes]) -> PublishedCell:
    width, samples, batch_size = key
    where = f"{archive}: bs_{batch_size}/ResNet18_w{width}"
    coordinates = {
        "load.width": width,
        "load.samples": samples,
        "temperature.batch_size": batch_size,
    }
    return read_cell(coordinates, files, where)


def _landscape(cells: dict[tuple[int, int, int], dict[str, bytes]]) -> dict[str, float]:
    """What is known about the data: the classes of the whole training set are equally frequent."""
    known = {"n_classes": 10, "n_test": 10_000, "n_changed_labels": 0}
    whole = all(samples == 10 * SAMPLES_OF_A_TENTH for _, samples, _ in cells)
    return known | ({"frequency_loss": math.log(10)} if whole else {})


def _lacks(cells: list[PublishedCell]) -> tuple[str, ...]:
    found = [
        "histories of training, and errors of single numbers",
        "more than one curve per cell, so that it is unknown how mode connectivity varies",
    ]
    for metric in (
        "train_loss",
        "test_accuracy",
        "trace",
        "cka",
        "l2_distance",
        "mode_connectivity",
    ):
        without = sum(metric in cell.missing for cell in cells)
        if without:
            found.append(f"{metric} of {without} of {len(cells)} cells")
    return tuple(found)


def _notes(
    cells: list[PublishedCell],
    others: Mapping[str, Collection[object]],
    left_out: Sequence[str],
) -> tuple[str, ...]:
    found = []
    failed = [run for cell in cells for run in cell.runs if run.nc_reason is not None]
    if failed:
        found.append(
            f"runs that have not converged: {len(failed)}; their training loss is no better than "
            "guessing (ln 10), and means leave them out"
        )
    if others:
        found.append(
            f"other grids of the archive, which this importer does not read: {_counted(others)}"
        )
    if left_out:
        found.append(
            "files of the archive that are left out, as they are of no known name: "
            f"{len(left_out)} ({first_few(left_out)})"
        )
    return tuple(found)


def _counted(grids: Mapping[str, Collection[object]]) -> str:
    """Schedule and network of each grid, and its number of cells."""
    return ", ".join(
        f"{name} ({len(cells)} {'cell' if len(cells) == 1 else 'cells'})"
        for name, cells in sorted(grids.items())
    )
