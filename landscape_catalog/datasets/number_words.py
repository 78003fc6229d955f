"""Number words in German and their English translation: generated, no download.

A small translation task with a rule to learn: German puts the units before the tens, writes a
number as one word and says "ein" where English says "one". Conventions: "einhundert" and
"eintausend" with a leading "ein"; British "and" before the tens, hyphens, no commas.
"""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.datasets.facts import DataFacts
from landscape_catalog.datasets.pool import TextPool
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source

N_PAIRS = 10_000
CHECKSUM = "acec8692aff5c27ec4d7c99cb9dee3c869520ada16755834d6e9d75976e7df1a"

# fmt: off
GERMAN_SMALL = (
    "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
    "zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn",
    "achtzehn", "neunzehn",
)
GERMAN_TENS = (
    "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig",
)
ENGLISH_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)
ENGLISH_TENS = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)
# fmt: on


def number_words(limit: int = N_PAIRS) -> TextPool:
    """The numbers 0 to limit - 1 in German (sources) and English (targets), in order.

    Args:
        limit: number of pairs, from 1 to 10,000.

    Raises:
        ValueError: if the limit is out of range.

    >>> pool = number_words(2346)
    >>> pool.sources[2345], pool.targets[2345]
    ('zweitausenddreihundertfünfundvierzig', 'two thousand three hundred and forty-five')
    """
    if not 1 <= limit <= N_PAIRS:
        raise ValueError(f"{limit} number words requested; allowed: 1 to {N_PAIRS}")
    return TextPool([german(n) for n in range(limit)], [english(n) for n in range(limit)])


def german(n: int) -> str:
    """A number from 0 to 9,999 in German, one word.

    >>> german(21), german(101), german(1100)
    ('einundzwanzig', 'einhunderteins', 'eintausendeinhundert')
    """
    if n >= 1000:
        return f"{_german_unit(n // 1000)}tausend{german(n % 1000) if n % 1000 else ''}"
    if n >= 100:
        return f"{_german_unit(n // 100)}hundert{german(n % 100) if n % 100 else ''}"
    if n < 20:
        return GERMAN_SMALL[n]
    tens = GERMAN_TENS[n // 10 - 2]
    return f"{_german_unit(n % 10)}und{tens}" if n % 10 else tens


def english(n: int) -> str:
    """A number from 0 to 9,999 in English.

    >>> english(21), english(101), english(1100)
    ('twenty-one', 'one hundred and one', 'one thousand one hundred')
    """
    if n >= 1000:
        rest = n % 1000
        return f"{english(n // 1000)} thousand{_english_rest(rest)}"
    if n >= 100:
        return f"{english(n // 100)} hundred{_english_rest(n % 100)}"
    if n < 20:
        return ENGLISH_SMALL[n]
    tens = ENGLISH_TENS[n // 10 - 2]
    return f"{tens}-{english(n % 10)}" if n % 10 else tens


def _german_unit(n: int) -> str:
    return "ein" if n == 1 else GERMAN_SMALL[n]  # "eins" only at the end of a number


def _english_rest(n: int) -> str:
    if not n:
        return ""
    return f" and {english(n)}" if n < 100 else f" {english(n)}"


def _source(settings: DatasetSettings, project: Path) -> Source:
    facts = DataFacts("text", CHECKSUM, N_PAIRS, 0, settings.vocabulary, ())
    return Source(CHECKSUM, number_words, facts)


DATASET = DatasetSpec(
    "number_words",
    kind="text",
    origin="embedded",
    source=_source,
    uses=frozenset({"vocabulary"}),
)
