"""Outliers, in simulated time: who fails far more often than the others, and nobody else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.simulated_time import Clock

from streamproc.inference.outliers import FEWEST, SHARE, WINDOW_S, CallTally, outlier


def tally(calls: int, failures: int, clock: Clock | None = None) -> CallTally:
    found = CallTally(clock or Clock())
    for number in range(calls):
        found.noted(failed=number < failures)
    return found


def test_who_fails_every_third_call_beside_sound_ones() -> None:
    tallies = {"a": tally(30, 10), "b": tally(30, 0), "c": tally(30, 1)}
    assert outlier(tallies) == "a"


def test_where_all_fail_alike_or_there_is_one_none_is_to_blame() -> None:
    assert outlier({"a": tally(30, 15), "b": tally(30, 12)}) is None
    assert outlier({"a": tally(30, 30)}) is None
    assert outlier({}) is None


def test_few_calls_are_chance() -> None:
    assert outlier({"a": tally(FEWEST - 1, FEWEST - 1), "b": tally(100, 0)}) is None
    assert outlier({"a": tally(100, 90), "b": tally(FEWEST - 1, 0)}) is None


def test_what_was_long_ago_is_forgotten() -> None:
    clock = Clock()
    old = tally(30, 30, clock)
    assert old.failures == 30
    clock.now += WINDOW_S
    old.noted(failed=False)
    assert (old.calls, old.failures) == (1, 0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2)), max_size=200))
def test_the_window_holds_its_half_and_no_more_than_the_whole(calls: list[tuple[bool, float]]) -> None:
    clock = Clock()
    found, made = CallTally(clock), []
    for failed, pause in calls:
        clock.now += pause
        found.noted(failed=failed)
        made.append(clock.now)
    assert sum(moment > clock.now - WINDOW_S / 2 for moment in made) <= found.calls
    assert found.calls <= sum(moment > clock.now - WINDOW_S for moment in made)


COUNTS = st.dictionaries(
    st.integers(0, 5),
    st.tuples(st.integers(0, 60), st.floats(0, 1)).map(lambda pair: (pair[0], int(pair[0] * pair[1]))),
)


@given(COUNTS)
def test_an_outlier_is_the_worst_and_bad_enough(counts: dict[int, tuple[int, int]]) -> None:
    found = outlier({name: tally(calls, failures) for name, (calls, failures) in counts.items()})
    if found is None:
        return
    calls, failures = counts[found]
    assert failures / calls >= SHARE
    assert all(
        other_failures / other_calls <= failures / calls
        for other_calls, other_failures in counts.values()
        if other_calls >= FEWEST
    )
