"""Read CSV files of others: text by column, found by name; the order of columns is free."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from landscape_catalog.errors import PublishedError, shown
from landscape_catalog.regular import read_regular

LARGEST = 512 * 2**20  # bytes of a file
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Column:
    """A column as text.

    Attributes:
        file: its file, for messages.
        name: from the file's first line.
        texts: from the lines below.
        lines: where each stands in the file.
        place: what a line of the file is called.
    """

    file: str
    name: str
    texts: tuple[str, ...]
    lines: Sequence[int]
    place: str = "line"

    def numbers(self, *, missing: bool = False, least: float = -math.inf) -> list[float]:
        """The column as numbers.

        Args:
            missing: whether an empty field stands for a missing number, NaN here.
            least: the least number that is allowed.

        Raises:
            PublishedError: if a field is no finite number.
        """
        found = []
        for text, line in zip(self.texts, self.lines):
            try:
                value = float(text)
            except ValueError:
                if missing and not text.strip():
                    found.append(math.nan)
                    continue
                what = "empty" if not text.strip() else f"{shown(text)}, which is no number"
                raise self._problem(line, what) from None
            if not math.isfinite(value) or "_" in text:
                raise self._problem(line, f"{shown(text)}, which is no finite number")
            if value < least:
                raise self._problem(line, f"{shown(text)}; allowed: {least:g} or more")
            found.append(value)
        return found

    def whole_numbers(self, *, least: float = -math.inf) -> list[int]:
        """The column as whole numbers, the same way."""
        numbers = self.numbers(least=least)
        for value, text, line in zip(numbers, self.texts, self.lines):
            if not value.is_integer() or abs(value) >= 2**53:
                raise self._problem(line, f"{shown(text)}, which is no whole number")
        return [int(value) for value in numbers]

    def _problem(self, line: int, what: str) -> PublishedError:
        return PublishedError(
            f"{self.file}, {self.place} {line}: column {shown(self.name)} is {what}"
        )


def read_columns(content: bytes, name: str) -> dict[str, Column]:
    """The columns of a CSV file in UTF-8 by name; fields are separated by commas.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        PublishedError: if it is not UTF-8, has no rows, two columns of one name, or rows of other
            lengths than its first line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PublishedError(f"{name} is not UTF-8 text (byte {error.start + 1})") from None
    if "\0" in text:
        raise PublishedError(f"{name} is no text: it has a null character")
    try:
        header, rows, lines = _split(text, name)
    except csv.Error as error:
        raise PublishedError(f"{name} is no CSV file: {error}") from None
    if not header:
        raise PublishedError(f"{name} is empty; a CSV file begins with the names of its columns")
    repeated = [column for column in dict.fromkeys(header) if header.count(column) > 1]
    if repeated:
        raise PublishedError(f"{name} has two columns named {shown(repeated[0])}")
    if not rows:
        raise PublishedError(f"{name} has no rows below the names of its columns")
    return {column: Column(name, column, texts, lines) for column, texts in zip(header, zip(*rows))}


def _split(text: str, name: str) -> tuple[list[str], list[list[str]], list[int]]:
    """The first line, the others, and their numbers; empty lines are left out."""
    reader = csv.reader(io.StringIO(text), strict=True)
    header = [column.strip() for column in next(reader, [])]
    rows, lines = [], []
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise PublishedError(
                f"{name}, line {reader.line_num}: {len(row)} fields, and the first line has "
                f"{len(header)}"
            )
        rows.append(row)
        lines.append(reader.line_num)
        if len(rows) > MOST_ROWS:
            raise PublishedError(f"{name} has more than {MOST_ROWS:,} rows")
    return header, rows, lines


def require_columns(columns: dict[str, Column], needed: Sequence[str], name: str) -> None:
    """Require columns; raises `PublishedError` with the names of those that there are not."""
    missing = [column for column in needed if column not in columns]
    if missing:
        raise PublishedError(
            f"{name} has no column {', '.join(map(shown, missing))}; it has "
            f"{', '.join(map(shown, columns))}"
        )


def read_source(path: Path) -> bytes:
    """The content of a file that is imported.

    Raises:
        PublishedError: if there is none, it cannot be read, or it is too large.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise PublishedError(f"{path} has more than {LARGEST:,} bytes")
        return read_regular(path)
    except FileNotFoundError:
        raise PublishedError(f"there is no file {path}") from None
    except OSError as error:
        raise PublishedError(f"{path} cannot be read: {error.strerror}") from None


def first_repeated(keys: Sequence[object]) -> Iterator[tuple[int, int]]:
    """Places of every key that there has been before, with the place of the first."""
    seen: dict[object, int] = {}
    for place, key in enumerate(keys):
        if key in seen:
            yield seen[key], place
        seen.setdefault(key, place)
