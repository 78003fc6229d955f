"""Sources of datasets: known facts, checksums of files, missing files."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_catalog.datasets import (
    DATASETS,
    DataFacts,
    ImagePool,
    PointPool,
    Source,
    TextPool,
    datasets_using,
    facts_of,
    source_of,
)
from landscape_catalog.datasets.iwslt import MD5
from landscape_catalog.errors import DataError, SpecError
from landscape_catalog.experiment.landscape import Dataset
from tests.datasets.files import checksum_of


def source(name: str, project: Path, **changes: Any) -> Source:
    return source_of(Dataset(name=name, **changes), project)


# Kind, samples, test samples, outputs and shape, as published.
KNOWN = {
    "digits": ("images", 1797, 0, 10, (1, 8, 8)),
    "mnist": ("images", 60_000, 10_000, 10, (1, 28, 28)),
    "fashion_mnist": ("images", 60_000, 10_000, 10, (1, 28, 28)),
    "cifar10": ("images", 50_000, 10_000, 10, (3, 32, 32)),
    "cifar100": ("images", 50_000, 10_000, 100, (3, 32, 32)),
    "svhn": ("images", 73_257, 26_032, 10, (3, 32, 32)),
    "number_words": ("text", 10_000, 0, 8000, ()),
    "iwslt_de_en": ("text", 196_884, 1_305, 8000, ()),
}


def test_every_name_has_a_source_or_needs_a_path() -> None:
    assert set(KNOWN) | {"arrays", "text_pairs"} == set(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_every_entry_is_complete(name: str, tmp_path: Path) -> None:
    """It reads no parameters except its name and those listed in `uses`."""
    entry, read = DATASETS[name], set()

    class Watched:
        def __getattr__(self, parameter: str) -> Any:
            read.add(parameter)
            return getattr(Dataset(name=name, path="there"), parameter)

    for ending in ("", ".de", ".en"):
        (tmp_path / f"there{ending}").write_text("x")
    assert len(entry.source(Watched(), tmp_path).checksum) == 64
    assert read - {"name"} <= entry.uses
    assert entry.name == name
    assert entry.kind in ("images", "text", "points")
    assert entry.origin
    assert entry.uses <= set(Dataset.model_fields)
    assert ("vocabulary" in entry.uses) == (entry.kind == "text")


def test_datasets_using_a_parameter() -> None:
    assert datasets_using("vocabulary") == ("text_pairs", "number_words", "iwslt_de_en")
    assert datasets_using("path") == ("arrays", "text_pairs")
    content = {name: set(Dataset(name=name, path="a").content()) for name in DATASETS}
    for parameter in ("vocabulary", "max_words"):
        hashed = tuple(name for name in DATASETS if parameter in content[name])
        assert hashed == datasets_using(parameter)


def test_the_registry_loads_no_torch() -> None:
    rooms = ("datasets", "models", "tasks", "phases")
    names = ", ".join(f"landscape_catalog.{room}.registry" for room in rooms)
    code = f"import sys, {names}, landscape_catalog.experiment.expand; sys.exit(bool({{'torch', 'pooch', 'sklearn', 'tokenizers'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", KNOWN)
def test_facts_are_known_without_files(name: str, tmp_path: Path) -> None:
    found = source(name, tmp_path)
    kind, n_train, n_test, n_outputs, shape = KNOWN[name]
    assert found.known is not None
    assert kind == DATASETS[name].kind
    assert vars(found.known) == {
        "kind": kind, "checksum": found.checksum, "n_train": n_train, "n_test": n_test,
        "n_outputs": n_outputs, "shape": shape, "counted": name != "iwslt_de_en",
        "single_class": None,
    }  # fmt: skip
    assert len(found.checksum) == 64
    assert not list(tmp_path.iterdir()), "something was written"


def test_datasets_have_different_checksums(tmp_path: Path) -> None:
    assert len({source(name, tmp_path).checksum for name in KNOWN}) == len(KNOWN)
    iwslt = hashlib.sha256(f"2016-01.tgz {MD5}\n".encode()).hexdigest()
    assert source("iwslt_de_en", tmp_path).checksum == iwslt


@pytest.mark.parametrize("name", ["digits", "number_words"])
def test_facts_of_embedded_datasets_match_their_data(name: str, tmp_path: Path) -> None:
    found = source(name, tmp_path, vocabulary=500)
    pool = found.load()
    assert pool.checksum() == found.checksum
    assert facts_of(pool, found.checksum, vocabulary=500) == found.known


def test_facts_give_the_requested_vocabulary(tmp_path: Path) -> None:
    for name in ("number_words", "iwslt_de_en"):
        known = source(name, tmp_path, vocabulary=321).known
        assert known is not None
        assert known.n_outputs == 321


@pytest.mark.parametrize("name", ["arrays", "text_pairs"])
def test_a_missing_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        source(name, tmp_path)
    (problem,) = caught.value.problems
    assert str(problem) == f"dataset.path: got null; allowed: a path: {name} reads your own files"


def write_npz(path: Path, n: int, high: int) -> bytes:
    images = np.zeros((n, 2, 5), np.uint8)
    np.savez(path, images=images, labels=np.arange(n) % (high + 1))
    return path.read_bytes()


def test_arrays_are_relative_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    train, test = write_npz(tmp_path / "in/a.npz", 6, 2), write_npz(tmp_path / "in/b.npz", 4, 2)
    alone = source("arrays", tmp_path, path="in/a.npz")
    assert alone.checksum == hashlib.sha256(train).hexdigest()
    assert alone.known is None  # facts are only known after reading
    assert facts_of(alone.load(), "c", vocabulary=9) == DataFacts("images", "c", 6, 0, 3, (1, 2, 5))
    both = source("arrays", tmp_path, path="in/a.npz", test_path=str(tmp_path / "in/b.npz"))
    assert both.checksum == checksum_of(train, test)
    assert facts_of(both.load(), "c", vocabulary=9) == DataFacts("images", "c", 6, 4, 3, (1, 2, 5))
    with pytest.raises(DataError, match=r"^dataset.path: .*c\.npz does not exist"):
        source("arrays", tmp_path, path="in/c.npz")
    with pytest.raises(DataError, match=r"^dataset.test_path: .*c\.npz does not exist"):
        source("arrays", tmp_path, path="in/a.npz", test_path="in/c.npz")


def test_text_pairs_have_two_files_per_split(tmp_path: Path) -> None:
    texts = {"a.en": "one\ntwo words\n", "a.fr": "un\ndeux mots\n", "b.en": "x\n", "b.fr": "y\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    chosen = {"path": "a", "languages": ["en", "fr"]}
    alone = source("text_pairs", tmp_path, **chosen)
    assert alone.checksum == checksum_of(*[texts[name].encode() for name in ("a.en", "a.fr")])
    assert alone.load() == TextPool(["one", "two words"], ["un", "deux mots"])
    both = source("text_pairs", tmp_path, test_path="b", **chosen)
    assert both.checksum == checksum_of(*[text.encode() for text in texts.values()])
    assert both.load() == TextPool(["one", "two words"], ["un", "deux mots"], ["x"], ["y"])
    short = source("text_pairs", tmp_path, max_words=1, **chosen)
    assert short.load() == TextPool(["one"], ["un"])
    turned = source("text_pairs", tmp_path, path="a", languages=["fr", "en"])
    assert turned.load() == TextPool(["un", "deux mots"], ["one", "two words"])
    assert turned.checksum != alone.checksum
    with pytest.raises(DataError, match=r"^dataset.path: .*a\.de does not exist"):
        source("text_pairs", tmp_path, path="a")
    with pytest.raises(DataError, match=r"^dataset.path: / is not a file prefix"):
        source("text_pairs", tmp_path, path="/")


def test_a_line_that_moves_to_another_file_changes_the_checksum(tmp_path: Path) -> None:
    def written(**texts: str) -> str:
        for name, text in texts.items():
            for ending in ("de", "en"):
                (tmp_path / f"{name}.{ending}").write_text(text)
        return source("text_pairs", tmp_path, path="a", test_path="b").checksum

    assert written(a="one\ntwo\n", b="three\n") != written(a="one\n", b="two\nthree\n")


IMAGES = np.zeros((5, 3, 4, 6), np.uint8)
LABELS = np.zeros(5, np.int64)
POINTS = np.zeros((5, 7), np.float32)


@pytest.mark.parametrize(
    ("pool", "kind", "n_train", "n_test", "n_outputs", "shape"),
    [
        (ImagePool(IMAGES, LABELS, 9), "images", 5, 0, 9, (3, 4, 6)),
        (ImagePool(IMAGES, LABELS, 9, IMAGES[:2], LABELS[:2]), "images", 5, 2, 9, (3, 4, 6)),
        (TextPool(["a"] * 3, ["b"] * 3), "text", 3, 0, 77, ()),
        (TextPool(["a"] * 3, ["b"] * 3, ["c"], ["d"]), "text", 3, 1, 77, ()),
        (PointPool(POINTS, LABELS, 4), "points", 5, 0, 4, (7,)),
        (PointPool(POINTS, POINTS, None), "points", 5, 0, 0, (7,)),
        (PointPool(POINTS, POINTS, None, POINTS[:1], POINTS[:1]), "points", 5, 1, 0, (7,)),
    ],
)
def test_facts_of_a_pool(
    pool: Any, kind: str, n_train: int, n_test: int, n_outputs: int, shape: tuple[int, ...]
) -> None:
    found = facts_of(pool, "sum", vocabulary=77)
    assert found == DataFacts(kind, "sum", n_train, n_test, n_outputs, shape)  # type: ignore[arg-type]


def test_facts_name_a_class_with_a_single_sample() -> None:
    for labels, single in ([0, 1, 1, 2, 0], 2), ([0, 2, 1, 1, 2], 0), ([0, 0, 1, 1, 1], None):
        found = facts_of(ImagePool(IMAGES, np.array(labels), 3), "sum", vocabulary=7)
        assert found.single_class == single


def test_number_of_available_samples() -> None:
    held_out = DataFacts("images", "sum", 100, 0, 2, (1, 8, 8))
    own = DataFacts("images", "sum", 100, 30, 2, (1, 8, 8))
    assert held_out.n_available(40) == 60
    assert own.n_available(20) == 100
    assert own.n_available("all") == 100
    assert own.input_shape(None) == (1, 8, 8)
    assert own.input_shape(32) == (1, 32, 32)
    assert own.input_shape((16, 9)) == (1, 16, 9)
    words = DataFacts("text", "sum", 100, 0, 500, ())
    assert words.input_shape(32) == ()
