r"""Lines and sentence pairs of UTF-8 text."""

from __future__ import annotations

import logging

from landscape_catalog.errors import DataError

log = logging.getLogger(__name__)


def lines_of(content: bytes, where: str) -> list[str]:
    r"""The lines of a UTF-8 text. Only \n and \r\n end one: not U+2028 and other separators.

    Raises:
        DataError: if the text is not UTF-8, naming the line.

    >>> lines_of("a\r\nb\u2028c\n".encode(), "a text")
    ['a', 'b\u2028c']
    """
    try:
        text = content.decode("utf-8-sig")  # a byte order mark is no text
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}: line {line} is not UTF-8: {error.reason}") from error
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []


def short_pairs(
    sources: list[str], targets: list[str], max_words: int, where: str
) -> tuple[list[str], list[str]]:
    """The pairs of which neither side has more words; logs how many are left out.

    Raises:
        DataError: if none is left.

    >>> short_pairs(["ein Wort", "eins"], ["a word", "one"], 1, "a text")
    (['eins'], ['one'])
    """
    kept = [
        (source, target)
        for source, target in zip(sources, targets, strict=True)
        if max(len(source.split()), len(target.split())) <= max_words
    ]
    if not kept:
        raise DataError(
            f"{where}: no pair is left: each of {len(sources)} has more than {max_words} words"
        )
    if len(kept) < len(sources):
        log.info(
            "%s: %d of %d pairs left out, of more than %d words",
            where, len(sources) - len(kept), len(sources), max_words,
        )  # fmt: skip
    return [source for source, _ in kept], [target for _, target in kept]
