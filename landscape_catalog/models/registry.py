"""The built-in networks, described without importing torch.

To add a network, create a file in this folder and add an entry here. An entry is the only place
that defines the network's arguments, limits, defaults, multiply-adds and error messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from landscape_catalog.errors import Problem
from landscape_catalog.models import footprints
from landscape_catalog.models.spec import Footprint, NetworkSpec, Sizes, count, flag, probability


def _resnet18(sizes: Sizes) -> int:
    """Four stages of two blocks of two 3 x 3 convolutions; 1 x 1 shortcuts at stride 2."""
    k = sizes.width
    channels, height, width = sizes.input_shape
    total = 9 * channels * k * height * width  # the stem
    stages = (k, k, 2 * k, 4 * k, 8 * k)
    for number, (before, after) in enumerate(pairwise(stages)):
        if number > 0:  # stride 2 with padding rounds up
            height, width = -(-height // 2), -(-width // 2)
            total += before * after * height * width
        total += 9 * (before + 3 * after) * after * height * width
    return total + 8 * k * sizes.n_outputs


def _vgg11(sizes: Sizes) -> int:
    """Eight 3 x 3 convolutions in five groups; each group ends with a pool, which rounds down."""
    k = sizes.width
    before, height, width = sizes.input_shape
    total = 0
    for group in ((k,), (2 * k,), (4 * k, 4 * k), (8 * k, 8 * k), (8 * k, 8 * k)):
        for after in group:
            total += 9 * before * after * height * width
            before = after
        height, width = height // 2, width // 2
    return total + 8 * k * sizes.n_outputs


def _transformer(sizes: Sizes) -> float:
    """Projections d x d and d x fd per token; Q Kᵀ and its product with V per pair of tokens.

    The masked half of the decoder's attention is computed as well, so it is counted.
    """
    d, (source, target) = sizes.width, sizes.lengths
    token, pair = d * d, 2 * d
    feed_forward = 2 * sizes.args["feed_forward"] * token
    encoder = source * (4 * token + feed_forward) + source * source * pair
    decoder = target * (4 * token + feed_forward) + target * target * pair
    cross = 2 * (source + target) * token + source * target * pair
    return sizes.args["n_layers"] * (encoder + decoder + cross) + target * d * sizes.n_outputs


def _undivided(width: int, args: Mapping[str, Any]) -> str | None:
    heads = args["n_heads"]
    if width % heads == 0:
        return None
    return f"multiples of {heads}, the number of heads (`model.args.n_heads`)"


_LISTED = (
    NetworkSpec(
        "resnet18",
        kind="images",
        where="landscape_catalog.models.resnet:resnet18",
        multiply_adds=_resnet18,
        footprint=footprints.resnet18,
        stacks=True,
        has_batch_norm=lambda args: True,
        words="blocks of k, 2k, 4k, 8k channels",
    ),
    NetworkSpec(
        "vgg11",
        kind="images",
        where="landscape_catalog.models.vgg:vgg11",
        multiply_adds=_vgg11,
        footprint=footprints.vgg11,
        stacks=True,
        args={"batch_norm": flag(True)},
        has_batch_norm=lambda args: bool(args["batch_norm"]),
        smallest_image=32,
        why_smallest="pools five times",
    ),
    NetworkSpec(
        "transformer",
        kind="text",
        where="landscape_catalog.models.transformer:transformer",
        multiply_adds=_transformer,
        footprint=footprints.transformer,
        args={
            "n_layers": count(6),
            "n_heads": count(8),
            "feed_forward": count(4),
            "dropout": probability(0.0),
        },
        wrong_width=_undivided,
    ),
)
NETWORKS: dict[str, NetworkSpec] = {network.name: network for network in _LISTED}


def described() -> str:
    """A short description of all networks, for the documentation of `model.name`."""
    return ", ".join(
        f"`{name}`" + (f" ({network.words})" if network.words else "")
        for name, network in NETWORKS.items()
    )


def args_in_effect(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of a network with their effective values, of the right type.

    `args` must be valid.

    >>> args_in_effect("transformer", {"n_layers": 2, "dropout": 0})
    {'n_layers': 2, 'n_heads': 8, 'feed_forward': 4, 'dropout': 0.0}
    """
    specs = NETWORKS[name].args
    return {key: spec.type(args.get(key, spec.default)) for key, spec in specs.items()}


def non_default_args(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that differ from a network's defaults, so that equal networks have equal ids.

    Invalid arguments are kept; `network_problems` reports them.

    >>> non_default_args("transformer", {"n_layers": 6, "dropout": 0.5})
    {'dropout': 0.5}
    """
    specs = NETWORKS[name].args
    return {
        key: specs[key].type(value) if key in specs and specs[key].admits(value) else value
        for key, value in args.items()
        if not (key in specs and specs[key].admits(value) and value == specs[key].default)
    }


def has_batch_norm(name: str, args: Mapping[str, Any]) -> bool:
    """Whether a network with these arguments has batch norm.

    >>> [has_batch_norm("vgg11", {"batch_norm": value}) for value in (True, False)]
    [True, False]
    """
    return NETWORKS[name].has_batch_norm(args_in_effect(name, args))


def network_problems(
    name: str,
    *,
    width: int,
    input_shape: tuple[int, ...],
    args: Mapping[str, Any],
    path_of_width: str = "load.width",
) -> list[Problem]:
    """Invalid arguments, a width incompatible with them, and images that are too small.

    Args:
        name: a key of `NETWORKS`; any other raises KeyError.
        width: of the network.
        input_shape: of one input, (channels, height, width) for images; other shapes are ignored.
        args: the values of `model.args`.
        path_of_width: the parameter that sets the width.
    """
    problems = _args_problems(name, args)
    if not problems:
        allowed = NETWORKS[name].wrong_width(width, args_in_effect(name, args))
        if allowed is not None:
            problems.append(Problem(path_of_width, repr(width), allowed))
    return problems + _image_problems(name, input_shape)


def _args_problems(name: str, args: Mapping[str, Any]) -> list[Problem]:
    specs = NETWORKS[name].args
    known = ", ".join(specs) or f"none: {name} has no arguments to set"
    problems = []
    for key, value in args.items():
        path = f"model.args.{key}"
        if key not in specs:
            problems.append(Problem(path, "an unknown parameter", known))
        elif not specs[key].admits(value):
            problems.append(Problem(path, repr(value), specs[key].allowed))
    return problems


def _image_problems(name: str, input_shape: tuple[int, ...]) -> list[Problem]:
    network = NETWORKS[name]
    least = network.smallest_image
    if network.kind != "images" or len(input_shape) != 3 or min(input_shape[1:]) >= least:
        return []
    _, height, width = input_shape
    allowed = f"at least {least} x {least} for {name}, which {network.why_smallest}"
    return [Problem("dataset.resize", f"images of {height} x {width}", allowed)]


def multiply_adds(
    name: str,
    *,
    width: int,
    input_shape: tuple[int, ...],
    n_outputs: int,
    args: Mapping[str, Any],
    lengths: tuple[float, float] = (0, 0),
) -> int:
    """Multiply-adds of one forward pass of one sample, in convolutions and matrix products.

    Norms, activations, pooling, embeddings and additions are not counted.

    Args:
        name: a key of `NETWORKS`; any other raises KeyError.
        width: of the network.
        input_shape: of one input: (channels, height, width) for images, () for text.
        n_outputs: number of classes, or size of the vocabulary.
        args: valid `model.args`.
        lengths: for text, mean number of tokens of a source and of the decoder's input.

    >>> multiply_adds("resnet18", width=64, input_shape=(3, 32, 32), n_outputs=10, args={})
    555422720
    """
    sizes = Sizes(width, input_shape, n_outputs, args_in_effect(name, args), lengths)
    return round(NETWORKS[name].multiply_adds(sizes))


def footprint(
    name: str,
    *,
    width: int,
    input_shape: tuple[int, ...],
    n_outputs: int,
    args: Mapping[str, Any],
    lengths: tuple[float, float] = (0, 0),
) -> Footprint | None:
    """The numbers that training a network keeps in memory; None if that is not known.

    The arguments are those of `multiply_adds`; for text, `lengths` are those of padded sentences.

    >>> footprint("resnet18", width=64, input_shape=(3, 32, 32), n_outputs=10, args={})
    Footprint(parameters=11173962, activations=1174528, largest=65536)
    """
    counted = NETWORKS[name].footprint
    sizes = Sizes(width, input_shape, n_outputs, args_in_effect(name, args), lengths)
    return None if counted is None else counted(sizes)
