"""Small sources of every format, and what all tests of hostile ones have in common."""

from __future__ import annotations

import gzip
import io
import json
import math
import pickle
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from landscape_catalog.commands.imports import import_results
from landscape_catalog.errors import UserError
from landscape_catalog.exchange.imports.registry import IMPORTERS
from landscape_catalog.exchange.imports.tables import tables_of
from tests.conftest import SHARED

PUBLISHED = SHARED / "published"
ARCHIVE = PUBLISHED / "yang2021" / "results_half.tar.gz"
CSV = PUBLISHED / "zhou2024" / "dataframe_normal_public.csv"
needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published measurements")
ZHOU_COLUMNS = [
    "data_amount",
    "para_amount",
    "log_data_amount",
    "log_para_amount",
    "log_bs",
    "width",
    "data",
    "bs",
    "test_acc",
    "train_acc",
    "generalization_gap",
    "test_loss",
    "train_loss",
    "CKA",
    "hessian_e",
    "hessian_t",
    "mode_connectivity",
    "mode_connectivity_peak",
    "test_error",
    "train_error",
    "rfi_width",
    "rfi_data",
    "rfi_inc_temp",
    "rfi_dec_temp",
    "bs_failure",
    "width_vs_batch",
    "data_vs_batch",
]
PLACE = "different_knobs_subset_10/bs_{batch}/lr_decay/ResNet18_w{width}/metrics/"


def tables(form: str, path: Path, **options: Any) -> dict[str, pl.DataFrame]:
    """The tables of a source."""
    importer = IMPORTERS[form]
    return tables_of(importer.read(path, **options), importer.recipe)


def refused(folder: Path, form: str, path: Path, **options: Any) -> str:
    """The message with which a source is refused; nothing is written."""
    with pytest.raises(UserError) as error:
        import_results(folder, form, path, None, **options)
    assert not (folder / "data").exists()
    assert not (folder / "imports").exists()
    return str(error.value)


def means(found: dict[str, pl.DataFrame], probe: str = "primary") -> dict[tuple, dict[str, Any]]:
    """The means of each cell by its width, samples and batch size."""
    joined = found["cell_metrics"].filter(pl.col("probe") == probe).join(found["cells"], "cell_id")
    cells: dict[tuple, dict[str, Any]] = {}
    for row in joined.iter_rows(named=True):
        key = (row["width"], row["samples"], row["batch_size"])
        cells.setdefault(key, {})[row["metric"]] = row["mean"]
    return cells


def zhou_rows(widths: tuple[int, ...] = (2, 4), batches: tuple[int, ...] = (16, 32)) -> list[dict]:
    """Rows of a small grid, in the columns of the published file."""
    rows = []
    for width in widths:
        for batch in batches:
            numbers = {name: width + batch / 7 + i / 3 for i, name in enumerate(ZHOU_COLUMNS)}
            whole = {"data_amount": 5000, "para_amount": 100 * width, "data": 1}
            labels = {"bs_failure": "small", "width_vs_batch": "width", "data_vs_batch": "optimal"}
            rows.append(numbers | whole | {"width": width, "bs": batch} | labels)
    return rows


def csv_text(rows: list[dict], columns: list[str] | None = None) -> str:
    columns = columns or list(rows[0])
    return "\n".join([",".join(columns), *(",".join(str(row[c]) for c in columns) for row in rows)])


def write_zhou(path: Path) -> Path:
    path.write_text(csv_text(zhou_rows()))
    return path


def yang_cell(seed: int = 0, *, runs: int = 3) -> dict[str, bytes]:
    """The files of a cell of the archive, with numbers of no meaning."""
    rng = np.random.default_rng(seed)
    seeds = range(runs)

    def losses() -> dict:
        return {
            s: {"nll": (x := float(rng.uniform(0, 2))), "loss": x, "accuracy": 50 + float(s)}
            for s in seeds
        }

    def square(value: Any) -> dict:
        return {i: {j: value(i, j) for j in seeds} for i in seeds}

    ts = np.linspace(0, 1, 5)
    curve = {name: rng.uniform(0, 9, 5) for name in ("tr_err", "tr_nll", "te_err", "te_nll")}
    stream = io.BytesIO()
    np.savez(stream, ts=ts, **curve)
    contents = {
        "loss_acc.pkl": losses(),
        "loss_acc_test.pkl": losses(),
        "hessian.pkl": {
            s: {"top_eigenvalue": [float(s + 1)], "trace": np.float64(10 * s + 1)} for s in seeds
        },
        "CKA_mixup_alpha_16.0.pkl": {
            "representation_similarity": square(
                lambda i, j: [np.float32(rng.uniform()), np.float32(rng.uniform())]
            )
        },
        "model_dist.pkl": {"model_distance": square(lambda i, j: {"dist": float(abs(i - j))})},
    }
    return {name: pickle.dumps(value, 3) for name, value in contents.items()} | {
        "curve_test.npz": stream.getvalue()
    }


def tar_of(files: dict[str, bytes]) -> bytes:
    """A tar archive with these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def yang_files(**changed: bytes | None) -> dict[str, bytes]:
    """Members of a small archive: two cells, in the first of which files are replaced or left out.

    Args:
        changed: content by the name of the file without its ending and dots; None: left out.
    """
    files: dict[str, bytes] = {}
    for number, width in enumerate((1, 2)):
        place = PLACE.format(batch=16, width=width)
        files |= {f"{place}{name}": content for name, content in yang_cell(number).items()}
    for name, content in changed.items():
        (path,) = (
            p for p in files if p.startswith(PLACE.format(batch=16, width=1)) and f"/{name}." in p
        )
        if content is None:
            del files[path]
        else:
            files[path] = content
    return files


def write_yang(path: Path, **changed: bytes | None) -> Path:
    path.write_bytes(gzip.compress(tar_of(yang_files(**changed)), mtime=0))
    return path


def zoo_line(epoch: int, **more: Any) -> dict[str, Any]:
    """A line of a history after so many epochs."""
    shares = {"train_acc": 0.1 + epoch / 10, "test_acc": 0.1 + epoch / 11}
    losses = {"train_loss": 2.2 / (1 + epoch), "test_loss": 2.2 / (1 + epoch / 2)}
    return {**losses, **shares, "training_iteration": epoch, "hostname": "x", **more}


MEASURED = {
    "representation_similarity": 0.625,
    "log_hessian_top_ev": 3.5,
    "log_hessian_trace": 4.25,
    "log_hessian_trace_train": 4.75,
    "log_hessian_top_ev_val": 3.25,
    "curve_mc_train_error": -2.5,
    "curve_mc_test_error": -1.5,
    "wiseft_acc_test": 0.75,
}


def write_model(
    folder: Path,
    *,
    width: int = 2,
    batch_size: int = 8,
    seed: int = 0,
    lines: list[dict] | None = None,
    name: str = "",
    parameters: dict | None = None,
) -> Path:
    """A model's folder, measured after the last of its epochs unless there are other lines."""
    known = {
        "model::width": width,
        "model::type": "Resnet50_width",
        "model::o_dim": 10,
        "training::batchsize": batch_size,
        "optim::lr": 0.1,
        "optim::wd": 5e-4,
        "seed": seed,
        "training::epochs_train": 3,
        "dataset::dump": "/data/CIFAR10/dataset.pt",
    }
    if lines is None:
        micro = {"config": {**known, "training::batchsize": 4}}
        lines = [zoo_line(k, **micro, **(MEASURED if k == 3 else {})) for k in range(4)]
    place = folder / (name or f"NN_{width}_{batch_size}_{seed}_2024-01-01")
    place.mkdir(parents=True)
    if parameters is None or parameters:
        (place / "params.json").write_text(json.dumps(parameters or known))
    (place / "result.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return place


def write_zoo(folder: Path) -> Path:
    for width in (2, 4):
        for seed in range(3):
            write_model(folder, width=width, seed=seed)
    return folder


TABLE = "w,b,acc,loss\n2,16,50.5,1.5\n4,16,60.25,0.5\n"
MAP = """\
citation: Doe et al. 2025
dataset: cifar10
model: resnet18
coordinates: {load.width: w, temperature.batch_size: b}
metrics:
  test_accuracy: {column: acc, unit: "%"}
  train_loss: {column: loss, unit: nats}
"""


def write_table(folder: Path, text: str = TABLE, columns: str = MAP) -> tuple[Path, Path]:
    """A table and its map."""
    table, path = folder / "table.csv", folder / "map.yaml"
    table.write_text(text)
    path.write_text(columns)
    return table, path


def same(found: float | None, published: float) -> bool:
    """Whether a number is the published one to the last digit; NaN is stored as NULL."""
    return found is None if math.isnan(published) else found == published


_RAW = re.compile(
    r"\w+(Error|Exception)\b|Traceback|unpack|object is not|no attribute|index out of|invalid literal"
    r"|\((-?\d+|'\w*')\)$|\bb'|<class|NoneType"
)


def assert_in_words(message: str) -> None:
    """A message has nothing of Python's own: no exception, no type, no bare argument of one."""
    assert _RAW.search(message) is None, message
