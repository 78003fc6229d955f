"""Byte-pair encoding: text as rows of numbers, one vocabulary for both languages.

Learned with Hugging Face's `tokenizers` on the bytes of the text:

- no symbol is ever unknown, and decoding gives back the text exactly, white space and all;
- a learned encoding is JSON, and the same text always learns the same JSON, whatever the number of
  threads (ties between pairs go to the lower numbers, and the alphabet is sorted);
- one wheel of 3.4 MB serves Python 3.10 and later.

`sentencepiece` (a wheel of 1.7 MB for each Python) would do too, with its normalisation switched
off and byte fallback on, but its model is a binary file, and it writes a blank as U+2581, so that
this character of a text comes back as a blank.

The special symbols are numbers below the vocabulary's own, never strings: a text that contains
"<pad>" is text.

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
LEAST_COUNT = 2  # a pair seen once is not worth a symbol


def learn_bpe(lines: Iterable[str], vocabulary: int) -> BytePairs:
    """Learn an encoding: join the most frequent pair of neighbours until the vocabulary is full.

    Pairs are joined within words only (a word takes the blank before it along).

    Args:
        lines: the training text of both languages.
        vocabulary: symbols in all, the special ones and the 256 bytes included. It stays smaller
            where the text has no further pair that occurs twice.

    Raises:
        ValueError: if the vocabulary cannot hold the special symbols and the bytes.

    >>> pairs = learn_bpe(["ein ein ein eins"], 262)
    >>> pairs.size, pairs.decode(pairs.encode(["ein"], begin=True, end=True))
    (262, ['ein'])
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocabulary < SMALLEST_VOCABULARY:
        raise ValueError(
            f"a vocabulary of {vocabulary} is too small; at least {SMALLEST_VOCABULARY} "
            f"are needed: {N_BYTES} bytes and {N_SPECIAL} special symbols"
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
    """A learned encoding; symbol i of `tokenizer` has the number i + 4.

    Attributes:
        tokenizer: of Hugging Face, without special symbols of its own.
    """

    tokenizer: Tokenizer

    @property
    def size(self) -> int:
        """How many symbols there are, the special ones included."""
        return N_SPECIAL + self.tokenizer.get_vocab_size()

    def encode(self, lines: Sequence[str], *, begin: bool, end: bool) -> np.ndarray:
        """Lines as rows of numbers.

        Args:
            lines: n texts.
            begin: put `BEGIN` before each.
            end: put `END` after each.

        Returns:
            (n, longest) of int32, filled up with `PADDING`.
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
        """Rows of numbers as text: each up to its first `END`, without other special symbols.

        Bytes that are no UTF-8, as a network may put them together, become U+FFFD.

        Args:
            rows: (n, length) of whole numbers.

        Raises:
            ValueError: if a number is outside the vocabulary.
        """
        rows = np.asarray(rows)
        if rows.size and not (rows.min() >= 0 and rows.max() < self.size):
            raise ValueError(f"symbols must be in 0..{self.size - 1}")
        texts = []
        for row in rows:
            stop = np.flatnonzero(row == END)
            kept = row[: stop[0]] if len(stop) else row
            texts.append((kept[kept >= N_SPECIAL] - N_SPECIAL).tolist())
        return self.tokenizer.decode_batch(texts, skip_special_tokens=False)

    def to_json(self) -> str:
        """All that is learned, as JSON."""
        return self.tokenizer.to_str()

    @staticmethod
    def from_json(text: str) -> BytePairs:
        """The inverse of `to_json`."""
        from tokenizers import Tokenizer

        return BytePairs(Tokenizer.from_str(text))
