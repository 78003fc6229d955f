"""The report: Vega-Lite charts and the HTML page around them."""

from landscape_catalog.reports.data.compared import compared_tables, differences, sides
from landscape_catalog.reports.page.page import build_page

__all__ = ["build_page", "compared_tables", "differences", "sides"]
