"""Number words against an independent library."""

from __future__ import annotations

import pytest
from num2words import num2words

from landscape_catalog.datasets.number_words import CHECKSUM, N_PAIRS, number_words


def test_every_number_in_both_languages() -> None:
    pool = number_words()
    assert len(pool.sources) == len(pool.targets) == N_PAIRS == 10_000
    for n, (source, target) in enumerate(zip(pool.sources, pool.targets)):
        assert source == num2words(n, lang="de")
        assert target == num2words(n, lang="en").replace(",", "")  # the convention: no commas
    assert pool.test_sources is None and pool.test_targets is None


def test_all_words_are_distinct() -> None:
    pool = number_words()
    assert len(set(pool.sources)) == len(set(pool.targets)) == N_PAIRS


def test_the_checksum_of_the_words() -> None:
    assert number_words().checksum() == CHECKSUM


def test_a_limit_keeps_the_first_numbers() -> None:
    assert number_words(30).sources == number_words().sources[:30]
    assert number_words(1).targets == ["zero"]


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_limits(limit: int) -> None:
    with pytest.raises(ValueError, match=f"{limit} number words requested; allowed: 1 to 10000"):
        number_words(limit)
