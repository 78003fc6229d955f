"""The result as text, JSON and a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

import landscape_catalog as lc
from landscape_catalog.commands.json_schemas import json_schemas
from landscape_catalog.diagnosis.model import write_model
from landscape_catalog.diagnosis.result import AdviceFacts, Diagnosis
from tests.browsing import Visits, chromium, draw_all
from tests.diagnosis.made import blobs, perceptron, trained
from tests.diagnosis.references import model

KEYS = (
    "version", "network", "checkpoints", "data", "method", "metrics", "curves", "phase",
    "reference", "advice", "no_advice", "more", "remarks",
)  # fmt: skip
HOSTILE = "</script><!--<b>bold</b>"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Diagnosis]:
    folder = tmp_path_factory.mktemp("reference")
    write_model(folder / "model.json", model({"connectivity": {"epochs": 20}}))
    data = blobs()
    states = [trained(perceptron, data.train, seed) for seed in range(3)]
    placed = lc.diagnose_checkpoints(states, perceptron, data, model=folder / "model.json")
    advice = AdviceFacts(
        action="wider", gain=3.2, low=-0.5, high=8.1, probability=0.93,
        versus="the better temperature", why=f"because {HOSTILE}", caveat="",
    )  # fmt: skip
    advised = placed.model_copy(update={"advice": (advice,), "remarks": (HOSTILE,)})
    advised._model = placed._model
    return {
        "one": lc.diagnose_checkpoints(states[:1], perceptron, data),
        "three": lc.diagnose_checkpoints(states, perceptron, data),
        "placed": placed,
        "advised": advised,
    }


@pytest.mark.parametrize("name", ["one", "three", "placed", "advised"])
def test_json_is_strict_and_as_its_schema_says(name: str, results: dict[str, Diagnosis]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = results[name].json_text()
    content = json.loads(text, parse_constant=refuse)
    assert tuple(content) == KEYS
    assert content["version"] == 2
    schema = json.loads(json_schemas()["diagnosis.schema.json"])
    jsonschema.Draft202012Validator(schema).validate(content)
    assert Diagnosis.model_validate_json(text).json_text() == text


def test_the_text_says_what_was_measured_and_found(results: dict[str, Diagnosis]) -> None:
    one, three, advised = (str(results[name]) for name in ("one", "three", "advised"))
    assert "Phase: one of III, IV" in one or "Phase: III or IV" in one
    assert "A second checkpoint" in one and "mode connectivity  " not in one
    assert re.search(r"Phase: IV-B \((over )?\d\d%\)", three)
    for words in ("training loss", "top Hessian eigenvalue", "± runs", "CKA similarity"):
        assert words in three
    assert "wider: +3.2 points of test accuracy" in advised
    said = " ".join(advised.split())
    assert "(90% interval -0.5 to 8.1; more than the better temperature with 93%)" in said
    assert "Place in somebody" in advised
    assert all(len(line) <= 130 for line in three.splitlines())


def test_pages_are_the_same_each_time_and_escaped(results: dict[str, Diagnosis]) -> None:
    page = results["advised"].page()
    assert page == results["advised"].page()
    assert page.count("</script>") == 2  # the libraries, and the charts
    assert "<b>" not in page.split("<script")[0]
    assert "<script>alert" not in page
    assert "http://" not in page.split("<script")[0]
    assert "<script" not in results["one"].page()  # without charts, no library
    assert len(results["one"].page()) < 20_000
    assert len(page) < 1_500_000


@pytest.fixture
def visits() -> Iterator[Visits]:
    with chromium() as browser:
        opened = Visits(browser)
        yield opened
        opened.close()
    assert opened.problems == []


def test_in_a_browser_without_network(
    visits: Visits, results: dict[str, Diagnosis], tmp_path: Path
) -> None:
    for name, expected in (
        ("one", []), ("three", ["along"]), ("placed", ["along", "place"]),
        ("advised", ["along", "place"]),
    ):  # fmt: skip
        path = tmp_path / f"{name}.html"
        path.write_text(results[name].page())
        page = visits.open(path)
        assert draw_all(page) == expected
        for chart in expected:
            assert page.evaluate("id => seen.marks(id, 'symbol').length", chart)
        if "place" in expected:
            assert "1" in page.evaluate("seen.text('place')")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(50)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                name,
                width,
            )
