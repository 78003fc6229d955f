"""IWSLT 2016, German to English: transcripts of TED talks.

The edition used by torchtext: one archive of all language pairs on Google Drive, which contains an
archive for each pair. Both are read in memory; nothing is unpacked to disk.

Source: Cettolo, Girardi and Federico 2012, WIT3; https://wit3.fbk.eu/2016-01. Names, MD5 and counts
are those of torchtext's IWSLT2016.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from landscape_catalog.datasets.download import Download, check_md5, fetch, files_checksum
from landscape_catalog.datasets.facts import DataFacts
from landscape_catalog.datasets.pool import TextPool
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source
from landscape_catalog.datasets.text import lines_of, short_pairs
from landscape_catalog.errors import DataError

ARCHIVE, MD5 = "2016-01.tgz", "c393ed3fc2a1b0f004b3331043f615ae"
CHECKSUM = files_checksum({ARCHIVE: MD5})
N_TRAIN, N_TEST = 196_884, 1_305  # before long pairs are dropped
PAGE = "https://drive.google.com/uc?id=1l5y6Giag9aRPwGtuZHswh3w5v3qEz8D8"
# Google asks for confirmation before serving files too large for its virus scan: confirm=t.
DIRECT = (
    "https://drive.usercontent.google.com/download"
    "?id=1l5y6Giag9aRPwGtuZHswh3w5v3qEz8D8&export=download&confirm=t"
)

INNER = "texts/de/en/de-en.tgz"
TRAIN = ("train.tags.de-en.de", "train.tags.de-en.en")
TEST = ("IWSLT16.TED.tst2014.de-en.de.xml", "IWSLT16.TED.tst2014.de-en.en.xml")
# Lines of the training file with these prefixes are metadata of a talk, not sentences.
# fmt: off
TAGS = (
    "<url", "<speaker", "<talkid", "<title", "<description", "<keywords", "<reviewer",
    "<translator", "<doc", "</doc",
)
# fmt: on


def load_iwslt_de_en(folder: Path, max_words: int, md5: str = MD5) -> TextPool:
    """Read the training pairs and tst2014, downloading the archive if it is missing.

    Training pairs with an empty side are dropped, and so are pairs of both splits with more than
    `max_words` words on either side.

    Args:
        folder: that contains `2016-01.tgz`, or to which it is downloaded.
        max_words: maximum number of words on either side, separated by white space.
        md5: of the archive.

    Raises:
        DataError: if the archive is missing and cannot be downloaded (the message says what to put
            where), is not the published one, or lacks some content.
    """
    path = folder / ARCHIVE
    if not path.exists():
        fetch([Download(ARCHIVE, md5, (DIRECT,), pages=(PAGE,))], folder, "IWSLT 2016")
    check_md5(path, md5)
    sides = _read_members(path)
    train = [_sentences(sides[name], f"{path}: {name}") for name in TRAIN]
    test = [_segments(sides[name], f"{path}: {name}") for name in TEST]
    for names, (sources, targets) in ((TRAIN, train), (TEST, test)):
        if len(sources) != len(targets):
            raise DataError(
                f"{path}: {names[0]} has {len(sources)} sentences, {names[1]} has {len(targets)}"
            )
    whole = [pair for pair in zip(*train) if all(pair)]
    sources, targets = [source for source, _ in whole], [target for _, target in whole]
    return TextPool(
        *short_pairs(sources, targets, max_words, "IWSLT 2016"),
        *short_pairs(test[0], test[1], max_words, "IWSLT 2016, tst2014"),
    )


def _read_members(path: Path) -> dict[str, bytes]:
    """The contents of the four files by name."""
    try:
        with tarfile.open(path) as outer:
            packed = _member(outer, INNER, path)
        with tarfile.open(fileobj=io.BytesIO(packed)) as inner:
            return {name: _member(inner, name, path) for name in (*TRAIN, *TEST)}
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def _member(archive: tarfile.TarFile, name: str, path: Path) -> bytes:
    """The content of the file of this name, in any folder of the archive."""
    for member in archive:
        if member.isfile() and f"/{member.name}".endswith(f"/{name}"):
            file = archive.extractfile(member)
            return file.read() if file else b""
    raise DataError(f"{path} does not contain {name}")


def _sentences(content: bytes, where: str) -> list[str]:
    """The sentences of a training file, including empty lines, which keep both sides aligned."""
    lines = (line.strip() for line in lines_of(content, where))
    return [line for line in lines if not line.startswith(TAGS)]


def _segments(content: bytes, where: str) -> list[str]:
    """The text of the <seg> elements of a test file, in order."""
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise DataError(f"{where} is not valid XML: {error}") from error
    return [(segment.text or "").strip() for segment in root.iter("seg")]


def _source(settings: DatasetSettings, project: Path) -> Source:
    facts = DataFacts("text", CHECKSUM, N_TRAIN, N_TEST, settings.vocabulary, (), counted=False)
    load = partial(load_iwslt_de_en, project / settings.root, settings.max_words)
    return Source(CHECKSUM, load, facts)


DATASET = DatasetSpec(
    "iwslt_de_en",
    kind="text",
    origin="downloaded",
    source=_source,
    uses=frozenset({"root", "vocabulary", "max_words"}),
)
