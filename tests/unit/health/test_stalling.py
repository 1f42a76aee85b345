"""A worker that has work and commits nothing is found out; one that waits, or has nothing to do, is left in peace."""

from __future__ import annotations

from support.holes import hole

from streamproc.health.stalling import Stall


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@hole("C8")
def test_work_in_hand_and_nothing_committed_is_a_stall() -> None:
    clock = Clock()
    stall = Stall(120, clock, lambda: "")
    stall.look(5, 100, waits=False)
    clock.now = 119
    stall.look(5, 100, waits=False)
    assert stall.seconds is None
    clock.now = 121
    assert stall.seconds == 121, "also between two looks"
    stall.look(5, 100, waits=False)
    assert stall.seconds == 121
    stall.look(4, 101, waits=False)
    assert stall.seconds is None


def test_an_idle_worker_and_one_that_waits_for_a_dependency_are_not_stalled() -> None:
    clock = Clock()
    stall = Stall(120, clock, lambda: "")
    for now in range(0, 1000, 50):
        clock.now = now
        stall.look(0, 7, waits=False)
        assert stall.seconds is None
    for now in range(1000, 2000, 50):
        clock.now = now
        stall.look(5, 7, waits=True)
        assert stall.seconds is None
    clock.now = 2060
    stall.look(5, 7, waits=False)
    assert stall.seconds is None, "the time before the dependency came back does not count"
