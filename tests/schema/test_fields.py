"""Field markers: which fields of a section are hashed and stored."""

from __future__ import annotations

from typing import Annotated

from landscape_catalog.schema.fields import Added, Later, Outside, Section


class Inner(Section):
    """A nested section."""

    old: int = 1
    new: Annotated[int, Added(0)] = 0


class Outer(Section):
    """A section with nested ones."""

    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    later: Annotated[int, Later(3)] = 3
    outside: Annotated[int, Outside()] = 5
    new: Annotated[tuple[int, ...] | None, Added(None)] = None


def test_added_fields_are_stored_unless_at_their_legacy_value() -> None:
    assert Outer().stored() == {
        "inner": {"old": 1}, "several": [], "later": 3, "outside": 5,
    }  # fmt: skip
    changed = Outer(inner=Inner(new=2), several=(Inner(), Inner(new=1)), new=(1, 2))
    assert changed.stored() == {
        "inner": {"old": 1, "new": 2},
        "several": [{"old": 1}, {"old": 1, "new": 1}],
        "later": 3,
        "outside": 5,
        "new": [1, 2],
    }


def test_stored_sections_round_trip() -> None:
    for section in (Outer(), Outer(inner=Inner(new=2), new=(1,))):
        stored = section.stored()
        assert Outer.model_validate(stored, strict=False) == section


def test_added_fields_enter_ids_unless_at_their_legacy_value() -> None:
    assert Inner().content() == {"old": 1}
    assert Inner(new=7).content() == {"old": 1, "new": 7}
    assert Outer().content() == {
        "inner": {"old": 1, "new": 0}, "several": [],
    }  # fmt: skip
