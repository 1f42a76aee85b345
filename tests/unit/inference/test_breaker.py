"""The circuit breaker in simulated time: what must hold whatever is called, however it ends, whenever."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.simulated_time import Clock

from streamproc.inference.breaker import Breaker, Circuit

FAILURES, OPEN_FOR, LONGEST = 3, 1.0, 8.0


def state_of(breaker: Breaker) -> Circuit:
    """Behind a call: mypy believes that a property which was asserted stays so."""
    return breaker.state


def opened() -> tuple[Clock, Breaker]:
    clock = Clock()
    breaker = Breaker(clock, FAILURES, OPEN_FOR, LONGEST)
    for _ in range(FAILURES):
        breaker.failed(breaker.began())
    assert state_of(breaker) is Circuit.OPEN
    return clock, breaker


def test_failures_in_a_row_open_it_and_no_fewer() -> None:
    breaker = Breaker(Clock(), FAILURES, OPEN_FOR, LONGEST)
    for _ in range(10):
        for _ in range(FAILURES - 1):
            breaker.failed(breaker.began())
        breaker.succeeded(breaker.began())
    assert state_of(breaker) is Circuit.CLOSED
    assert breaker.allows()


def test_one_probe_at_a_time_decides() -> None:
    clock, breaker = opened()
    assert not breaker.allows()
    clock.now += OPEN_FOR
    assert state_of(breaker) is Circuit.HALF_OPEN
    assert breaker.allows()
    probe = breaker.began()
    assert not breaker.allows()
    breaker.given_up(probe)
    assert breaker.allows()
    breaker.succeeded(breaker.began())
    assert state_of(breaker) is Circuit.CLOSED


def test_it_opens_for_longer_each_time_up_to_a_bound() -> None:
    clock, breaker = opened()
    waits = []
    for _ in range(6):
        waits.append(breaker.wait)
        clock.now += breaker.wait
        breaker.failed(breaker.began())
        assert state_of(breaker) is Circuit.OPEN
    assert waits == [1, 2, 4, 8, 8, 8]


def test_who_opens_again_soon_after_it_closed_waits_longer_and_who_stayed_closed_does_not() -> None:
    clock, breaker = opened()
    clock.now += OPEN_FOR
    breaker.succeeded(breaker.began())
    breaker.trip()
    assert breaker.wait == 2 * OPEN_FOR
    clock.now += breaker.wait
    breaker.succeeded(breaker.began())
    clock.now += LONGEST
    breaker.trip()
    assert breaker.wait == OPEN_FOR


def test_calls_from_before_it_opened_say_nothing_of_what_came_after() -> None:
    clock = Clock()
    breaker = Breaker(clock, FAILURES, OPEN_FOR, LONGEST)
    early = [breaker.began() for _ in range(20)]
    for ticket in early[:FAILURES]:
        breaker.failed(ticket)
    breaker.succeeded(early[FAILURES])
    assert state_of(breaker) is Circuit.OPEN
    clock.now += OPEN_FOR
    probe = breaker.began()
    for ticket in early[FAILURES + 1 :]:
        breaker.failed(ticket)
    assert state_of(breaker) is Circuit.HALF_OPEN
    breaker.succeeded(probe)
    for ticket in early:
        breaker.failed(ticket)
    assert state_of(breaker) is Circuit.CLOSED


def test_opened_a_thousand_times_it_still_counts() -> None:
    clock, breaker = opened()
    for _ in range(2_000):
        clock.now += breaker.wait
        breaker.failed(breaker.began())
    assert breaker.wait == LONGEST


@pytest.mark.parametrize(("failures", "open_for", "longest"), [(0, 1, 1), (1, 0, 1), (1, 2, 1)])
def test_bounds_that_mean_nothing_are_refused(failures: int, open_for: float, longest: float) -> None:
    with pytest.raises(ValueError, match="a breaker opens"):
        Breaker(Clock(), failures, open_for, longest)


class AnyUse(RuleBasedStateMachine):
    """Calls begin and end in any order and way, and time passes."""

    @initialize(failures=st.integers(1, 4))
    def make(self, failures: int) -> None:
        self.clock = Clock()
        self.failures = failures
        self.breaker = Breaker(self.clock, failures, OPEN_FOR, LONGEST)
        self.calls: list[int] = []
        self.probe: int | None = None
        self.row = 0
        self.opened_at: float | None = None

    @rule(seconds=st.floats(0, 10))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    @precondition(lambda self: self.breaker.allows())
    def begins(self) -> None:
        half_open = self.breaker.state is Circuit.HALF_OPEN
        ticket = self.breaker.began()
        if half_open:
            assert self.probe is None, "a second probe was let through"
            self.probe = ticket
        self.calls.append(ticket)

    @rule(data=st.data(), end=st.sampled_from(["succeeded", "failed", "given_up"]))
    @precondition(lambda self: bool(self.calls))
    def ends(self, data: st.DataObject, end: str) -> None:
        ticket = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        before = self.breaker.state
        getattr(self.breaker, end)(ticket)
        after = self.breaker.state
        if self.probe is not None and ticket == self.probe:
            self.probe = None
            assert before is Circuit.HALF_OPEN
            wanted = {"succeeded": Circuit.CLOSED, "failed": Circuit.OPEN, "given_up": Circuit.HALF_OPEN}
            assert after is wanted[end]
        elif before is not Circuit.CLOSED:
            assert after is before, "a call from before changed what the probe decides"
        if before is not Circuit.OPEN and after is Circuit.OPEN:
            assert end == "failed"
            self.opened_at = self.clock.now

    @rule()
    def trips(self) -> None:
        self.breaker.trip()
        self.probe = None
        self.opened_at = self.clock.now

    @invariant()
    def open_means_that_nothing_is_allowed_and_not_for_ever(self) -> None:
        state = self.breaker.state
        assert self.breaker.allows() == (state is not Circuit.OPEN and (state is Circuit.CLOSED or self.probe is None))
        assert OPEN_FOR <= self.breaker.wait <= LONGEST
        if state is Circuit.OPEN:
            assert self.opened_at is not None
            assert self.clock.now - self.opened_at < LONGEST


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
