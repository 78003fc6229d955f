"""Sentence pairs from two text files with one sentence per line."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from landscape_catalog.datasets.pool import TextPool
from landscape_catalog.datasets.room import require_memory
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source
from landscape_catalog.datasets.text import is_blank, lines_of, short_pairs
from landscape_catalog.datasets.user_files import (
    checksum_of_given,
    given_paths,
    parameter,
    require_data,
)
from landscape_catalog.errors import DataError

log = logging.getLogger(__name__)

COPIES_OF_TEXT = 3  # bytes, text and lines


def read_text_pairs(
    prefix: Path, test_prefix: Path | None, languages: tuple[str, str], max_words: int
) -> TextPool:
    r"""Read `<prefix>.<language>` of both languages, UTF-8, line i translating line i.

    Lines end in \n or \r\n; apart from that, the text is unchanged. Blank lines at the end of a
    file, or at the start of both, are dropped, and so are pairs with more than `max_words` words on
    either side (separated by white space); their numbers are logged.

    Args:
        prefix: path of the training files without the language extension.
        test_prefix: the same for the test files, or None.
        languages: file extensions of the source and target language.
        max_words: maximum number of words on either side.

    Raises:
        DataError: naming the parameter, if a file is missing, empty or not UTF-8, if its lines end
            in \r only, if the sides differ in length, if a line within is blank, or if every pair
            is too long.
    """
    with parameter("dataset.path"):
        sources, targets = _read_side_by_side(prefix, languages, max_words)
    if test_prefix is None:
        return TextPool(sources, targets)
    with parameter("dataset.test_path"):
        test = _read_side_by_side(test_prefix, languages, max_words)
    return TextPool(sources, targets, *test)


def language_file(prefix: Path, language: str) -> Path:
    """The file of one side.

    >>> language_file(Path("talks/train.tok"), "de").as_posix()
    'talks/train.tok.de'

    Raises:
        DataError: if the prefix has no file name, such as `/`.
    """
    if not prefix.name:
        raise DataError(f"{prefix} is not a file prefix; expected a path such as data/train")
    return prefix.with_name(f"{prefix.name}.{language}")


def _read_side_by_side(
    prefix: Path, languages: tuple[str, str], max_words: int
) -> tuple[list[str], list[str]]:
    paths = [language_file(prefix, language) for language in languages]
    sources, targets = _without_blank_ends(paths, [_read_lines(path) for path in paths])
    if len(sources) != len(targets):
        raise DataError(
            f"{paths[0]} has {len(sources)} lines, {paths[1]} has {len(targets)}: "
            "line i of one must translate line i of the other"
        )
    return short_pairs(sources, targets, max_words, str(prefix))


def _without_blank_ends(paths: list[Path], sides: list[list[str]]) -> list[list[str]]:
    """Both sides without the blank lines that neither needs: at the end, and at the start of both.

    Raises:
        DataError: if a blank line is left; names it.
    """
    filled = [[n for n, line in enumerate(side) if not is_blank(line)] for side in sides]
    for path, numbers in zip(paths, filled):
        if not numbers:
            raise DataError(f"{path} has no sentence: all its lines are blank")
    first = min(numbers[0] for numbers in filled)
    end = max(numbers[-1] for numbers in filled) + 1
    for path, side in zip(paths, sides):
        if first or len(side) > end:
            dropped = first + max(len(side) - end, 0)
            log.info("%s: dropped %d blank lines at its ends", path, dropped)
    kept = [side[first:end] for side in sides]
    for number, lines in enumerate(zip(*kept), start=first + 1):
        empty = [str(path) for path, line in zip(paths, lines) if is_blank(line)]
        if empty:
            raise DataError(f"line {number} is empty in {' and in '.join(empty)}")
    return kept


def _read_lines(path: Path) -> list[str]:
    require_data(path)
    require_memory(COPIES_OF_TEXT * path.stat().st_size, f"{path}: as sentences")
    content = path.read_bytes()
    if b"\r" in content and b"\n" not in content:
        raise DataError(f"{path}: lines end in CR only; use LF or CR LF")
    lines = lines_of(content, str(path))
    if not lines:
        raise DataError(f"{path} is empty")
    return lines


def _source(settings: DatasetSettings, project: Path) -> Source:
    path, test_path = given_paths(settings, project)
    checksum = checksum_of_given(path, test_path, partial(_files, settings))
    return Source(
        checksum, partial(read_text_pairs, path, test_path, settings.languages, settings.max_words)
    )


def _files(settings: DatasetSettings, prefix: Path) -> list[Path]:
    return [language_file(prefix, language) for language in settings.languages]


DATASET = DatasetSpec(
    "text_pairs",
    kind="text",
    origin="your own files",
    source=_source,
    uses=frozenset({"path", "test_path", "languages", "vocabulary", "max_words"}),
    files=_files,
)
