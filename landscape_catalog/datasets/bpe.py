"""Byte-pair encoding: text as rows of token ids, with one vocabulary for both languages.

Learned with Hugging Face's `tokenizers` on the bytes of the text:

- no token is ever unknown, and decoding restores the text exactly, including white space;
- a learned encoding is JSON, and the same text always gives the same JSON, whatever the number of
  threads (ties between pairs are broken by the lower ids, and the alphabet is sorted);
- one wheel of 3.4 MB serves Python 3.10 and later.

`sentencepiece` (a wheel of 1.7 MB per Python version) would also work, with normalisation off and
byte fallback on, but its model is a binary file, and it represents a space as U+2581, so that this
character in a text is decoded as a space.

Special tokens are ids below those of the vocabulary, never strings: a text that contains "<pad>"
is ordinary text.

Source: Sennrich, Haddow and Birch 2016, Neural Machine Translation of Rare Words with Subword
Units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING, BEGIN, END, UNKNOWN = 0, 1, 2, 3
N_SPECIAL = 4
N_BYTES = 256
SMALLEST_VOCABULARY = N_SPECIAL + N_BYTES
LEAST_COUNT = 2  # a pair that occurs only once gets no token


def learn_bpe(lines: Iterable[str], vocabulary: int) -> BytePairs:
    """Learn an encoding: merge the most frequent adjacent pair until the vocabulary is full.

    Pairs are merged within words only (a word includes the space before it).

    Args:
        lines: the training text of both languages.
        vocabulary: total number of tokens, including the special tokens and the 256 bytes. The
            result is smaller if no further pair occurs at least twice.

    Raises:
        ValueError: if the vocabulary is too small for the special tokens and the bytes.

    >>> pairs = learn_bpe(["ein ein ein eins"], 262)
    >>> pairs.size, pairs.decode(pairs.encode(["ein"], begin=True, end=True))
    (262, ['ein'])
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocabulary < SMALLEST_VOCABULARY:
        raise ValueError(
            f"a vocabulary of {vocabulary} is too small; at least {SMALLEST_VOCABULARY} "
            f"are needed: {N_BYTES} bytes and {N_SPECIAL} special tokens"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - N_SPECIAL,
        min_frequency=LEAST_COUNT,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[],
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return BytePairs(tokenizer)


@dataclass(frozen=True)
class BytePairs:
    """A learned encoding; token i of `tokenizer` has the id i + 4.

    Attributes:
        tokenizer: of Hugging Face, without special tokens of its own.
    """

    tokenizer: Tokenizer

    @property
    def size(self) -> int:
        """Number of tokens, including the special ones."""
        return N_SPECIAL + self.tokenizer.get_vocab_size()

    def encode(self, lines: Sequence[str], *, begin: bool, end: bool) -> np.ndarray:
        """Encode lines as rows of token ids.

        Args:
            lines: n texts.
            begin: whether to prepend `BEGIN` to each.
            end: whether to append `END` to each.

        Returns:
            (n, length of the longest) of int32, padded with `PADDING`.
        """
        found = [one.ids for one in self.tokenizer.encode_batch(list(lines))]
        lengths = [len(ids) + begin + end for ids in found]
        rows = np.full((len(found), max(lengths, default=0)), PADDING, np.int32)
        for row, ids, length in zip(rows, found, lengths):
            row[begin : begin + len(ids)] = ids
            row[begin : begin + len(ids)] += N_SPECIAL
            if begin:
                row[0] = BEGIN
            if end:
                row[length - 1] = END
        return rows

    def decode(self, rows: np.ndarray) -> list[str]:
        """Decode rows of token ids: each up to its first `END`, without other special tokens.

        Byte sequences that are not valid UTF-8, which a network may generate, become U+FFFD.

        Args:
            rows: (n, length) of integers.

        Raises:
            ValueError: if an id is outside the vocabulary.
        """
        rows = np.asarray(rows)
        if rows.size and not (rows.min() >= 0 and rows.max() < self.size):
            raise ValueError(f"token ids must be in 0..{self.size - 1}")
        texts = []
        for row in rows:
            stop = np.flatnonzero(row == END)
            kept = row[: stop[0]] if len(stop) else row
            texts.append((kept[kept >= N_SPECIAL] - N_SPECIAL).tolist())
        return self.tokenizer.decode_batch(texts, skip_special_tokens=False)

    def to_json(self) -> str:
        """The learned encoding as JSON."""
        return self.tokenizer.to_str()
