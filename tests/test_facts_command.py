"""`landscape facts`: sentences, tables and strict JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.cli import app
from landscape_catalog.commands.facts import describe_facts
from landscape_catalog.commands.imports import import_results
from landscape_catalog.errors import MissingArtifactError, QueryError
from landscape_catalog.schema.strict_json import strict_json
from tests.exchange.imports.sources import ARCHIVE, needs_published

Finished = tuple[Path, Path]


def test_the_command_prints_sentences_and_json(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished[0])
    said = CliRunner().invoke(app, ["facts"])
    assert said.exit_code == 0
    facts = open_catalog(finished[0]).facts()
    assert facts.best[0].words in said.output
    assert "Areas of the phases" in said.output
    written = CliRunner().invoke(app, ["facts", "--json"])
    assert json.loads(written.output, parse_constant=pytest.fail) == json.loads(
        strict_json(facts.as_dict())
    )


@needs_published
def test_the_published_grid_in_words(tmp_path: Path) -> None:
    import_results(tmp_path, "yang2021", ARCHIVE, None)
    said = describe_facts(tmp_path, "yang2021")
    assert "Along batch size, 5 of 8 lines change from flat to sharp" in said
    assert "width 8    76.7        64 to 92  1" in said
    assert (
        "is 89.9% (standard error 0.1 points), at width 128, batch size 44, in phase IV-B" in said
    )


def test_without_a_catalog_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError):
        describe_facts(tmp_path)
    with pytest.raises(QueryError, match="there is no source 'nothing'"):
        describe_facts(tmp_path, "nothing")
