"""The arithmetic of training steps, if it is not float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch

Precision = Literal["float32", "tf32", "bf16"]


def forward_pass(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Compute a forward pass and its loss: in bfloat16 where autocast allows, or as it is."""
    if precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


@contextmanager
def whole_step(precision: Precision) -> Iterator[None]:
    """Compute a step; under `tf32` with TensorFloat-32 in products and convolutions on CUDA."""
    if precision != "tf32":
        yield
        return
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    former = cudnn.allow_tf32, matmul.allow_tf32
    try:
        cudnn.allow_tf32 = matmul.allow_tf32 = True
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = former
