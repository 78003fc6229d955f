"""Every chart of one catalog as it was, and validated; the same catalog gives the same bytes.

After a change that is meant: `python -m tests.reports.test_pinned`, and look at the difference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports import build_page
from landscape_catalog.reports.page.figures import make_figures
from tests.reports.grids import Catalog

PINNED = Path(__file__).parent / "pinned" / "charts.json"
FIGURES = 10  # logarithms and powers differ between machines beyond


def catalog() -> Catalog:
    """Two variants, two probes of connectivity, and cells that have not converged."""
    return Catalog(
        {"load.width": [2, 8], "temperature.batch_size": [16, 64]},
        variants=("base", "decay"),
        connectivity=("primary", "other"),
        not_converged=lambda cell: cell["width"] == 2 and cell["batch_size"] == 16,
        unconverged_metrics=("trace",),
        epochs=3,
    )


def charts() -> dict[str, Any]:
    """The specification of each chart, which Altair validates."""
    drawn = make_figures(catalog().tables(), Report()).charts
    specs = {name: chart.to_dict() for name, chart in sorted(drawn.items())}
    tooltips = specs["phases-0"]["layer"][1]["encoding"]["tooltip"]
    return {"tooltips": tooltips} | {name: _short(spec, tooltips) for name, spec in specs.items()}


def _short(value: Any, tooltips: Any) -> Any:
    """With rounded numbers, and a word for the tooltips that nearly all layers have."""
    if value == tooltips:
        return "tooltips"
    if isinstance(value, float):
        return float(f"{value:.{FIGURES}g}")
    if isinstance(value, dict):
        return {key: _short(one, tooltips) for key, one in value.items()}
    return [_short(one, tooltips) for one in value] if isinstance(value, list) else value


def write() -> None:
    """Pin the charts as they are."""
    PINNED.parent.mkdir(exist_ok=True)
    PINNED.write_text(json.dumps(charts(), indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def test_every_chart_is_as_it_was() -> None:
    pinned, found = json.loads(PINNED.read_text()), json.loads(json.dumps(charts()))
    assert sorted(found) == sorted(pinned)
    for name, chart in found.items():
        assert chart == pinned[name], f"{name} differs; if it is meant: python -m {__name__}"


def test_the_same_catalog_gives_the_same_page() -> None:
    first, second = (build_page(catalog().tables(), Report()) for _ in range(2))
    assert first.encode() == second.encode()


if __name__ == "__main__":
    write()
