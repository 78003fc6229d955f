"""Views and macros of the catalog: what people ask of it, in SQL."""

from landscape_catalog.catalog.views.best import BEST_PER_LOAD
from landscape_catalog.catalog.views.cells import CELLS, PERFORMANCES, cells_view
from landscape_catalog.catalog.views.coordinates import COORDINATES
from landscape_catalog.catalog.views.descent import DOUBLE_DESCENT
from landscape_catalog.catalog.views.difference import EXPERIMENT_DIFF
from landscape_catalog.catalog.views.view import View

__all__ = ["MACROS", "VIEWS", "View", "cells_view"]

VIEWS: dict[str, View] = {
    view.name: view for view in (COORDINATES, CELLS, PERFORMANCES, BEST_PER_LOAD, DOUBLE_DESCENT)
}
"""Each uses only those before it."""
MACROS: dict[str, View] = {macro.name: macro for macro in (EXPERIMENT_DIFF,)}
