"""Lines and sentence pairs of UTF-8 text."""

from __future__ import annotations

import logging

from landscape_catalog.errors import DataError

log = logging.getLogger(__name__)


def lines_of(content: bytes, where: str) -> list[str]:
    r"""The lines of a UTF-8 text. Only \n and \r\n end a line, not U+2028 and other separators.

    Raises:
        DataError: if the text is not UTF-8; names the line.

    >>> lines_of("a\r\nb\u2028c\n".encode(), "a text")
    ['a', 'b\u2028c']
    """
    try:
        text = content.decode("utf-8-sig")  # `-sig` drops a byte order mark
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}: line {line} is not UTF-8: {error.reason}") from error
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []


def short_pairs(
    sources: list[str], targets: list[str], max_words: int, where: str
) -> tuple[list[str], list[str]]:
    """The pairs with at most `max_words` words on either side; logs how many are dropped.

    Raises:
        DataError: if no pair is left.

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
            f"{where}: no pair is left: all {len(sources)} have more than {max_words} words"
        )
    if len(kept) < len(sources):
        log.info(
            "%s: dropped %d of %d pairs with more than %d words",
            where, len(sources) - len(kept), len(sources), max_words,
        )  # fmt: skip
    return [source for source, _ in kept], [target for _, target in kept]
