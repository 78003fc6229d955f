"""Lines and sentence pairs of UTF-8 text."""

from __future__ import annotations

import logging
import unicodedata

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


# Characters without a glyph that Unicode counts as letters, marks or symbols: a joiner, fillers,
# variation selectors and the empty braille pattern. Other invisible ones have a category.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
INVISIBLE_CATEGORIES = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))


def is_blank(line: str) -> bool:
    r"""Whether a line shows nothing: white space, zero-width and other invisible characters.

    >>> is_blank(" \t"), is_blank("\u200b\ufeff"), is_blank("\u3164"), is_blank("a\u200b")
    (True, True, True, False)
    """
    return all(
        char in INVISIBLE or unicodedata.category(char) in INVISIBLE_CATEGORIES for char in line
    )


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
