"""Translation: masked padding, the predicted tokens, perturbed sentences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.features import network_features
from landscape_catalog.models.transformer import transformer
from landscape_catalog.tasks import Perturbation, Samples, Translation

PADDING, BEGIN, END, UNKNOWN = 0, 1, 2, 3
VOCABULARY = 14
TASK = Translation()


def rows(sentences: list[list[int]], *, more: int = 0) -> Tensor:
    """Sentences of unequal length as int32 rows, with `more` additional columns of padding."""
    width = max(map(len, sentences)) + more
    return torch.tensor([s + [PADDING] * (width - len(s)) for s in sentences], dtype=torch.int32)


SOURCES = [[4, 5, END], [6, 4, 7, 8, 9, END], [5, END], [10, 11, 4, END]]
TARGETS = [
    [BEGIN, 12, END],
    [BEGIN, 5, 6, END],
    [BEGIN, 7, 12, 13, 4, 9, 8, END],
    [BEGIN, 11, 13, 4, END],
]
BATCH = Samples(rows(SOURCES), rows(TARGETS))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    sizes = {"n_layers": 2, "n_heads": 2, "feed_forward": 2}
    made = transformer(width=8, vocabulary=VOCABULARY, dropout=0.0, **sizes)
    with torch.no_grad():  # larger weights, so that tokens influence each other
        for parameter in made.parameters():
            parameter.mul_(2)
    return made.double().eval()


def alone(network: nn.Module, i: int, n_read: int | None = None) -> Tensor:
    """Logits of a single sentence without padding, (positions, vocabulary)."""
    source, target = (torch.tensor([sentences[i]]) for sentences in (SOURCES, TARGETS))
    return network(source, target[:, : n_read or len(TARGETS[i]) - 1])[0]


def nll(logits: Tensor, token: int) -> float:
    values = logits.tolist()
    return math.log(sum(math.exp(value) for value in values)) - values[token]


def loss(network: nn.Module, samples: Samples, **options: float) -> Tensor:
    return TASK.loss(TASK.outputs(network, samples, torch.float64), samples, **options)


@torch.no_grad()
def test_the_loss_of_a_batch_is_the_mean_over_tokens(network: nn.Module) -> None:
    """Against one forward pass per token, with nothing but the tokens before it."""
    each = [
        [nll(alone(network, i, k)[-1], target[k]) for k in range(1, len(target))]
        for i, target in enumerate(TARGETS)
    ]
    by_token = [value for sentence in each for value in sentence]
    assert len(by_token) == 2 + 3 + 7 + 4
    found = loss(network, BATCH)
    assert float(found) == pytest.approx(sum(by_token) / 16, rel=1e-12)
    of_sentences = sum(sum(sentence) / len(sentence) for sentence in each) / 4
    assert abs(float(found) - of_sentences) > 0.05  # the mean over sentences differs
    losses = TASK.losses(TASK.outputs(network, BATCH, torch.float64), BATCH)
    torch.testing.assert_close(losses, torch.tensor(by_token, dtype=torch.float64))


@torch.no_grad()
def test_padding_does_not_contribute_to_the_loss(network: nn.Module) -> None:
    padded = Samples(rows(SOURCES, more=5), rows(TARGETS, more=3))
    assert torch.equal(loss(network, padded), loss(network, BATCH))
    longer = Samples(rows([*SOURCES, [4] * 20 + [END]]), rows([*TARGETS, [BEGIN, *[5] * 30, END]]))
    outputs = TASK.outputs(network, longer, torch.float64)
    inside = TASK.losses(outputs, longer)[:16]
    torch.testing.assert_close(
        inside, TASK.losses(TASK.outputs(network, BATCH, torch.float64), BATCH)
    )


@torch.no_grad()
def test_no_token_is_read_before_it_is_predicted(network: nn.Module) -> None:
    before = TASK.outputs(network, BATCH, torch.float64)
    assert before.shape == (4, 7, VOCABULARY)  # the longest target has eight tokens
    for at in range(1, 8):
        targets = BATCH.targets.clone()
        targets[2, at] = 10
        after = TASK.outputs(network, Samples(BATCH.inputs, targets), torch.float64)
        # The token at index `at` is predicted at position at - 1, and read from position `at` on.
        assert torch.equal(after[2, :at], before[2, :at])
        assert (after[2, at:] != before[2, at:]).any(1).all()
    sources = BATCH.inputs.clone()
    sources[2, 0] = 10
    changed = TASK.outputs(network, Samples(sources, BATCH.targets), torch.float64)
    assert (changed[2] != before[2]).any(1).all()  # while all positions read the source


@torch.no_grad()
def test_label_smoothing(network: nn.Module) -> None:
    """(1 - e) times the plain loss + e times the mean over the vocabulary of -log p."""
    total = 0.0
    for i, target in enumerate(TARGETS):
        logits = alone(network, i)
        for k in range(1, len(target)):
            spread = sum(nll(logits[k - 1], v) for v in range(VOCABULARY)) / VOCABULARY
            total += 0.6 * nll(logits[k - 1], target[k]) + 0.4 * spread
    smooth = loss(network, BATCH, label_smoothing=0.4)
    assert float(smooth) == pytest.approx(total / 16, rel=1e-12)
    assert abs(float(smooth) - float(loss(network, BATCH))) > 0.01


def test_errors_are_counted_per_token() -> None:
    targets = rows([[BEGIN, 5, 6, END], [BEGIN, 7, END]])
    predicted = [[5, 9, END], [7, 4, 4]]  # the second and the fifth are wrong; the last is padding
    logits = torch.nn.functional.one_hot(torch.tensor(predicted), VOCABULARY).double()
    samples = Samples(rows([[4, END], [4, END]]), targets)
    assert TASK.errors(logits, samples).tolist() == [False, True, False, False, True]
    logits[0, 0, 5] = torch.nan  # the right token's, which `argmax` treats as the largest
    assert TASK.errors(logits, samples).tolist() == [True, True, False, False, True]
    logits[1, 2] = torch.nan  # at a padded position
    assert TASK.errors(logits, samples).tolist() == [True, True, False, False, True]


def test_units() -> None:
    assert (TASK.error_unit, TASK.error_scale) == ("%", 100)
    assert (TASK.connectivity_by, TASK.connectivity_unit) == ("loss", "nats")


POSITIONS = [1, 0, 6, 2]
PLACED = Samples(BATCH.inputs, BATCH.targets, torch.tensor(POSITIONS))


@torch.no_grad()
def test_features_are_the_softmax_at_the_drawn_position(network: nn.Module) -> None:
    expected = torch.stack(
        [alone(network, i)[position].softmax(0) for i, position in enumerate(POSITIONS)]
    )
    torch.testing.assert_close(network_features(network, PLACED, TASK), expected)
    with pytest.raises(ValueError, match="without positions"):
        network_features(network, BATCH, TASK)


@torch.no_grad()
def inner(network: nn.Module, layer: str, i: int) -> Tensor:
    """A module's output for a single sentence without padding, (positions, d)."""
    outputs: list[Tensor] = []
    with network.get_submodule(layer).register_forward_hook(lambda _, __, out: outputs.append(out)):
        alone(network, i)
    return outputs[-1][0]


@pytest.mark.parametrize("layer", ["decoder.1", "decoder.0.feed_forward.0", "embedding"])
def test_a_layer_of_the_decoder_is_taken_at_the_same_position(
    network: nn.Module, layer: str
) -> None:
    expected = torch.stack([inner(network, layer, i)[p] for i, p in enumerate(POSITIONS)])
    torch.testing.assert_close(network_features(network, PLACED, TASK, layer=layer), expected)


@pytest.mark.parametrize("layer", ["encoder.1", "decoder.1.cross_attention.key"])
@pytest.mark.parametrize("more", [0, 1])
def test_a_layer_of_the_encoder_is_averaged_over_the_source(
    network: nn.Module, layer: str, more: int
) -> None:
    """Even if the longest source is as long as the decoder's input (`more` = 1)."""
    sources = [*SOURCES[:1], SOURCES[1][:-1] + [4] * more + [END], *SOURCES[2:]]
    samples = Samples(rows(sources), BATCH.targets, PLACED.positions)
    assert (samples.inputs.shape[1] == samples.targets.shape[1] - 1) == bool(more)
    found = network_features(network, samples, TASK, layer=layer)
    for i in (0, 2, 3):
        torch.testing.assert_close(found[i], inner(network, layer, i).mean(0))


def test_outputs_without_positions_are_rejected() -> None:
    for shape in ((4, 5, 8), (4, 8)):
        with pytest.raises(
            ValueError, match=rf"shape \({shape[0]}, {shape[1]}.* no token position"
        ):
            TASK.layer_features(torch.zeros(shape), PLACED)


def corpus() -> Samples:
    """400 pairs with rare, frequent and unknown words; sources use words 4..19, targets 20..39."""
    generator = np.random.Generator(np.random.Philox(key=3))
    sources, targets = [], []
    for _ in range(400):
        n, m = generator.integers(1, 10, size=2)
        words = 4 + np.minimum(generator.geometric(0.2, size=n) - 1, 15)
        others = 20 + np.minimum(generator.geometric(0.15, size=m) - 1, 19)
        words[generator.random(n) < 0.1] = UNKNOWN
        sources.append([*words.tolist(), END])
        targets.append([BEGIN, *others.tolist(), END])
    return Samples(rows(sources), rows(targets))


CORPUS = corpus()


def perturbed(rate: float, *, samples: int = 3000, seed: int = 1) -> Samples:
    how = Perturbation(kind="token_noise", samples=samples, rate=rate)
    return TASK.perturb(CORPUS, how, seed=seed)


def test_no_noise_gives_sentences_of_the_corpus() -> None:
    drawn = perturbed(0.0)
    assert len(drawn) == 3000
    together = torch.cat([drawn.inputs, drawn.targets], 1).tolist()
    known = torch.cat([CORPUS.inputs, CORPUS.targets], 1).tolist()
    assert {tuple(pair) for pair in together} <= {tuple(pair) for pair in known}
    assert len({tuple(pair) for pair in together}) > 300  # most of 400, drawn 3000 times
    assert drawn.inputs.dtype == drawn.targets.dtype == torch.int32


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_the_specified_fraction_of_words_is_replaced(rate: float) -> None:
    """A replacement equals the original word with probability sum p^2."""
    clean, noisy = perturbed(0.0), perturbed(rate)
    for before, after, every in (
        (clean.inputs, noisy.inputs, CORPUS.inputs),
        (clean.targets, noisy.targets, CORPUS.targets),
    ):
        assert torch.equal(before[before <= UNKNOWN], after[before <= UNKNOWN])
        words = before > UNKNOWN
        assert (after[words] > UNKNOWN).all()
        shares = np.bincount(every[every > UNKNOWN].numpy()) / int((every > UNKNOWN).sum())
        drawn_shares = np.bincount(before[words].numpy()) / int(words.sum())
        same = float((shares[: len(drawn_shares)] * drawn_shares).sum())
        n, expected = int(words.sum()), rate * (1 - same)
        changed = float((before != after)[words].double().mean())
        assert abs(changed - expected) < 5 * math.sqrt(expected * (1 - expected) / n)


def test_replacements_follow_the_corpus() -> None:
    noisy = perturbed(1.0)
    for after, every in ((noisy.inputs, CORPUS.inputs), (noisy.targets, CORPUS.targets)):
        words, drawn = (tokens[tokens > UNKNOWN].numpy() for tokens in (every, after))
        shares = np.bincount(words) / len(words)
        counts = np.bincount(drawn, minlength=len(shares))
        assert (counts[shares == 0] == 0).all()  # no word of the other language, no special token
        assert len(counts) == len(shares)
        expected = shares[shares > 0] * len(drawn)
        chi_squared = ((counts[shares > 0] - expected) ** 2 / expected).sum()
        freedom = len(expected) - 1
        assert chi_squared < freedom + 5 * math.sqrt(2 * freedom)


def test_perturbations_depend_only_on_the_seed() -> None:
    one, same, other = perturbed(0.3), perturbed(0.3), perturbed(0.3, seed=2)
    for name in ("inputs", "targets", "positions"):
        assert torch.equal(getattr(one, name), getattr(same, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))


def test_positions_are_uniform_over_predicted_tokens() -> None:
    drawn = perturbed(0.2, samples=6000)
    assert drawn.positions is not None
    predicted = (drawn.targets != PADDING).sum(1) - 1
    assert ((drawn.positions >= 0) & (drawn.positions < predicted)).all()
    for length in (2, 5, 10):
        counts = np.bincount(drawn.positions[predicted == length].numpy(), minlength=length)
        expected = counts.sum() / length
        assert counts.sum() > 300
        assert ((counts - expected) ** 2 / expected).sum() < length + 5 * math.sqrt(2 * length)


@pytest.mark.parametrize("kind", ["mixup", "pixel_noise"])
def test_perturbations_of_images_are_rejected(kind: str) -> None:
    with pytest.raises(ValueError, match=f"{kind} is not defined for tokens"):
        TASK.perturb(CORPUS, Perturbation(kind=kind), seed=0)  # type: ignore[arg-type]
