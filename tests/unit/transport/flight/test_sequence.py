"""The order of groups of events that stand in several lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

from streamproc.transport.flight.sequence import in_order

pytestmark = hole("A")


def test_a_group_comes_after_what_any_of_its_events_follows() -> None:
    order = in_order([("p", 2), ("q", 3), ("k", 1), ("k", 2)])
    assert order is not None
    assert sorted(order) == [1, 2, 3]
    assert order.index(1) < order.index(2)


def test_groups_that_overtake_each_other_have_no_order() -> None:
    assert in_order([("k", 1), ("l", 2), ("l", 1), ("k", 2)]) is None


def test_who_stands_in_no_line_comes_too() -> None:
    assert sorted(in_order([(None, 1), ("k", 2), (None, 3)]) or []) == [1, 2, 3]


@given(st.lists(st.lists(st.integers(0, 4), max_size=4, unique=True), max_size=12))
def test_an_order_that_is_possible_is_found(lines_of: list[list[int]]) -> None:
    """Groups that came one after the other, each with events of some lines."""
    places = [(line, group) for group, lines in enumerate(lines_of) for line in lines]
    shuffled = sorted(places)  # as partitions are gone through
    order = in_order(shuffled)
    assert order is not None
    assert sorted(order) == sorted({group for _, group in places})
    for line in range(5):
        groups = [group for group in order if line in lines_of[group]]
        assert groups == sorted(groups)
