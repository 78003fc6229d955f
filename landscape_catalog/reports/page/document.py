"""The HTML document around a page's content."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.reports.page.embed import resource
from landscape_catalog.reports.page.markup import text


def document(
    title: str, body: Sequence[str], script: str = "", styles: Sequence[str] = ("style.css",)
) -> str:
    """A self-contained HTML document.

    Args:
        title: as plain text.
        body: the elements of the body.
        script: the script element; empty for a page without charts.
        styles: names of the style sheets beside this module, in order.
    """
    sheets = "".join(map(resource, styles))
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="data:,">',
            f"<style>{sheets}</style></head><body>",
            *body,
            script,
            "</body></html>",
            "",
        ]
    )
