"""Ids of objects that share most of their content are those of each by itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.schema import identity
from landscape_catalog.schema.identity import Identifier, Ids, identify

KEYS = st.text(max_size=4)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    KEYS,
    st.lists(VALUES, max_size=3),
    st.dictionaries(KEYS, st.integers(), max_size=3),
)
def test_an_identifier_hashes_the_whole_content(
    shared: dict[str, Any], entry: str, values: list[Any], recipes: dict[str, int]
) -> None:
    shared.pop(entry, None)
    ids = Identifier.of("kind", shared, entry, recipes)

    def id_of(value: Any) -> str:
        whole = {"kind": "kind", "content": {**shared, entry: value}, "recipes": recipes}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    assert [ids(value) for value in values] == [id_of(value) for value in values]


HEX = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")


@given(st.lists(HEX, max_size=9), st.integers(1, 4))
def test_many_ids_are_hashed_as_their_sorted_list(ids: list[str], at_once: int) -> None:
    with mock.patch.object(identity, "_IDS_AT_ONCE", at_once):
        found = Ids()
        for one in ids:
            found.add([one])
        assert found.identify("experiment") == identify("experiment", sorted(ids), {})
