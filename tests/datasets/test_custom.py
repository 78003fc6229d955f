"""Custom dataset functions: how their results are interpreted, and every invalid result."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landscape_catalog.datasets import ImagePool, PointPool, custom_pool, declared_version
from landscape_catalog.errors import CodeError, DataError
from tests.datasets.files import checksum_of

IMAGES = np.random.Generator(np.random.Philox(key=0)).integers(0, 256, (6, 1, 2, 3), np.uint8)
CLASSES = np.array([0, 1, 2, 0, 1, 2])


def pool_of(**returned: Any) -> Any:
    """The pool of a function that returns these values."""
    return custom_pool("mine:data", lambda: returned, {})


def refused(match: str, kind: type[Exception] = CodeError, **returned: Any) -> None:
    with pytest.raises(kind, match=match) as caught:
        pool_of(**returned)
    assert str(caught.value).startswith("mine:data")


def test_images() -> None:
    pool = pool_of(inputs=IMAGES, targets=CLASSES.astype(np.uint8))
    assert isinstance(pool, ImagePool)
    assert np.array_equal(pool.images, IMAGES)
    assert pool.labels.dtype == np.int64
    assert pool.labels.tolist() == CLASSES.tolist()
    assert (pool.n_classes, pool.test_images, pool.test_labels) == (3, None, None)


def test_images_with_a_test_split_and_declared_classes() -> None:
    pool = pool_of(
        inputs=IMAGES, targets=CLASSES, test_inputs=IMAGES[:2], test_targets=[2, 0], n_classes=7
    )
    assert isinstance(pool, ImagePool)
    assert pool.n_classes == 7
    assert pool.test_images is not None and pool.test_labels is not None
    assert pool.test_images.shape == (2, 1, 2, 3)
    assert pool.test_labels.tolist() == [2, 0]
    counted = pool_of(inputs=IMAGES, targets=CLASSES, test_inputs=IMAGES[:2], test_targets=[2, 0])
    assert counted.n_classes == 3
    gap = pool_of(inputs=IMAGES, targets=[0, 4, 0, 4, 0, 4], n_classes=7)
    assert gap.n_classes == 7  # classes without a sample are allowed where their number is declared


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (IMAGES.astype(np.float64), CLASSES),  # not uint8
        (IMAGES.astype(np.int64), CLASSES),
        (IMAGES[:, 0], CLASSES),  # no channel axis
        (IMAGES, CLASSES / 2),  # not integers
        (IMAGES, np.stack([CLASSES, CLASSES], 1)),  # more than one number per sample
    ],
)
def test_everything_else_is_points(inputs: np.ndarray, targets: np.ndarray) -> None:
    pool = pool_of(inputs=inputs, targets=targets)
    assert isinstance(pool, PointPool)
    assert pool.inputs.dtype == np.float32
    assert np.array_equal(pool.inputs, inputs)
    assert np.array_equal(pool.targets, targets)
    if targets.ndim == 1 and targets.dtype == np.int64:
        assert (pool.n_classes, pool.targets.dtype) == (3, np.int64)
    else:
        assert (pool.n_classes, pool.targets.dtype) == (None, np.float32)


def test_points_with_a_test_split() -> None:
    lists = pool_of(
        inputs=[[0.5, 1], [2, 3]], targets=[1, 0], test_inputs=[[4, 5.5]], test_targets=[1]
    )
    assert isinstance(lists, PointPool)
    assert lists.test_inputs is not None and lists.test_targets is not None
    assert lists.test_inputs.dtype == np.float32
    assert lists.test_inputs.tolist() == [[4, 5.5]]
    assert (lists.test_targets.dtype, lists.test_targets.tolist()) == (np.int64, [1])
    assert lists.n_classes == 2
    real = pool_of(inputs=[[1.0]], targets=[0.25], test_inputs=[[2.0]], test_targets=[3])
    assert real.n_classes is None
    assert real.test_targets.dtype == np.float32


def test_parameters_are_passed_on() -> None:
    def data(beta: float, count: int) -> dict[str, np.ndarray]:
        return {"inputs": np.full((count, 1), beta), "targets": np.zeros(count)}

    pool = custom_pool("mine:data", data, {"count": 3, "beta": 0.5})
    assert pool.inputs.tolist() == [[0.5]] * 3


def test_a_function_that_fails() -> None:
    def data() -> None:
        raise KeyError("beta")

    with pytest.raises(CodeError, match=r"^mine:data failed: KeyError: 'beta'$"):
        custom_pool("mine:data", data, {})
    with pytest.raises(CodeError, match=r"^mine:data failed: TypeError: .*gamma"):
        custom_pool("mine:data", data, {"gamma": 1})


def test_a_function_that_ends_the_program() -> None:
    with pytest.raises(CodeError, match=r"^mine:data failed: SystemExit: 0$"):
        custom_pool("mine:data", lambda: sys.exit(0), {})

    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        custom_pool("mine:data", stopped, {})


@pytest.mark.parametrize(
    ("found", "given"),
    [
        (None, "NoneType"),
        ((IMAGES, CLASSES), "tuple"),
        ({}, r"keys \[\]"),
        ({"inputs": IMAGES}, r"keys \['inputs'\]"),
        ({"targets": CLASSES, 1: 2}, r"keys \['1', 'targets'\]"),
    ],
)
def test_results_without_inputs_and_targets(found: Any, given: str) -> None:
    wanted = f"^mine:data returned {given}; it must return a mapping with `inputs` and `targets`$"
    with pytest.raises(CodeError, match=wanted):
        custom_pool("mine:data", lambda: found, {})


def test_unknown_keys() -> None:
    known = "inputs, targets, test_inputs, test_targets, n_classes"
    refused(
        f"returned unknown keys labels; allowed: {known}$", inputs=IMAGES, targets=CLASSES, labels=1
    )
    with pytest.raises(CodeError, match="returned unknown keys 5, extra; allowed: "):
        custom_pool("mine:data", lambda: {"inputs": 0, "targets": 0, 5: 0, "extra": 0}, {})


def test_values_that_are_not_numeric_arrays() -> None:
    refused("returned inputs that are not an array", inputs=[[1, 2], [3]], targets=[0, 1])
    refused("returned targets of type <U3; expected real numbers", inputs=[[1]], targets=["cat"])
    refused("returned inputs of type object", inputs=[None], targets=[0])
    refused("returned inputs of type complex128", inputs=[1j], targets=[0])


def test_lengths() -> None:
    many = "their numbers must be equal and not zero"
    refused(f"returned 6 inputs and 5 targets; {many}", inputs=IMAGES, targets=CLASSES[:5])
    refused(f"returned 0 inputs and 0 targets; {many}", inputs=[], targets=[])
    refused("returned 0 inputs and 0 targets", inputs=1.0, targets=2.0)
    both = {"inputs": IMAGES, "targets": CLASSES}
    refused("returned `test_inputs`; .* go together", **both, test_inputs=IMAGES)
    refused("returned `test_targets`; .* go together", **both, test_targets=CLASSES)
    refused(
        f"returned 6 test_inputs and 2 test_targets; {many}",
        **both, test_inputs=IMAGES, test_targets=CLASSES[:2],
    )  # fmt: skip


def test_empty_samples() -> None:
    empty = np.ones((2, 0))
    refused(r"inputs of shape \(2, 0\); no dimension", inputs=empty, targets=[0, 1])
    refused(r"targets of shape \(2, 0\); no dimension", inputs=[[1], [2]], targets=empty)


def test_a_tensor_with_a_gradient() -> None:
    inputs = torch.ones(2, 1, requires_grad=True)
    refused("inputs that are not an array: .*requires grad", inputs=inputs, targets=[0, 1])


def test_shapes_of_both_splits() -> None:
    refused(
        r"returned inputs of shape \(2, 2\) and test_inputs of shape \(1, 3\)",
        inputs=np.ones((2, 2)), targets=[0, 1], test_inputs=np.ones((1, 3)), test_targets=[1],
    )  # fmt: skip
    refused(
        r"returned targets of shape \(2,\) and test_targets of shape \(1, 1\)",
        inputs=np.ones((2, 2)), targets=[0, 1], test_inputs=np.ones((1, 2)), test_targets=[[1]],
    )  # fmt: skip


def test_classes() -> None:
    points = np.ones((3, 2))
    refused(
        "targets: -1 at index 1; classes are numbered from 0", inputs=points, targets=[0, -1, 1]
    )
    refused(
        "targets: 2 at index 2; allowed: classes 0 to 1",
        inputs=points,
        targets=[0, 1, 2],
        n_classes=2,
    )
    refused("targets: only one class; at least 2", inputs=points, targets=[0, 0, 0])
    for stray in (5, 2**63, 2**64 - 1):
        refused(
            f"test_targets: {stray} at index 2 is not a class of the training labels, "
            "which range from 0 to 2",
            inputs=points, targets=[0, 1, 2], n_classes=9,
            test_inputs=points, test_targets=np.array([0, 0, stray], np.uint64),
        )  # fmt: skip
        refused(
            f"targets: class 1 has no training sample, but the highest class is {stray}; .* be floats$",
            inputs=points, targets=np.array([0, 0, stray], np.uint64),
        )  # fmt: skip
    for wrong in ("ten", 2.5, True, [3], 0, 1, -1):
        refused(
            "it must be an integer of at least 2",
            inputs=points,
            targets=[0, 1, 2],
            n_classes=wrong,
        )
    refused(
        r"returned `n_classes` and targets of type float64 and shape \(3,\)",
        inputs=points, targets=[0.0, 1.0, 2.0], n_classes=3,
    )  # fmt: skip
    refused(
        "returned test_targets of type float64; expected integers",
        inputs=points, targets=[0, 1, 2], test_inputs=points, test_targets=[0.0, 1.0, 1.5],
    )  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_non_finite_numbers(value: float) -> None:
    good, bad = np.ones((2, 1)), np.array([[1.0], [value]])
    refused("returned inputs that are not finite", inputs=bad, targets=[0, 1])
    refused("returned targets that are not finite", inputs=good, targets=bad)
    refused(
        "returned test_inputs that are not finite",
        inputs=good, targets=[0, 1], test_inputs=bad, test_targets=[0, 1],
    )  # fmt: skip
    refused(
        "returned test_targets that are not finite",
        inputs=good, targets=good, test_inputs=good, test_targets=bad,
    )  # fmt: skip


def test_invalid_images() -> None:
    refused("only one class; at least 2", inputs=IMAGES, targets=np.zeros(6, int))
    refused(
        "test split: images are float64", DataError,
        inputs=IMAGES, targets=CLASSES, test_inputs=IMAGES / 2, test_targets=CLASSES,
    )  # fmt: skip


def function_with(**attributes: Any) -> Callable[[], None]:
    def data() -> None:
        """Never called, since only its attributes are read."""
        raise AssertionError

    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def test_a_version_or_the_content_of_files(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"one")
    (tmp_path / "b.bin").write_bytes(b"two")
    version = partial(declared_version, "mine:data")
    assert version(function_with(version="1"), tmp_path) == "version 1"
    assert version(function_with(version=2), tmp_path) == "version 2"
    both = checksum_of(b"one", b"two")
    assert version(function_with(files=("a.bin", "b.bin")), tmp_path) == both
    one = hashlib.sha256(b"one").hexdigest()
    for files in ("a.bin", Path("a.bin"), ["a.bin"], str(tmp_path / "a.bin")):
        assert version(function_with(files=files), tmp_path) == one
    # If both are declared, a change of either one changes the version.
    found = {
        version(function_with(files=files, version=number), tmp_path)
        for files in ("a.bin", "b.bin")
        for number in (1, 2)
    }
    assert len(found) == 4


def test_a_function_that_declares_nothing(tmp_path: Path) -> None:
    message = r"mine:data: declare the files that it reads, `data.files = \('mine/data.npz',\)`.*`data.version"
    for function in (function_with(), function_with(files=None), partial(print)):
        with pytest.raises(CodeError, match=message):
            declared_version("mine:data", function, tmp_path)


def test_files_that_are_not_paths(tmp_path: Path) -> None:
    for files, message in (
        (5, "its `files` are 5; expected a path"),
        ([1], "its `files` contain 1; expected"),
    ):
        with pytest.raises(CodeError, match=f"^mine:data: {message}"):
            declared_version("mine:data", function_with(files=files), tmp_path)


def test_a_missing_declared_file(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"one")
    elsewhere = str(tmp_path.parent / "nowhere" / "c.bin")
    for files, named in (
        (("a.bin", "sub/b.bin"), "sub/b.bin"),
        ("sub", "sub"),
        ("a" * 300, "a" * 300),
        ("nul\0", "nul\0"),
        (elsewhere, elsewhere),
    ):
        (tmp_path / "sub").mkdir(exist_ok=True)
        with pytest.raises(
            CodeError,
            match=f"^mine:data: it declares the file {named}, but .* (cannot be read: |does not exist)",
        ):
            declared_version("mine:data", function_with(files=files), tmp_path)
