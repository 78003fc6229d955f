"""The transformer against torch's with equal weights; masks, second derivatives, a learned task."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.datasets.bpe import PADDING
from landscape_catalog.models.registry import args_in_effect
from landscape_catalog.models.transformer import Attention, Transformer, transformer

VOCABULARY = 12


def made(*, width: int, vocabulary: int, **args: Any) -> Transformer:
    """A transformer with the defaults of the registry."""
    return transformer(width=width, vocabulary=vocabulary, **args_in_effect("transformer", args))


def small(dropout: float = 0.0, **sizes: int) -> Transformer:
    torch.manual_seed(0)
    sizes = {"width": 16, "vocabulary": VOCABULARY, "n_layers": 2, "n_heads": 4} | sizes
    return made(**sizes, dropout=dropout).double()


def sentences(n: int, length: int, *, seed: int, shortest: int | None = None) -> Tensor:
    """Random tokens without padding, then padding from a random length on, (n, length)."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, VOCABULARY, (n, length), generator=generator)
    if shortest is not None:
        lengths = torch.randint(shortest, length + 1, (n, 1), generator=generator)
        tokens[torch.arange(length) >= lengths] = PADDING
    return tokens


def token_loss(logits: Tensor, words: Tensor) -> Tensor:
    """Mean cross-entropy per token, in nats."""
    return F.cross_entropy(logits.flatten(0, 1), words.flatten(), ignore_index=PADDING)


def reference_positions(length: int, width: int) -> Tensor:
    """Vaswani et al. 2017, section 3.5, elementwise."""
    rows = [
        [
            (math.sin if i % 2 == 0 else math.cos)(p / 10_000 ** ((i - i % 2) / width))
            for i in range(width)
        ]
        for p in range(length)
    ]
    return torch.tensor(rows, dtype=torch.float64)


def copy_attention(ours: Attention, theirs: nn.MultiheadAttention) -> None:
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
    theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())


@torch.no_grad()
def torch_transformer(network: Any, feed_forward: int) -> nn.Transformer:
    """torch.nn.Transformer without its final norms, with the weights of our network."""
    width, n_layers = network.embedding.embedding_dim, len(network.encoder)
    n_heads = network.encoder[0].attention.n_heads
    shape = (width, n_heads, feed_forward * width, 0.0)
    encoder_layer = nn.TransformerEncoderLayer(*shape, batch_first=True)
    decoder_layer = nn.TransformerDecoderLayer(*shape, batch_first=True)
    whole: Any = nn.Transformer(
        *shape[:2],
        custom_encoder=nn.TransformerEncoder(encoder_layer, n_layers, enable_nested_tensor=False),
        custom_decoder=nn.TransformerDecoder(decoder_layer, n_layers),
        batch_first=True,
    ).double()
    for ours, theirs in zip(network.encoder, whole.encoder.layers):
        copy_attention(ours.attention, theirs.self_attn)
        theirs.norm1.load_state_dict(ours.after_attention.norm.state_dict())
        theirs.norm2.load_state_dict(ours.after_feed_forward.norm.state_dict())
    for ours, theirs in zip(network.decoder, whole.decoder.layers):
        copy_attention(ours.attention, theirs.self_attn)
        copy_attention(ours.cross_attention, theirs.multihead_attn)
        theirs.norm1.load_state_dict(ours.after_attention.norm.state_dict())
        theirs.norm2.load_state_dict(ours.after_cross_attention.norm.state_dict())
        theirs.norm3.load_state_dict(ours.after_feed_forward.norm.state_dict())
    layers = zip(
        [*network.encoder, *network.decoder], [*whole.encoder.layers, *whole.decoder.layers]
    )
    for ours, theirs in layers:
        theirs.linear1.load_state_dict(ours.feed_forward[0].state_dict())
        theirs.linear2.load_state_dict(ours.feed_forward[2].state_dict())
    return whole


def test_the_same_function_as_torch() -> None:
    network = small(feed_forward=3)
    with torch.no_grad():  # different norms and biases, so that swapped ones are noticed
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    whole = torch_transformer(network, feed_forward=3)
    sources = sentences(5, 9, seed=1, shortest=2)
    targets = sentences(5, 7, seed=2, shortest=2)

    def embedded(tokens: Tensor) -> Tensor:
        positions = reference_positions(tokens.shape[1], 16)
        return network.embedding.weight[tokens] * 4.0 + positions

    padded = sources == PADDING
    vectors = whole(
        embedded(sources),
        embedded(targets),
        tgt_mask=torch.ones(7, 7, dtype=torch.bool).triu(1),
        src_key_padding_mask=padded,
        tgt_key_padding_mask=targets == PADDING,
        memory_key_padding_mask=padded,
    )
    expected = vectors @ network.embedding.weight.T
    torch.testing.assert_close(network(sources, targets), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("width", "vocabulary", "n_layers", "n_heads", "feed_forward"),
    [(8, 100, 6, 8, 4), (12, 7, 1, 3, 2), (32, 50, 3, 1, 5)],
)
def test_parameter_counts(
    width: int, vocabulary: int, n_layers: int, n_heads: int, feed_forward: int
) -> None:
    network = made(
        width=width,
        vocabulary=vocabulary,
        n_layers=n_layers,
        n_heads=n_heads,
        feed_forward=feed_forward,
    )
    attention = 4 * width * (width + 1)
    fed = 2 * feed_forward * width * width + (feed_forward + 1) * width
    encoder = attention + fed + 2 * 2 * width
    decoder = 2 * attention + fed + 3 * 2 * width
    expected = vocabulary * width + n_layers * (encoder + decoder)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize(("width", "count"), [(8, 76_288), (64, 1_212_416)])
def test_parameter_counts_at_the_papers_depth(width: int, count: int) -> None:
    network = made(width=width, vocabulary=8_000)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_the_initial_weights() -> None:
    torch.manual_seed(0)
    network: Any = made(width=128, vocabulary=500, n_layers=1)
    assert network.embedding.weight.std().item() == pytest.approx(128**-0.5, rel=0.02)
    feed = network.encoder[0].feed_forward[0]
    bound = math.sqrt(6 / (128 + 512))
    assert 0.99 * bound < feed.weight.abs().max().item() <= bound
    assert not any(value.any() for name, value in network.named_parameters() if "bias" in name)


def test_padding_a_batch_does_not_change_the_shorter_sentence() -> None:
    network = small()
    source, target = sentences(1, 4, seed=3), sentences(1, 5, seed=4)
    alone = network(source, target)
    sources, targets = sentences(3, 9, seed=5), sentences(3, 8, seed=6)
    sources[1], targets[1] = PADDING, PADDING
    sources[1, :4], targets[1, :5] = source[0], target[0]
    together = network(sources, targets)[1, :5]
    torch.testing.assert_close(together, alone[0], rtol=0, atol=1e-6)


def test_padded_positions_have_no_influence() -> None:
    network = small()
    sources = sentences(4, 8, seed=3, shortest=2)
    targets = sentences(4, 7, seed=4, shortest=2)
    before = network(sources, targets)
    real = targets != PADDING
    words = sentences(4, 7, seed=5)
    loss = token_loss(before, words * real)
    gradient = torch.autograd.grad(loss, network.embedding.weight)[0]
    with torch.no_grad():
        network.embedding.weight[PADDING] += torch.randn(16, dtype=torch.float64)
    after = network(sources, targets)
    same = torch.arange(VOCABULARY) != PADDING  # the padding logit itself changes: it is tied
    torch.testing.assert_close(after[real][:, same], before[real][:, same], rtol=0, atol=1e-12)
    assert not torch.allclose(after[real][:, PADDING], before[real][:, PADDING])
    assert gradient[PADDING].any()  # as an output only


def test_a_later_target_token_does_not_change_earlier_outputs() -> None:
    network = small()
    sources, targets = sentences(3, 5, seed=7), sentences(3, 6, seed=8)
    before = network(sources, targets)
    for position in range(6):
        changed = targets.clone()
        changed[:, position] = changed[:, position] % (VOCABULARY - 1) + 1
        after = network(sources, changed)
        torch.testing.assert_close(after[:, :position], before[:, :position], rtol=0, atol=1e-12)
        assert not torch.allclose(after[:, position], before[:, position])


def test_sentences_of_padding_only_give_finite_numbers() -> None:
    network = small()
    sources, targets = sentences(3, 5, seed=7), sentences(3, 6, seed=8)
    expected = network(sources, targets)
    sources[1] = PADDING
    targets[2, :3] = PADDING  # the first positions cannot attend to anything
    logits = network(sources, targets)
    gradients = torch.autograd.grad(logits.square().sum(), list(network.parameters()))
    assert all(torch.isfinite(value).all() for value in (logits, *gradients))
    torch.testing.assert_close(logits[0], expected[0])


def test_hessian_vector_products_are_differences_of_gradients() -> None:
    network = small(n_layers=1)
    sources = sentences(4, 6, seed=9, shortest=3)
    targets = sentences(4, 6, seed=10, shortest=3)
    reads, words = targets[:, :-1], targets[:, 1:]
    parameters = list(network.parameters())

    def gradient(*, create_graph: bool = False) -> tuple[Tensor, ...]:
        loss = token_loss(network(sources, reads), words)
        return torch.autograd.grad(loss, parameters, create_graph=create_graph)

    torch.manual_seed(1)
    direction = [torch.randn_like(parameter) for parameter in parameters]
    products = torch.autograd.grad(gradient(create_graph=True), parameters, direction)
    step = 1e-5

    def gradient_after(shift: float) -> tuple[Tensor, ...]:
        with torch.no_grad():
            for parameter, part in zip(parameters, direction):
                parameter.add_(shift * part)
        return gradient()

    ahead, behind = gradient_after(step), gradient_after(-2 * step)
    for product, high, low in zip(products, ahead, behind):
        torch.testing.assert_close(product, (high - low) / (2 * step), rtol=1e-5, atol=1e-6)


def test_functional_calls_copies_and_stacked_networks() -> None:
    networks = [small(), small()]
    with torch.no_grad():
        networks[1].embedding.weight.mul_(2)
    sources = sentences(3, 5, seed=1, shortest=2)
    targets = sentences(3, 4, seed=2, shortest=2)
    expected = torch.stack([network(sources, targets) for network in networks])
    duplicate = copy.deepcopy(networks[0])
    torch.testing.assert_close(duplicate(sources, targets), expected[0], rtol=0, atol=0)
    parameters, _ = torch.func.stack_module_state(networks)

    def call(values: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(duplicate, values, (sources, targets))

    one = {name: value[1] for name, value in parameters.items()}
    torch.testing.assert_close(call(one), expected[1], rtol=0, atol=0)
    torch.testing.assert_close(torch.func.vmap(call)(parameters), expected)


def test_dropout_is_active_in_training_only() -> None:
    network = small(dropout=0.5)
    sources, targets = sentences(2, 5, seed=1), sentences(2, 4, seed=2)
    assert not torch.equal(network(sources, targets), network(sources, targets))
    network.eval()
    torch.testing.assert_close(network(sources, targets), small()(sources, targets))


def test_any_width_with_one_head() -> None:
    tokens = sentences(2, 3, seed=1)
    assert small(width=5, n_heads=1, n_layers=1)(tokens, tokens).shape == (2, 3, VOCABULARY)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"vocabulary": 1}, "vocabulary must be at least 2, got 1"),
        ({"n_layers": 0}, r"n_layers must be a whole number of at least 1 and below 2\^31, got 0"),
        ({"n_heads": 0}, r"n_heads must be a whole number of at least 1 and below 2\^31, got 0"),
        (
            {"feed_forward": 0},
            r"feed_forward must be a whole number of at least 1 and below 2\^31, got 0",
        ),
        ({"dropout": 1.0}, "dropout must be a number of at least 0 and below 1, got 1.0"),
        ({"width": 12}, r"width: allowed are multiples of 8, .*, got 12"),
    ],
)
def test_bad_sizes(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(**({"width": 8, "vocabulary": 10} | sizes))


def test_copying_is_learned() -> None:
    """New sentences in every step; the target is the source itself."""
    begin = 1
    torch.manual_seed(0)
    network = made(width=16, vocabulary=VOCABULARY, n_layers=1, n_heads=2)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(1)

    def batch(n: int) -> tuple[Tensor, Tensor]:
        words = torch.randint(2, VOCABULARY, (n, 6), generator=generator)
        return words, torch.cat((torch.full((n, 1), begin), words[:, :-1]), dim=1)

    for _ in range(400):
        words, reads = batch(32)
        optimizer.zero_grad()
        token_loss(network(words, reads), words).backward()
        optimizer.step()
    words, reads = batch(256)
    assert token_loss(network(words, reads), words).item() < 0.05
