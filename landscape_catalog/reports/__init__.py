"""The report: charts as specifications, and the page around them."""

from landscape_catalog.reports.page import build_page

__all__ = ["build_page"]
