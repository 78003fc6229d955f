"""Byte-pair encoding: lossless, equal in every process, correct on an example worked by hand."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from landscape_catalog.datasets.bpe import BEGIN, END, PADDING, UNKNOWN, BytePairs, learn_bpe
from landscape_catalog.datasets.number_words import number_words
from tests.conftest import SHARED

POOL = number_words(500)
LINES = [*POOL.sources, *POOL.targets]
PAIRS = learn_bpe(LINES, 400)
REAL = SHARED / "data/iwslt14_de_en"


@settings(max_examples=300)
@given(st.lists(st.text(), max_size=4), st.booleans(), st.booleans())
def test_decoding_restores_any_text(lines: list[str], begin: bool, end: bool) -> None:
    assert PAIRS.decode(PAIRS.encode(lines, begin=begin, end=end)) == lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  two  blanks ",
        "\r\n\t\0",
        "<pad> <s> </s> <unk> [PAD]",
        "▁ Ġ Ċ",
        "ß ẞ İ ſ",
        "漢字 🙂🏽",
    ],
)
def test_text_that_looks_like_a_special_token(text: str) -> None:
    rows = PAIRS.encode([text], begin=True, end=True)
    assert PAIRS.decode(rows) == [text]
    assert (rows[:, 1:-1] > UNKNOWN).all()  # text never becomes a special token


def test_begin_end_and_padding() -> None:
    words = ["eins", "siebenhundertneunundneunzigtausend", ""]
    bare = PAIRS.encode(words, begin=False, end=False)
    lengths = (bare != PADDING).sum(axis=1)
    assert bare.dtype == np.int32
    assert bare.shape == (3, lengths.max())
    assert lengths[2] == 0
    framed = PAIRS.encode(words, begin=True, end=True)
    assert framed.shape == (3, lengths.max() + 2)
    for row, inside, length in zip(framed, bare, lengths):
        assert row[0] == BEGIN
        assert np.array_equal(row[1 : 1 + length], inside[:length])
        assert row[1 + length] == END
        assert (row[2 + length :] == PADDING).all()
    assert np.array_equal(PAIRS.encode(words, begin=True, end=False)[:, 1:], bare)
    assert PAIRS.encode([], begin=True, end=True).shape == (0, 0)
    assert PAIRS.encode([""], begin=False, end=False).shape == (1, 0)


def test_decoding_stops_at_the_first_end() -> None:
    (row,) = PAIRS.encode(["eins"], begin=True, end=True)
    longer = np.concatenate([row, row[1:-1], [PADDING, UNKNOWN]])
    assert PAIRS.decode(longer[None]) == ["eins"]
    assert PAIRS.decode(np.array([[PADDING, UNKNOWN, BEGIN]])) == [""]


def test_invalid_utf8_is_replaced() -> None:
    half = PAIRS.encode(["ż"], begin=False, end=False)[:, :1]
    assert PAIRS.decode(half) == ["\ufffd"]


@pytest.mark.parametrize("symbol", [-1, PAIRS.size])
def test_ids_outside_the_vocabulary(symbol: int) -> None:
    with pytest.raises(ValueError, match=rf"0\.\.{PAIRS.size - 1}"):
        PAIRS.decode(np.array([[symbol]]))


def test_pairs_are_merged_by_frequency() -> None:
    # "ab" occurs 5 times, "abc" 3 times, " x" twice, and nothing else twice.
    learned = learn_bpe(["ab", "ab x", "abc x", "abc", "abcd"], 300)
    assert learned.size == 4 + 256 + 3
    lengths = (learned.encode(["ab", "abc", " x", "abx", "ba"], begin=False, end=False) > 0).sum(1)
    assert lengths.tolist() == [1, 1, 1, 2, 2]


def test_the_vocabulary_has_the_requested_size() -> None:
    assert PAIRS.size == 400
    symbols = PAIRS.encode(LINES, begin=True, end=True)
    assert symbols.max() < PAIRS.size
    assert learn_bpe(LINES, 260).size == 260
    assert learn_bpe([], 1000).size == 260
    with pytest.raises(ValueError, match="259 is too small; at least 260"):
        learn_bpe(LINES, 259)


def test_json_round_trip() -> None:
    text = PAIRS.to_json()
    again = BytePairs(Tokenizer.from_str(text))
    assert again.to_json() == text
    assert again.size == PAIRS.size
    rows = PAIRS.encode(LINES, begin=True, end=True)
    assert np.array_equal(again.encode(LINES, begin=True, end=True), rows)


LEARN = """
import hashlib
from landscape_catalog.datasets.bpe import learn_bpe
from landscape_catalog.datasets.number_words import number_words
pool = number_words(500)
lines = [*pool.sources, *pool.targets]
for given in (lines, (line for line in lines)):
    print(hashlib.sha256(learn_bpe(given, 400).to_json().encode()).hexdigest())
"""


def digest(pairs: BytePairs) -> str:
    return hashlib.sha256(pairs.to_json().encode()).hexdigest()


@pytest.mark.parametrize(("parallel", "seed"), [("true", "1"), ("false", "2")])
def test_every_process_learns_the_same_encoding(parallel: str, seed: str) -> None:
    variables = {**os.environ, "TOKENIZERS_PARALLELISM": parallel, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", LEARN], env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [digest(PAIRS)] * 2


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real sentences")
def test_real_sentences() -> None:
    lines = [
        line
        for language in ("de", "en")
        for line in (REAL / f"valid.tok.{language}").read_text("utf-8").splitlines()[:2000]
    ]
    learned = learn_bpe(lines, 2000)
    rows = learned.encode(lines, begin=True, end=True)
    assert learned.size == 2000
    assert learned.decode(rows) == lines
    n_bytes = sum(len(line.encode()) for line in lines)
    assert 2 < n_bytes / (rows > UNKNOWN).sum() < 6  # several bytes per token
    assert digest(learned) == digest(learn_bpe(lines, 2000))
