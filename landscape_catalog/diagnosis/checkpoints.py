"""Read a user's checkpoints: tensors by name, without running anything that a file contains."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape_catalog.datasets.pointers import refuse_pointer, where_else
from landscape_catalog.errors import CheckpointError, DataError, described
from landscape_catalog.regular import open_regular

# Where training scripts keep the weights in a checkpoint with an optimiser, an epoch and the like.
CONTAINERS = ("state_dict", "model_state_dict", "model")
SAFETENSORS = ".safetensors"
CHUNK = 2**20  # bytes that are hashed at a time


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one trained network.

    Attributes:
        name: how the user named it.
        state: tensors on the CPU, by name.
        sha256: of the file; empty if there is none.
    """

    name: str
    state: Mapping[str, Tensor]
    sha256: str = ""


def read_checkpoint(path: Path) -> Checkpoint:
    """The weights in a file of safetensors, or in one of `torch.save`.

    The second kind is read with `weights_only=True`: a file that needs code to be run is refused.
    Its weights are a state dict, or a state dict under one of the keys `CONTAINERS`.

    Args:
        path: of the file; only `.safetensors` is read as safetensors.

    Raises:
        CheckpointError: if there is no such file, or it does not hold a state dict.
    """
    try:
        refuse_pointer(path)
        checksum = _sha256(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file{where_else(path)}") from None
    except (OSError, DataError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CheckpointError(f"{path}: {reason}") from error
    content = _of_safetensors(path) if path.suffix == SAFETENSORS else _of_torch(path)
    return Checkpoint(str(path), dict(tensors_of(content, str(path))), checksum)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _of_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: it is damaged or not a safetensors file: {error}"
        ) from error


def _of_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which are read all the same
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged archives make torch raise anything
        if "weights_only" in str(error).lower() or "weights only" in str(error).lower():
            raise CheckpointError(
                f"{path}: it holds Python objects other than tensors, or is a TorchScript archive; "
                "loading it would run code that it contains. Save `network.state_dict()`, with "
                "torch.save or as safetensors"
            ) from error
        raise CheckpointError(
            f"{path}: it is damaged, or not a file of torch.save or safetensors: "
            f"{described(error, longest=200).splitlines()[0]}"
        ) from error


def tensors_of(content: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    """The entries of the state dict in what was loaded.

    Args:
        content: a state dict, or a mapping that holds one under one of the keys `CONTAINERS`.
        path: of the file, for messages.

    Raises:
        CheckpointError: if there is none, or it holds something else than tensors of numbers.
    """
    state = _state_dict(content)
    if state is None:
        found = type(content).__name__
        if isinstance(content, Mapping):
            found = f"the keys {_listed(content)}"
        raise CheckpointError(
            f"{path}: got {found}; allowed: a state dict (tensors by name), or one under "
            + " or ".join(f"`{name}`" for name in CONTAINERS)
        )
    for name, value in state.items():
        if value.is_quantized or value.layout != torch.strided:
            kind = "quantized" if value.is_quantized else "sparse"
            raise CheckpointError(f"{path}: `{name}` is {kind}; allowed: dense tensors of numbers")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(
                f"{path}: `{name}` has values that are not finite: training has diverged"
            )
        yield name, value


def _state_dict(content: Any) -> Mapping[str, Tensor] | None:
    """The state dict in what was loaded; None if there is none."""
    if _is_state(content):
        return content
    if isinstance(content, Mapping):
        return next((found for name in CONTAINERS if _is_state(found := content.get(name))), None)
    return None


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    )


def _listed(content: Mapping[Any, Any], most: int = 6) -> str:
    names = [repr(name) for name in content]
    more = f" and {len(names) - most} more" if names[most:] else ""
    return (", ".join(names[:most]) or "of an empty dictionary") + more
