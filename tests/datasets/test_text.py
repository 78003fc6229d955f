"""Sentence pairs from text files and from the archive of IWSLT 2016."""

from __future__ import annotations

import hashlib
import io
import logging
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from landscape_catalog.datasets import iwslt
from landscape_catalog.datasets.iwslt import load_iwslt_de_en
from landscape_catalog.datasets.text_pairs import read_text_pairs
from landscape_catalog.errors import DataError
from tests.conftest import SHARED

GERMAN = ["ein Haus .", "zwei  Häuser", " drei"]
ENGLISH = ["a house .", "two houses", "three\u2028\x0b\x85 "]


def write(prefix: Path, german: str | bytes, english: str | bytes) -> Path:
    for language, text in (("de", german), ("en", english)):
        content = text if isinstance(text, bytes) else text.encode()
        prefix.with_name(f"{prefix.name}.{language}").write_bytes(content)
    return prefix


def read(prefix: Path, test: Path | None = None, max_words: int = 9) -> Any:
    return read_text_pairs(prefix, test, ("de", "en"), max_words)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_are_unchanged(newline: str, last: bool, mark: str, tmp_path: Path) -> None:
    def text(lines: list[str]) -> str:
        return mark + newline.join(lines) + (newline if last else "")

    pool = read(write(tmp_path / "talks.v1", text(GERMAN), text(ENGLISH)))
    assert (pool.sources, pool.targets) == (GERMAN, ENGLISH)
    assert pool.test_sources is None and pool.test_targets is None


def test_a_test_split(tmp_path: Path) -> None:
    train = write(tmp_path / "train", "\n".join(GERMAN), "\n".join(ENGLISH))
    test = write(tmp_path / "test", "vier\n", "four\n")
    pool = read(train, test)
    assert (pool.test_sources, pool.test_targets) == (["vier"], ["four"])
    assert read_text_pairs(test, None, ("en", "de"), 9).sources == ["four"]


def test_long_pairs_are_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = write(tmp_path / "t", "a b c\na b\na b c d\na b c", "a\na b c\na\na b c d")
    with caplog.at_level(logging.INFO):
        pool = read(prefix, max_words=3)
    assert (pool.sources, pool.targets) == (["a b c", "a b"], ["a", "a b c"])
    assert "dropped 2 of 4 pairs with more than 3 words" in caplog.text
    with pytest.raises(DataError, match="no pair is left: all 4 have more than 0 words"):
        read(prefix, max_words=0)


@pytest.mark.parametrize(
    ("german", "english", "message"),
    [
        ("a\nb\n", "a\n", r"t\.de has 2 lines, .*t\.en has 1"),
        ("a\n\nb", "a\nb\nc", r"line 2 is empty in [^ ]*t\.de$"),
        ("a\nb\nc", "a\nb\n \t", r"line 3 is empty in [^ ]*t\.en$"),
        ("a\n\nb", "a\n\nb", r"line 2 is empty in .*t\.de and in .*t\.en"),
        ("", "a", r"t\.de is empty"),
        ("a\nb\nc", "a\nb\nc\xe4".encode("latin-1"), r"t\.en: line 3 is not UTF-8"),
        (b"\xff\na", "a\nb", r"t\.de: line 1 is not UTF-8"),
        ("a\rb\r", "a\nb", r"t\.de: lines end in CR only"),
    ],
)
def test_invalid_files(
    german: str | bytes, english: str | bytes, message: str, tmp_path: Path
) -> None:
    prefix = write(tmp_path / "t", german, english)
    with pytest.raises(DataError, match=f"^dataset.path: .*{message}"):
        read(prefix)
    good = write(tmp_path / "good", "a", "b")
    with pytest.raises(DataError, match=f"^dataset.test_path: .*{message}"):
        read(good, prefix)


def test_a_missing_side(tmp_path: Path) -> None:
    prefix = write(tmp_path / "t", "a", "b")
    (tmp_path / "t.en").unlink()
    with pytest.raises(DataError, match=r"t\.en does not exist"):
        read(prefix)


@pytest.mark.skipif(not (SHARED / "data/iwslt14_de_en").is_dir(), reason="needs the real sentences")
def test_real_sentences() -> None:
    folder = SHARED / "data/iwslt14_de_en"
    pool = read(folder / "train_union.tok", folder / "valid.tok", max_words=1000)
    assert (len(pool.sources), len(pool.test_sources)) == (8_639, 7_283)
    assert pool.test_sources[0] == "es ist diese pyramide ."
    assert pool.test_targets[0] == "it &apos;s that pyramid ."
    short = read(folder / "train_union.tok", max_words=20)
    assert 3_000 < len(short.sources) < 8_639
    assert max(len(line.split()) for line in (*short.sources, *short.targets)) == 20


TRAIN = """\
<url>http://www.ted.com/talks/{language}</url>
<keywords>talks, {language}</keywords>
<speaker>A Speaker</speaker>
<talkid>1</talkid>
<title>{language}: A Talk</title>
<description>TED Talk Subtitles: {language}</description>
{lines}
<reviewer href="http://www.ted.com/profiles/1">A Reviewer</reviewer>
"""
TEST = """\
<?xml version="1.0" encoding="UTF-8"?>
<mteval>
<refset setid="iwslt2016-tst2014" srclang="german" trglang="english" refid="ref">
<doc docid="1" genre="lectures">
<url>http://www.ted.com/talks</url>
<title>A Talk</title>
{segments}
</doc>
</refset>
</mteval>
"""
TRANSLATOR = '<translator href="http://www.ted.com/profiles/2">A Translator</translator>\n'
SENTENCES = {
    "de": [
        "  Vielen Dank .",
        "",
        "1 <2 & \u2028 das <title gilt",
        "ein sehr sehr langer Satz hier",
    ],
    "en": ["Thank you .  ", "Silence .", "1 <2 & \u2028 that <title holds", "a long one"],
}
SEGMENTS = {"de": ["Es ist kalt &amp; naß .", "Ja ."], "en": ["It is cold &amp; wet .", "Yes ."]}


def members(**changes: str | bytes) -> dict[str, bytes]:
    """The files of the inner archive by name; only the German one has a translator tag."""
    files: dict[str, str | bytes] = {}
    for language in ("de", "en"):
        train = TRAIN.format(language=language, lines="\n".join(SENTENCES[language]))
        segments = "\n".join(
            f'<seg id="{i}"> {text} </seg>' for i, text in enumerate(SEGMENTS[language], start=1)
        )
        files[f"train.tags.de-en.{language}"] = train + TRANSLATOR * (language == "de")
        files[f"IWSLT16.TED.tst2014.de-en.{language}.xml"] = TEST.format(segments=segments)
    files.update(changes)
    return {
        name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()
    }


def packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for path, inside in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(inside)
            tar.addfile(member, io.BytesIO(inside))
    return content.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    """A nested archive, as published, preceded by one for another pair of languages."""
    inner = packed({"de-en/README": b"", **{f"de-en/{name}": text for name, text in files.items()}})
    other = packed({"en-de/train.tags.en-de.de": b"wrong"})
    return packed({"2016-01/texts/en/de/en-de.tgz": other, "2016-01/texts/de/en/de-en.tgz": inner})


def load(folder: Path, content: bytes, max_words: int = 6, md5: str | None = None) -> Any:
    (folder / "2016-01.tgz").write_bytes(content)
    return load_iwslt_de_en(folder, max_words, md5 or hashlib.md5(content).hexdigest())


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError("no network here")

    monkeypatch.setattr(requests, "get", refuse)


def test_iwslt(tmp_path: Path) -> None:
    pool = load(tmp_path, archive(members()))
    # Without tag lines and without the pair with an empty side; a tag within a sentence is text.
    assert pool.sources == ["Vielen Dank .", "1 <2 & \u2028 das <title gilt", SENTENCES["de"][3]]
    assert pool.targets == ["Thank you .", "1 <2 & \u2028 that <title holds", "a long one"]
    assert pool.test_sources == ["Es ist kalt & naß .", "Ja ."]
    assert pool.test_targets == ["It is cold & wet .", "Yes ."]
    assert [path.name for path in tmp_path.iterdir()] == ["2016-01.tgz"]
    short = load(tmp_path, archive(members()), max_words=3)
    assert (short.sources, short.test_targets) == (["Vielen Dank ."], ["Yes ."])


@pytest.mark.parametrize("published", [archive(members()), b""], ids=["another", "empty"])
def test_an_archive_that_is_not_the_published_one(published: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, published, md5=iwslt.MD5)
    for part in ("2016-01.tgz", hashlib.md5(published).hexdigest(), iwslt.MD5, "Remove it"):
        assert part in str(caught.value)
    assert (tmp_path / "2016-01.tgz").read_bytes() == published


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(members())[:300], "2016-01.tgz is damaged"),
        (b"no archive at all", "2016-01.tgz is damaged"),
        (packed({"2016-01/texts/de/en/de-en.tgz": b"no archive"}), "is damaged"),
        (packed({"2016-01/texts/en/de/en-de.tgz": b""}), "does not contain texts/de/en/de-en.tgz"),
        (archive({"train.tags.de-en.de": b""}), "does not contain train.tags.de-en.en"),
        (
            archive(members(**{"train.tags.de-en.en": "one\ntwo"})),
            "train.tags.de-en.de has 4 sentences, train.tags.de-en.en has 2",
        ),
        (
            archive(members(**{"IWSLT16.TED.tst2014.de-en.en.xml": "<mteval/>"})),
            r"IWSLT16.TED.tst2014.de-en.de.xml has 2 sentences, .*en.xml has 0",
        ),
        (archive(members(**{"IWSLT16.TED.tst2014.de-en.de.xml": "<mteval>"})), "is not valid XML"),
        (archive(members(**{"train.tags.de-en.de": b"a\n\xff"})), "line 2 is not UTF-8"),
    ],
)
def test_archives_without_the_expected_content(
    content: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, content)


def test_without_network_the_message_says_what_to_put_where(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with pytest.raises(DataError) as caught:
        load_iwslt_de_en(folder, 50)
    for part in ("no network here", str(folder / "2016-01.tgz"), iwslt.MD5, iwslt.PAGE):
        assert part in str(caught.value)
    assert list(folder.iterdir()) == []


def answering(content: bytes, asked: list[str]) -> Callable[..., requests.Response]:
    def get(url: str, **_: Any) -> requests.Response:
        asked.append(url)
        answer = requests.Response()
        answer.status_code, answer.raw = 200, io.BytesIO(content)
        return answer

    return get


def test_a_missing_archive_is_downloaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    content = archive(members())
    monkeypatch.setattr(requests, "get", answering(content, asked))
    md5 = hashlib.md5(content).hexdigest()
    first = load_iwslt_de_en(tmp_path / "data", 6, md5)
    assert first == load_iwslt_de_en(tmp_path / "data", 6, md5) == load(tmp_path, content)
    assert asked == [iwslt.DIRECT]
    assert re.search(r"id=([\w-]+)", iwslt.DIRECT)[1] == re.search(r"id=(.+)", iwslt.PAGE)[1]  # type: ignore[index]


def test_a_web_page_instead_of_the_archive_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "get", answering(b"<html>Too many downloads", []))
    with pytest.raises(DataError, match="does not match the known hash"):
        load_iwslt_de_en(tmp_path, 6)
    assert list(tmp_path.iterdir()) == []


def test_facts() -> None:
    assert (iwslt.N_TRAIN, iwslt.N_TEST) == (196_884, 1_305)
    line = f"2016-01.tgz {iwslt.MD5}\n"
    assert hashlib.sha256(line.encode()).hexdigest() == iwslt.CHECKSUM
