"""The outcomes that the page remembers: bounded, counted by the second, the newest first."""

from __future__ import annotations

import pytest

from streamproc.kafka.places import Place
from streamproc.web.console.outcomes import KEPT, KEPT_BYTES, WINDOW_S, KeptResult, RecentOutcomes, percentile

NOW = 1_700_000_000.0


def kept(age: float = 0.0, offset: int = 0, size: int = 10, took: float | None = None) -> KeptResult:
    return KeptResult(Place("results", 0, offset), int((NOW - age) * 1000), bytes(size), None, None, took)


def test_none() -> None:
    outcomes = RecentOutcomes()
    assert outcomes.newest(10) == []
    assert outcomes.window(NOW) == (0, 0, WINDOW_S)
    assert outcomes.silent(NOW) is None
    assert outcomes.latencies() == {}
    assert outcomes.common_code(NOW) == ""


def test_ten_thousand_leave_the_newest() -> None:
    outcomes = RecentOutcomes()
    for number in range(10_000):
        outcomes.result(kept(age=10_000 - number, offset=number))
    assert len(list(outcomes)) == KEPT
    assert [one.place.offset for one in outcomes.newest(2)] == [9_999, 9_998]
    assert outcomes.version == 10_000


def test_large_ones_are_bounded_by_their_bytes_and_one_is_always_kept() -> None:
    outcomes = RecentOutcomes()
    for number in range(40):
        outcomes.result(kept(offset=number, size=1 << 20))
    assert sum(len(one.value) for one in outcomes) <= KEPT_BYTES
    outcomes.result(kept(offset=99, size=KEPT_BYTES + 1))
    assert [one.place.offset for one in outcomes] == [99]


def test_a_minute_is_counted() -> None:
    outcomes = RecentOutcomes()
    for age in (1, 2, 2, 59, 70, 400):
        outcomes.result(kept(age=age))
    outcomes.letter(int((NOW - 2) * 1000), "AUDIO_EMPTY")
    assert outcomes.window(NOW) == (4, 1, WINDOW_S)
    course = outcomes.course(NOW)
    assert len(course) == WINDOW_S
    assert course[-2:] == [(2, 1), (1, 0)]
    assert outcomes.silent(NOW) == pytest.approx(1.0)
    assert outcomes.common_code(NOW) == "AUDIO_EMPTY"
    assert outcomes.common_code(NOW + 100) == ""


def test_what_was_not_seen_is_not_taken_for_silence() -> None:
    outcomes = RecentOutcomes()
    outcomes.known_from(NOW - 10)
    for _ in range(100):
        outcomes.result(kept(age=5))
    assert outcomes.window(NOW) == (100, 0, 10.0)


def test_clocks_that_are_wrong_take_no_memory() -> None:
    outcomes = RecentOutcomes()
    for day in range(5_000):
        outcomes.result(kept(age=-86_400.0 * day))
    for day in range(5_000):
        outcomes.result(kept(age=86_400.0 * day))
    assert len(outcomes._seconds) <= 2 * WINDOW_S


def test_percentiles_of_those_that_were_read() -> None:
    outcomes = RecentOutcomes()
    for took in range(1, 101):
        outcomes.result(kept(took=float(took)))
    outcomes.result(kept())
    assert outcomes.latencies() == {"count": 100, "p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert [percentile([7.0], percent) for percent in (0, 50, 100)] == [7.0] * 3


def test_those_that_nobody_has_looked_into() -> None:
    outcomes = RecentOutcomes()
    for number in range(5):
        outcomes.result(kept(offset=number))
    next(iter(outcomes)).summary = {}
    assert [one.place.offset for one in outcomes.unread(10)] == [4, 3, 2, 1]
    assert len(outcomes.unread(2)) == 2
