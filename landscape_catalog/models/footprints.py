"""How many numbers training a built-in network keeps in memory, without importing torch.

Counted are the tensors that autograd saves in `resnet.py`, `vgg.py` and `transformer.py`; small
ones, such as statistics of batch norm, are not.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

from landscape_catalog.models.spec import Footprint, Sizes


def resnet18(sizes: Sizes) -> Footprint:
    """Inputs and outputs of each batch norm with its ReLU; a shortcut saves one tensor more."""
    k = sizes.width
    channels, height, width = sizes.input_shape
    parameters = 9 * channels * k + 2 * k + 8 * k * sizes.n_outputs + sizes.n_outputs
    activations = prod(sizes.input_shape) + 2 * k * height * width
    values = [prod(sizes.input_shape), k * height * width, sizes.n_outputs]
    for number, (before, after) in enumerate(pairwise((k, k, 2 * k, 4 * k, 8 * k))):
        parameters += 9 * (before + 3 * after) * after + 4 * 2 * after
        saved = 8
        if number > 0:  # stride 2 with padding rounds up
            height, width = -(-height // 2), -(-width // 2)
            parameters += before * after + 2 * after
            saved = 9
        activations += saved * after * height * width
        values.append(after * height * width)
    return Footprint(parameters, activations, max(values))


def vgg11(sizes: Sizes) -> Footprint:
    """Each ReLU's output, the input of each batch norm, and outputs and indices of each pool."""
    k, norm = sizes.width, bool(sizes.args["batch_norm"])
    before, height, width = sizes.input_shape
    parameters, activations = 8 * k * sizes.n_outputs + sizes.n_outputs, prod(sizes.input_shape)
    values = [activations, sizes.n_outputs]
    for group in ((k,), (2 * k,), (4 * k, 4 * k), (8 * k, 8 * k), (8 * k, 8 * k)):
        for after in group:
            parameters += 9 * before * after + after + 2 * after * norm
            activations += (1 + norm) * after * height * width
            values.append(after * height * width)
            before = after
        height, width = height // 2, width // 2
        activations += 3 * before * height * width  # an index has twice the bytes of a value
    return Footprint(parameters, activations, max(values))


def transformer(sizes: Sizes) -> Footprint:
    """Inputs of each matrix product and norm, weights of attention before and after masking."""
    d, (source, target) = sizes.width, sizes.lengths
    layers, heads = sizes.args["n_layers"], sizes.args["n_heads"]
    multiple = sizes.args["feed_forward"]
    attention, feed_forward = 4 * (d * d + d), 2 * multiple * d * d + multiple * d + d
    norms = 5 * 2 * d  # two in an encoder layer, three in a decoder layer
    parameters = sizes.n_outputs * d + layers * (3 * attention + 2 * feed_forward + norms)
    vectors = (9 + multiple) * source * d + (14 + multiple) * target * d
    weights = 2 * heads * (source * source + target * target + source * target)
    logits = target * sizes.n_outputs
    activations = layers * (vectors + weights) + logits
    return Footprint(parameters, round(activations), round(max(logits, multiple * source * d)))
