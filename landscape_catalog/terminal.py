"""Text as a terminal shows it: no control characters, and nothing that its encoding lacks."""

from __future__ import annotations

import io
import logging
import re
import sys

# Control characters but tab and line feed, other line ends, characters of no width that join
# nothing, changes of the direction of writing, lone surrogates.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Text with control characters as escapes, so that it cannot steer the terminal.

    >>> printable("a \x1b[31mred\x1b[0m value")
    'a \\x1b[31mred\\x1b[0m value'
    """
    return _UNPRINTABLE.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class PrintableFormatter(logging.Formatter):
    """Formats log messages as `printable` text."""

    def format(self, record: logging.LogRecord) -> str:
        """The message of a record."""
        return printable(super().format(record))


def set_up_output() -> None:
    """Write characters that the encoding of standard output or error lacks as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_utf8() -> bool:
    """Whether standard output can represent every character."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
