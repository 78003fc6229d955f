"""Authors, licences and dates, and the BibTeX entry."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from landscape_catalog.errors import UserError
from landscape_catalog.exchange.export.citation import Credits, bibtex, credits_of


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Git repository of somebody without a configuration of their own."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_the_author_is_who_is_named_or_whom_git_knows(repository: Path) -> None:
    assert credits_of(repository).authors == ()
    subprocess.run(["git", "config", "user.name", "Ada Müller"], cwd=repository, check=True)
    assert credits_of(repository).authors == ("Ada Müller",)
    assert credits_of(repository, ["B. C. ", "D"]).authors == ("B. C.", "D")


def test_without_git_the_author_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert credits_of(tmp_path).authors == ()
    assert "author = {Unknown}" in bibtex("t", "k", "n", "1", Credits())


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("MIT", "http://spdx.org/licenses/MIT"),
        ("CC-BY-4.0", "http://spdx.org/licenses/CC-BY-4.0"),
        ("https://example.org/licence?v=1", "https://example.org/licence?v=1"),
        (None, None),
    ],
)
def test_licences(given: str | None, url: str | None, tmp_path: Path) -> None:
    assert credits_of(tmp_path, ["a"], given).licence_url == url


@pytest.mark.parametrize(
    ("author", "licence", "day", "words"),
    [
        (" ", None, None, "--author: got ' '; allowed: a name on one line"),
        ("a\nb", None, None, r"--author: got 'a\nb'; allowed: a name"),
        ("a\x1b[31m", None, None, "--author: got"),
        ("a", "", None, "--license: got ''; allowed: an SPDX identifier"),
        ("a", "do what you like", None, "--license: got 'do what you like'; allowed: an SPDX"),
        ("a", "ftp://example.org", None, "--license: got 'ftp://example.org'; allowed: an SPDX"),
        ("a", 'https://a.b/"x', None, "--license: got"),
        ("a", "javascript:x", None, "--license: got"),
        ("a", None, "2026", "--date: got '2026'; allowed: a date such as 2026-01-31"),
        ("a", None, "2026-02-30", "--date: got '2026-02-30'; allowed: a date"),
        ("a", None, "yesterday", "--date: got 'yesterday'; allowed: a date"),
    ],
)
def test_what_is_refused(
    author: str, licence: str | None, day: str | None, words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        credits_of(tmp_path, [author], licence, day)
    assert words in str(caught.value)


def fields(entry: str) -> dict[str, str]:
    """The fields of an entry, read by the rule that braces are balanced."""
    found, rest = {}, entry
    while match := re.search(r"(\w+) = \{", rest):
        depth, at = 1, match.end()
        while depth:
            escaped = rest[at] == "\\" and rest[at + 1] in "{}\\"
            depth += 0 if escaped else {"{": 1, "}": -1}.get(rest[at], 0)
            at += 2 if escaped else 1
        found[match[1]] = rest[match.end() : at - 1]
        rest = rest[at:]
    return found


def test_an_entry() -> None:
    credits = Credits(("Ada Müller", "Smith and Sons", "B_C"), "MIT", date(2026, 1, 31))
    entry = bibtex("50% of {all} & $x_1$ ~ a\\b", "landscape_0a", "Experiment 0a", "1.2", credits)
    assert entry.startswith("@misc{landscape_0a,\n")
    assert fields(entry) == {
        "author": r"Ada Müller and {Smith and Sons} and B\_C",
        "title": r"{50\% of \{all\} \& \$x\_1\$ \textasciitilde{} a\textbackslash{}b}",
        "year": "2026",
        "month": "1",
        "note": "Experiment 0a",
        "howpublished": r"Dataset, exported with landscape\_catalog 1.2",
    }
    assert "year" not in fields(bibtex("t", "k", "n", "1", Credits()))
