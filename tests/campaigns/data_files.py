"""Random damage to files of the formats that users bring, which `landscape prepare` reads."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image
from safetensors.torch import save

from tests.campaigns.damage import damage
from tests.campaigns.outcome import Outcome, observe
from tests.stages import SERIAL, run_stages, write_project

SECONDS = 20.0
PARAMS = """\
dataset: {{name: {name}, path: mine/{path}, test_samples: 8{more}}}
model: {{name: {model}}}
load: {{width: 4, samples: 24}}
temperature: {{batch_size: 8, lr: 0.05}}
train: {{epochs: 1, seeds: 2}}
measure: {{hessian: {{samples: 8}}, connectivity: {{epochs: 1, batch_size: 8}}, similarity: {{samples: 20}}}}
classify: {{}}
report: {{}}
variants: {{}}
"""
MODES = ("L", "RGB", "P", "CMYK", "1", "I;16", "RGBA", "LA")
WAYS = ("flip", "cut", "empty", "grow", "folder", "pipe", "gone", "flips", "zeros", "pointer")


def _arrays(draw: random.Random) -> bytes:
    """An npz of images with labels, some of them odd in shape, type or values."""
    numbers = np.random.default_rng(draw.randrange(2**32))
    usual, odd = (32, 8, 8), [(32, 1, 8, 8), (32, 8, 8, 3), (32, 8), (32,), (0, 8, 8), ()]
    shape = usual if draw.random() < 0.6 else draw.choice(odd)
    kind = (
        "u1" if draw.random() < 0.6 else draw.choice(["f4", "f8", "i8", "c8", "?", "f2", "U3", "O"])
    )
    with np.errstate(all="ignore"):
        images = (numbers.random(shape) * 255).astype(kind)
    if kind in ("f4", "f8") and images.size and draw.random() < 0.5:
        images.reshape(-1)[0] = draw.choice([np.nan, np.inf, -np.inf, 1e300])
    labels = np.arange(32) % 3
    if draw.random() < 0.3:
        labels = draw.choice(
            [labels[:-1], labels - 1, labels * 1.5, labels[:, None], labels.astype("U1")]
        )
    names = ("images", "labels")
    if draw.random() < 0.3:
        names = draw.choice([("x", "y"), ("x_train", "y_train"), ("images", "y"), ("a", "b")])
    stream = io.BytesIO()
    np.savez(stream, **dict(zip(names, (images, labels))))
    return stream.getvalue()


def _tensors(draw: random.Random) -> bytes:
    """A safetensors file of images with labels, some of them odd in shape or type."""
    shape = (32, 1, 8, 8) if draw.random() < 0.6 else draw.choice([(32, 8, 8), (32, 8), (1,)])
    kind = torch.uint8 if draw.random() < 0.6 else draw.choice([torch.bfloat16, torch.float32])
    labels = torch.arange(draw.choice([32, 32, 32, 31])) % 3
    return save({"images": torch.zeros(shape, dtype=kind), "labels": labels})


def _pictures(draw: random.Random) -> bytes:
    """A Parquet of encoded images, some of them of other modes, sizes or formats."""
    rows, mixed = [], draw.random() < 0.3
    usual = draw.choice(MODES), (8, 8), draw.choice(["PNG", "JPEG"])
    for i in range(32):
        mode, size, form = usual
        if mixed and draw.random() < 0.1:
            mode, size = draw.choice(MODES), draw.choice([(8, 8), (9, 7), (1, 1)])
            form = draw.choice(["PNG", "JPEG", "GIF", "BMP"])
        image = Image.new(mode, size)
        stream = io.BytesIO()
        try:
            image.save(stream, form)
        except (OSError, KeyError, ValueError):
            image.convert("L").save(stream, "PNG")
        content = draw.randbytes(30) if mixed and draw.random() < 0.02 else stream.getvalue()
        rows.append({"image": {"bytes": content, "path": None}, "label": i % 3})
    stream = io.BytesIO()
    pl.DataFrame(rows).write_parquet(stream)
    return stream.getvalue()


def _text(draw: random.Random) -> bytes:
    """Lines of sentences, some of them odd."""
    odd = [
        "",
        " ",
        "\u200b",
        "\x00",
        "a" * 5000,
        "é",
        "\u202e",
        "\r",
        "\x85",
        "word " * 300,
        "\ufffd",
    ]
    lines = [f"one sentence number {i}" for i in range(40)]
    if draw.random() < 0.4:
        lines[draw.choice([0, 5, -1])] = draw.choice(odd)
    text = draw.choice(["\n", "\n", "\r\n"]).join(lines) + draw.choice(["\n", "", "\n\n"])
    return text.encode(draw.choice(["utf-8", "utf-8", "utf-16", "latin-1"]), "replace")


FORMATS: dict[str, tuple[str, tuple[str, ...], Callable[[random.Random], bytes], str]] = {
    # dataset, files, content, model
    "npz": ("arrays", ("mine.npz",), _arrays, "resnet18"),
    "parquet": ("arrays", ("mine.parquet",), _pictures, "resnet18"),
    "text": ("text_pairs", ("train.de", "train.en"), _text, "transformer"),
    "safetensors": ("arrays", ("mine.safetensors",), _tensors, "resnet18"),
}


def case(folder: Path) -> Callable[[int, random.Random], Outcome]:
    """Cases in projects below this folder."""

    def run(number: int, draw: random.Random) -> Outcome:
        form = list(FORMATS)[number % len(FORMATS)]
        dataset, files, content, model = FORMATS[form]
        path = "train" if dataset == "text_pairs" else files[0]
        more = ", vocabulary: 260" if dataset == "text_pairs" else ""
        place = folder / f"data {number}"
        params = PARAMS.format(name=dataset, path=path, model=model, more=more)
        project = write_project(place / "project", params + SERIAL)
        (project / "mine").mkdir()
        for name in files:
            (project / "mine" / name).write_bytes(content(draw))
        way = "as it is"
        if draw.random() < 0.5:
            way = draw.choice(WAYS)
            damage(project / "mine" / draw.choice(files), way, draw)
        try:
            words = f"data_files:{number}: {form} {way}"
            return observe(words, lambda: run_stages(project, place, "prepare"), SECONDS)
        finally:
            shutil.rmtree(place)

    return run
