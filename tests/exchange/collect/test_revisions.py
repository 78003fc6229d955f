"""Which revisions are collected, where each content is written, and what is known of its origin."""

from __future__ import annotations

import pytest

from tests.exchange.collect.studies import Study, catalog, git, skipped, write


def test_branches_tags_and_a_detached_head(study: Study) -> None:
    one, two, three, four = (catalog(f"e{i}", width=i) for i in (1, 2, 3, 4))
    study.commit(one)
    study.branch("wide", two)
    git(study.repository, "tag", "-a", "v1", "-m", "a tag", study.branch("gone", three))
    git(study.repository, "branch", "-q", "-D", "gone")
    git(study.repository, "checkout", "-q", "--detach")
    study.commit(four)

    outcome = study.collect()

    assert study.folders() == {"e1-k": one, "e2-k": two, "e3-k": three, "e4-k": four}
    assert sorted(outcome.new) == ["e1-k", "e2-k", "e3-k", "e4-k"]
    assert study.places("e2-k") == [
        {"revision": study.head("wide"), "path": "data/catalog", "refs": ["wide"]}
    ]
    assert study.places("e3-k")[0]["refs"] == ["v1"]
    assert "refs" not in study.places("e4-k")[0]  # HEAD is no name that lasts
    assert outcome.experiments["e4-k"] == ["HEAD"]
    assert not outcome.skipped


@pytest.mark.parametrize(
    ("revs", "expected"),
    [
        (None, {"main", "paper1", "paper2", "v1"}),
        ("all", {"main", "paper1", "paper2", "v1", "older", "first"}),
        ("paper-*", {"paper1", "paper2"}),
        ("v?", {"v1"}),
        ("HASH", {"older"}),
        ("HASH[:7]", {"older"}),
    ],
)
def test_which_revisions(study: Study, revs: str | None, expected: set[str]) -> None:
    study.commit(catalog("older"))
    older = study.head()
    study.commit(catalog("main"))
    study.branch("paper-1", catalog("paper1"))
    study.branch("paper-2", catalog("paper2"))
    git(study.repository, "tag", "v1", study.branch("temporary", catalog("v1")))
    git(study.repository, "branch", "-q", "-D", "temporary")
    study.experiment("exp-a", catalog("expa"))
    if revs and revs.startswith("HASH"):
        revs = older[:7] if "[" in revs else older

    outcome = study.collect(revs=revs)

    names = {name.removesuffix("-k") for name in study.folders()}
    assert names == expected - {"first"}
    assert len(skipped(outcome).get("no catalog", [])) == ("first" in expected)


def test_experiments_are_collected_when_asked_for(study: Study) -> None:
    study.commit(catalog("base"))
    commit = study.experiment("wooly-yeti", catalog("changed", width=2))
    assert set(study.collect().experiments) == {"base-k"}
    assert set(study.collect(experiments=True).experiments) == {"base-k", "changed-k"}
    place = {"revision": commit, "path": "data/catalog", "refs": ["wooly-yeti"]}
    assert study.places("changed-k") == [place]
    both = study.collect(experiments=True, revs="main")
    assert set(both.experiments) == {"base-k", "changed-k"}


def test_one_content_in_two_places_is_one_folder(study: Study) -> None:
    files = catalog("e")
    study.commit(files)
    one, two = study.head(), study.branch("copy", files)
    git(study.repository, "tag", "v1", one)
    outcome = study.collect()
    assert study.folders() == {"e-k": files}
    assert outcome.experiments == {"e-k": ["copy", "main"]} and outcome.revisions == 2
    assert study.places("e-k") == [
        {"revision": two, "path": "data/catalog", "refs": ["copy"]},
        {"revision": one, "path": "data/catalog", "refs": ["main", "v1"]},
    ]


def test_the_same_ids_with_other_content(study: Study) -> None:
    """Such as results of another machine, whose last digits differ."""
    one, two, three = catalog("e"), catalog("e", width=2), catalog("e", "other", width=3)
    study.commit(one)
    study.refs({"refs/heads/x": two, "refs/heads/y": three})
    study.collect()
    folders = study.folders()
    (suffixed,) = folders.keys() - {"e-k", "e-other"}
    assert folders == {"e-k": one, "e-other": three, suffixed: two}
    fingerprint = two["manifest.json"].split(b'"fingerprint": "')[1][:8].decode()
    assert suffixed == f"e-k-{fingerprint}"
    study.collect()
    assert study.folders() == folders


def test_names_follow_branches_and_are_kept_when_they_are_deleted(study: Study) -> None:
    study.commit(catalog("old"))
    old = study.head()
    study.experiment("exp-a", catalog("exp", width=2))
    study.collect(experiments=True)
    study.commit(catalog("new", width=3))
    git(study.repository, "tag", "v1", old)
    for ref in git(study.repository, "for-each-ref", "--format=%(refname)", "refs/exps").split():
        git(study.repository, "update-ref", "-d", ref)
    study.collect(revs="main")
    assert study.places("old-k")[0]["refs"] == ["v1"]  # `main` went on
    assert study.places("new-k")[0]["refs"] == ["main"]
    assert study.places("exp-k")[0]["refs"] == ["exp-a"]


def test_the_current_catalog_is_not_collected_until_it_is_another(study: Study) -> None:
    files = catalog("e")
    study.commit(files)
    write(study.root / "data" / "catalog", files)
    outcome = study.collect()
    assert outcome.current == ["main"] and not outcome.experiments and study.folders() == {}
    write(study.root / "data" / "catalog", catalog("other", width=2))
    outcome = study.collect()
    assert outcome.new == ["e-k"] and study.folders() == {"e-k": files}
    write(study.root / "data" / "catalog", files)
    assert study.collect().experiments == {"e-k": ["main"]}


def test_a_deleted_folder_is_collected_again(study: Study) -> None:
    files = catalog("e")
    study.commit(files).collect()
    for path in (study.collected / "e-k").iterdir():
        path.unlink()
    (study.collected / "e-k").rmdir()
    assert study.collect().new == ["e-k"]
    assert study.folders() == {"e-k": files}
