"""The tests of a canary: they keep quiet while it keeps its bounds, and speak soon when it does not."""

from __future__ import annotations

from random import Random

import pytest
from support.school_of_canaries import AT_ITS_BOUNDS, CanaryDay, simulate

from streamproc.routing import guard as guard_module
from streamproc.routing.guard import ERRORS, FALSE_ALARMS, CanaryGuard
from streamproc.routing.sequential import MeanTest


def test_of_days_without_change_few_end_in_an_alarm() -> None:
    days = 40
    alarms = sum(simulate(CanaryDay(), 2_000, 4, seed).verdict is not None for seed in range(days))
    assert alarms <= 2, f"{FALSE_ALARMS:.0%} are allowed: more than two in {days} come about once in 130 runs"


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_a_fall_of_three_points_is_found_within_two_thousand_activities(workers: int, seed: int) -> None:
    found = simulate(CanaryDay(fall=0.03), 2_000, workers, seed)
    assert found.verdict is not None
    assert found.verdict.what == "fall"


@pytest.mark.parametrize(
    ("day", "what"),
    [(CanaryDay(fall=-0.03), "rise"), (CanaryDay(fails=0.05), "errors"), (CanaryDay(slower=3.0), "latency")],
)
def test_what_leaves_its_bounds_is_named(day: CanaryDay, what: str) -> None:
    found = simulate(day, 2_000, 1, seed=1)
    assert found.verdict is not None
    assert found.verdict.what == what


def test_a_canary_that_fails_on_everything_is_found_after_a_few_readings() -> None:
    assert simulate(CanaryDay(fails=1.0), 2_000, 1, seed=1).activities < 20
    assert simulate(CanaryDay(fails=1.0), 2_000, 4, seed=1).activities < 60


@pytest.mark.parametrize(("workers", "beginnings"), [(8, 1), (1, 8), (4, 4)])
def test_neither_more_workers_nor_more_starts_multiply_the_false_alarms(
    workers: int, beginnings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So likely that a few days tell: 40 % at most, and really far less; with all of it for each worker, or for each
    # start, 15 to 40 of 40 days end in an alarm.
    monkeypatch.setattr(guard_module, "FALSE_ALARMS", 0.4)
    monkeypatch.setattr(guard_module, "BEGINNINGS", beginnings)
    days = 40
    alarms = sum(simulate(AT_ITS_BOUNDS, 400, workers, seed, beginnings).verdict is not None for seed in range(days))
    assert alarms <= 0.1 * days


def test_a_reading_of_the_champion_s_is_compared_once() -> None:
    guard = CanaryGuard("c")
    guard.answered(1.0)
    for _ in range(5):
        guard.champion_answered(0.1)
    assert guard.evidence["latency"][0] == 1


def test_a_fraction_of_the_events_has_a_fraction_of_the_false_alarms() -> None:
    alone, shared = CanaryGuard("c"), CanaryGuard("c", lambda: 0.01)
    for _ in range(30):
        for guard in (alone, shared):
            guard.compared(canary=0.5, champion=0.9)
    assert alone.verdict is not None
    assert shared.verdict is None


def test_a_worker_s_share_is_the_one_at_its_first_observation() -> None:
    shares = iter([0.25, 1.0])
    guard = CanaryGuard("c", lambda: next(shares))
    assert (guard.share, guard.verdict) == (None, None), "before the first reading it may own no partition yet"
    guard.answered(1.0)
    guard.answered(1.0)
    assert guard.share == pytest.approx(0.25), "a larger one would be spent twice"


def test_at_its_bound_a_mean_is_hardly_ever_proved_to_be_above_it() -> None:
    random = Random(3)
    proved = 0
    for _ in range(200):
        test = MeanTest(ERRORS)
        for _ in range(1_000):
            test.see(float(random.random() < ERRORS))
        proved += test.proved(0.05)
    assert proved <= 22, "of 200, 10 are allowed: more than 22 come about once in 4,000 runs"


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_no_observation(value: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        MeanTest(0.5).see(value)


@pytest.mark.parametrize("bound", [0.0, 1.0, float("nan")])
def test_a_bound_lies_between_0_and_1(bound: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        MeanTest(bound)
