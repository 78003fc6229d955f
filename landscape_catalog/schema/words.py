"""Counts, enumerations and names as they stand in sentences."""

from __future__ import annotations

from collections.abc import Iterable

ABBREVIATIONS = {"cka": "CKA", "l2": "L2"}


def counted(n: int, thing: str, things: str = "") -> str:
    """A count with its noun, in singular or plural.

    >>> counted(1, "line"), counted(3, "line"), counted(2, "axis", "axes")
    ('1 line', '3 lines', '2 axes')
    """
    return f"{n} {thing if n == 1 else things or thing + 's'}"


def enumerated(phrases: Iterable[str]) -> str:
    """Phrases as an enumeration in a sentence; at least one.

    >>> enumerated(["a"]), enumerated(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    *first, last = phrases
    return f"{', '.join(first)} and {last}" if first else last


def in_words(name: str) -> str:
    """A metric's name in the catalog, in words.

    >>> in_words("mode_connectivity"), in_words("cka_debiased"), in_words("n_epochs")
    ('mode connectivity', 'CKA debiased', 'number of epochs')
    """
    first, *others = name.split("_")
    words = ["number of" if first == "n" and others else first, *others]
    return " ".join(ABBREVIATIONS.get(word, word) for word in words)
