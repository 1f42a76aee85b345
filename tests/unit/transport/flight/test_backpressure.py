"""The bound on what is in flight, and who may fill it."""

from __future__ import annotations

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streamproc.transport.flight.backpressure import PATIENCE_S, Backpressure
from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.progress import Progress

BOUND = 1_000
PLENTY = 1 << 30


class Clock:
    """Time as the test says."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def assignments(*in_flight: int, size: int = 0) -> list[Assignment]:
    """Partitions with so many events in flight, of ``size`` bytes each."""
    found = []
    for number, count in enumerate(in_flight):
        assignment = Assignment(TP("topic", number), Progress.at(0))
        take(assignment, count, size)
        found.append(assignment)
    return found


def take(assignment: Assignment, count: int, size: int = 0) -> None:
    """Records of this partition are taken."""
    assignment.received_events += count
    assignment.received_bytes += count * size


def finish(assignment: Assignment, count: int) -> None:
    """Events of this partition are committed."""
    assignment.released_events += count


def test_a_partition_alone_may_fill_all_but_the_others_reserves() -> None:
    """Four partitions: an eighth of the bound is kept for each."""
    pressure = Backpressure(BOUND, PLENTY)
    found = assignments(0, 0, 0, 0)
    assert pressure.room(found) == BOUND - 3 * BOUND // 8
    take(found[0], pressure.room(found))
    assert pressure.room(found) == 0, "the next record could be of the same partition"


def test_partitions_that_flow_alike_share_the_whole_bound() -> None:
    """The common half is for whoever comes first."""
    pressure = Backpressure(BOUND, PLENTY)
    assert pressure.room(assignments(240, 240, 240, 240)) == BOUND - 4 * 240


def test_a_full_bound_pauses_nobody_at_first() -> None:
    """Between two transactions it is full as a matter of course."""
    clock = Clock()
    pressure = Backpressure(BOUND, PLENTY, clock)
    found = assignments(250, 250, 250, 250)
    assert not pressure.must_poll(found, pressure.room(found))
    assert pressure.to_pause(found, 0) == []
    clock.now += PATIENCE_S * 0.9
    assert pressure.to_pause(found, 0) == []
    finish(found[0], 100)
    assert pressure.to_pause(found, pressure.room(found)) == []
    clock.now += PATIENCE_S
    assert pressure.to_pause(found, 0) == [], "there was room meanwhile"


def test_who_crowds_the_others_out_for_long_is_paused_and_the_others_go_on() -> None:
    """A slow consumer of one partition does not starve the rest."""
    clock = Clock()
    pressure = Backpressure(BOUND, PLENTY, clock)
    found = assignments(625, 10, 0, 125)
    pressure.to_pause(found, pressure.room(found))
    clock.now += PATIENCE_S
    stuck = pressure.to_pause(found, pressure.room(found))
    assert stuck == [found[0], found[3]]
    for assignment in stuck:
        assignment.paused = True
    assert pressure.room(found) > 100, "the two others have their reserves"
    assert pressure.to_resume(found) == []


def test_a_worker_whose_partitions_are_all_paused_polls_on() -> None:
    """However long an agent takes, the group must hear of the worker."""
    pressure = Backpressure(BOUND, PLENTY)
    found = assignments(500, 500)
    assert not pressure.must_poll(found, pressure.room(found))
    for assignment in found:
        assignment.paused = True
    assert pressure.must_poll(found, pressure.room(found))


def test_a_worker_without_partitions_polls() -> None:
    """Or it would never get any."""
    pressure = Backpressure(BOUND, PLENTY)
    assert pressure.must_poll([], pressure.room([]))


def test_a_paused_partition_resumes_at_half_of_its_reserve() -> None:
    """Not at once below it, or it would be paused and resumed all the time."""
    pressure = Backpressure(BOUND, PLENTY)
    found = assignments(500, 0)
    found[0].paused = True
    finish(found[0], 374)
    assert pressure.to_resume(found) == []
    finish(found[0], 1)
    assert pressure.to_resume(found) == [found[0]]


def test_more_partitions_than_places_wait_together() -> None:
    """None has a reserve then: all are paused, and resumed when half of the places are free."""
    clock = Clock()
    pressure = Backpressure(4, PLENTY, clock)
    found = assignments(3, 1, 0, 0, 0, 0)
    pressure.to_pause(found, pressure.room(found))
    clock.now += PATIENCE_S
    for assignment in pressure.to_pause(found, pressure.room(found)):
        assignment.paused = True
    assert pressure.must_poll(found, pressure.room(found))
    assert pressure.to_resume(found) == []
    finish(found[0], 3)
    assert found[4] in pressure.to_resume(found)


def test_bytes_are_bounded_too() -> None:
    """A few large records fill the place of many small ones."""
    pressure = Backpressure(BOUND, 1_000_000)
    assert pressure.room(assignments(3, 0, size=200_000)) > 0
    assert pressure.room(assignments(4, 0, size=200_000)) == 0


def test_a_partition_whose_progress_cannot_be_written_is_paused_at_once() -> None:
    """More finished work would only be done again after a crash."""
    pressure = Backpressure(BOUND, PLENTY)
    found = assignments(1, 1)
    found[1].span.full = True
    assert pressure.to_pause(found, pressure.room(found)) == [found[1]]


@given(
    bound=st.integers(1, 500),
    steps=st.lists(
        st.tuples(st.integers(0, 4), st.floats(0, 1), st.integers(0, 200), st.integers(0, 4)), min_size=1, max_size=60
    ),
)
def test_the_bound_holds_whoever_sends_and_whoever_finishes(
    bound: int, steps: list[tuple[int, float, int, int]]
) -> None:
    """Invariant: never more than the bound, and the reserve of each partition that is not paused stays free for it."""
    clock = Clock()
    pressure = Backpressure(bound, PLENTY, clock)
    found = assignments(0, 0, 0, 0, 0)
    reserve = bound // 10
    for sender, share, finished, finisher in steps:
        resumed = pressure.to_resume(found)
        for assignment in resumed:
            assignment.paused = False
        room = pressure.room(found)
        paused = pressure.to_pause(found, room)
        for assignment in paused:
            assignment.paused = True
        assert not set(map(id, resumed)) & set(map(id, paused)), "paused and resumed all the time"
        room = pressure.room(found)
        if not found[sender].paused:
            take(found[sender], round(room * share))
        assert sum(max(reserve, assignment.in_flight) for assignment in found) <= bound
        finish(found[finisher], min(finished, found[finisher].in_flight))
        clock.now += PATIENCE_S / 2
