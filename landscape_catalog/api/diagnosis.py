"""Diagnose checkpoints of your own: their phase, and what to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from landscape_catalog.diagnosis.diagnose import Options, diagnose
from landscape_catalog.diagnosis.result import Diagnosis
from landscape_catalog.tasks import Data


def diagnose_checkpoints(
    checkpoints: Sequence[str | Path | Mapping[str, Tensor]],
    network: str | Callable[..., nn.Module],
    data: str | Path | Callable[[], Any] | Data,
    *,
    args: Mapping[str, Any] | None = None,
    classes: Sequence[str] = (),
    weights: str | None = None,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    size: int | None = None,
    samples: int | None = None,
    test_samples: int | None = None,
    pairs: Literal["all", "ring", "first"] = "all",
    budget: float | None = None,
    device: str = "auto",
    model: str | Path | None = None,
    sizes: Mapping[str, float] | None = None,
) -> Diagnosis:
    """Measure checkpoints of one network, and say which phase they are in and what would help.

    Checkpoints are of the same training with different seeds. Three give the phase with its
    probability; two the phase; one has neither mode connectivity nor CKA, so that the result is a
    set of phases.

    Args:
        checkpoints: files of safetensors or of `torch.save`, or state dicts.
        network: `torchvision:NAME`, `module:function`, or a function that builds the network. It
            may take `input_shape`, `in_channels`, `n_outputs` and `num_classes`.
        data: a folder with `train/CLASS` and `test/CLASS`, `module:function`, a function that
            returns what custom dataset functions return, or `Data`. Its classes are integers.
        args: further arguments of the network's function.
        classes: names of the network's classes in order, for a folder of images.
        weights: of torchvision, whose preprocessing and classes are used.
        mean: of each channel, for pixels between 0 and 1; only for images of uint8.
        std: standard deviation of each channel.
        size: to which the shorter side of images is resized, and at which they are cropped.
        samples: use at most so many training samples, drawn at random.
        test_samples: the same for test samples.
        pairs: which pairs get a curve.
        budget: minutes that measuring may take; curves are shortened to meet it.
        device: `auto`, `cpu`, `cuda` or `mps`.
        model: file of a diagnosis model, which `landscape diagnose fit` writes; None: no reference,
            and no advice.
        sizes: width, samples and batch size by dotted path, for a model that takes them.

    Returns:
        A `Diagnosis`: `metrics` with their errors, `phase`, `reference` and `advice`. `print` it,
        or use its `page()` (HTML) and `json_text()`.

    Raises:
        UserError: if checkpoints, network, data and options do not fit, or the accuracy on the
            training data is at chance; before anything is measured.
        TypeError: if an argument is of another type.

    Source: Yang et al. 2021 for metrics and phases.

    >>> import torch
    >>> from landscape_catalog import Data, Samples
    >>> x = torch.tensor([[-1.0], [1.0]]).repeat(20, 1)
    >>> both = Samples(x, (x[:, 0] > 0).long())
    >>> weights = {"weight": torch.tensor([[-4.0], [4.0]]), "bias": torch.zeros(2)}
    >>> found = diagnose_checkpoints([weights], lambda: torch.nn.Linear(1, 2), Data(both, both))
    >>> found.phase.possible
    ('III', 'IV-A', 'IV-B')
    """
    if isinstance(checkpoints, (str, Path, Mapping)):
        raise TypeError("checkpoints: got a single one; allowed: a list of files or state dicts")
    options = Options(
        args=dict(args or {}),
        classes=tuple(classes),
        weights=weights,
        mean=tuple(mean),
        std=tuple(std),
        size=size,
        samples=samples,
        test_samples=test_samples,
        pairs=pairs,
        minutes=budget,
        device=device,
        model=None if model is None else Path(model),
        sizes=dict(sizes or {}),
    )
    return diagnose(checkpoints, network, data, Path.cwd(), options)
