"""Weights of stacked networks as one vector, and back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from landscape_catalog.graphs.stacked.vectors import (
    ALIGNMENT,
    Shapes,
    fill_by_member,
    select_members,
    stack_states,
    stacked_views,
    vector_length,
)

sizes = st.lists(st.integers(1, 5), max_size=4).map(torch.Size)
architectures = st.lists(sizes, min_size=1, max_size=5).map(
    lambda shapes: {f"layer{i}.weight": shape for i, shape in enumerate(shapes)}
)


def numbered(shapes: Shapes, count: int) -> list[dict[str, Tensor]]:
    """States in which no two elements are equal, and none is zero."""
    start = 1
    states: list[dict[str, Tensor]] = []
    for _ in range(count):
        states.append({})
        for name, shape in shapes.items():
            values = torch.arange(start, start + shape.numel(), dtype=torch.float64)
            states[-1][name] = values.view(shape)
            start += shape.numel()
    return states


def padding_of(vector: Tensor, shapes: Shapes, count: int) -> Tensor:
    """The elements that belong to no network."""
    outside = vector.clone()
    for view in stacked_views(outside, shapes, count).values():
        view.zero_()
    return outside


@given(shapes=architectures, count=st.integers(1, 6))
def test_each_network_is_found_where_it_was_put(shapes: Shapes, count: int) -> None:
    states = numbered(shapes, count)
    vector = stack_states(states, shapes)
    views = stacked_views(vector, shapes, count)
    assert list(views) == list(shapes)
    for name, view in views.items():
        assert view.shape == (count, *shapes[name])
        for t, state in enumerate(states):
            assert torch.equal(view[t], state[name])
    elements = sum(shape.numel() for shape in shapes.values()) * count
    assert int((vector != 0).sum()) == elements
    assert len(vector) == vector_length(shapes, count) >= elements


@given(shapes=architectures, count=st.integers(1, 6))
def test_every_parameter_begins_at_a_multiple_of_64_bytes(shapes: Shapes, count: int) -> None:
    vector = torch.zeros(vector_length(shapes, count))
    assert len(vector) % ALIGNMENT == 0
    for view in stacked_views(vector, shapes, count).values():
        assert view.storage_offset() * view.element_size() % 64 == 0
        assert view.is_contiguous()


@given(shapes=architectures, count=st.integers(1, 6), data=st.data())
def test_some_networks_are_selected_in_the_given_order(
    shapes: Shapes, count: int, data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8))
    states = numbered(shapes, count)
    vector = stack_states(states, shapes)
    selected = select_members(vector, shapes, count, places)
    assert torch.equal(selected, stack_states([states[place] for place in places], shapes))
    assert torch.equal(vector, stack_states(states, shapes))


@given(shapes=architectures, values=st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_every_element_of_a_network_gets_its_value(shapes: Shapes, values: list[int]) -> None:
    vector = torch.zeros(vector_length(shapes, len(values)))
    assert fill_by_member(vector, shapes, map(float, values)) is vector
    for view in stacked_views(vector, shapes, len(values)).values():
        for t, value in enumerate(values):
            assert (view[t] == value).all()
    assert not padding_of(vector, shapes, len(values)).any()


def test_a_view_writes_to_the_vector() -> None:
    shapes = {"weight": torch.Size((2, 2)), "bias": torch.Size(())}
    vector = torch.zeros(vector_length(shapes, 3))
    stacked_views(vector, shapes, 3)["bias"][1] = 5.0
    assert vector.nonzero().tolist() == [[ALIGNMENT + 1]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_vector_has_the_dtype_of_the_first_state(dtype: torch.dtype) -> None:
    shapes = {"weight": torch.Size((3,))}
    vector = stack_states([{"weight": torch.ones(3, dtype=dtype)}] * 2, shapes)
    assert vector.dtype == dtype
    assert select_members(vector, shapes, 2, [1]).dtype == dtype
