"""The quarantine trips on one cause, not on many, and not on few."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, cycle, islice, repeat

from hypothesis import given
from hypothesis import strategies as st

from streamproc.deadletter.quarantine import Quarantine


def trips_at(outcomes: Iterable[str | None], percent: float = 50, events: int = 200) -> int | None:
    """How many outcomes it took; None: it did not trip."""
    switch = Quarantine(percent, events)
    for count, outcome in enumerate(outcomes, 1):
        if switch.record(outcome):
            assert switch.tripped == outcome
            return count
    return None


def test_it_trips_with_the_first_event_beyond_half_of_the_window() -> None:
    assert trips_at(repeat("a", 1000)) == 101


def test_what_left_the_window_counts_no_more() -> None:
    assert trips_at(chain(repeat("a", 100), repeat(None, 150), repeat("a", 50))) is None
    assert trips_at(chain(repeat("a", 100), repeat(None, 100), repeat("a", 1))) is None


def test_half_is_not_more_than_half() -> None:
    assert trips_at(islice(cycle(["a", None]), 2000)) is None


def test_many_causes_are_bad_events_not_a_bad_deploy() -> None:
    assert trips_at(islice(cycle(["a", "b", "c"]), 3000)) is None


def test_a_hundred_percent_never_trips() -> None:
    assert trips_at(repeat("a", 1000), percent=100) is None


def test_it_trips_once() -> None:
    switch = Quarantine(50, 10)
    assert [switch.record("a") for _ in range(20)].count(True) == 1


@given(
    st.lists(st.sampled_from(["a", "b", None]), max_size=60), st.integers(1, 20), st.sampled_from([10.0, 50.0, 90.0])
)
def test_it_trips_when_a_count_of_the_window_says_so(outcomes: list[str | None], events: int, percent: float) -> None:
    expected = None
    for count in range(1, len(outcomes) + 1):
        window = outcomes[max(0, count - events) : count]
        last = outcomes[count - 1]
        if last is not None and window.count(last) > events * percent / 100:
            expected = count
            break
    assert trips_at(outcomes, percent, events) == expected
