"""When a worker has its share of the partitions. The clock is simulated."""

from __future__ import annotations

from faust.types import TP

from streamproc.telemetry.lifecycle import SETTLE_S, Lifecycle

ONE = TP("activity", 0)


class Clock:
    """Stands until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_is_in_the_group_without_partitions_waits_for_those_that_others_give_up() -> None:
    life = Lifecycle(Clock())
    assert not life.joined
    life.assigned(set())
    life.ready()
    assert life.joined
    assert not life.settled
    life.assigned({ONE})
    assert life.settled


def test_where_nothing_comes_the_share_is_none() -> None:
    clock = Clock()
    life = Lifecycle(clock)
    life.ready()
    clock.now += SETTLE_S
    assert life.settled


def test_who_loses_all_partitions_later_is_settled_all_the_same() -> None:
    clock = Clock()
    life = Lifecycle(clock)
    life.assigned({ONE})
    life.ready()
    clock.now += SETTLE_S
    life.assigned(set())
    assert life.settled


def test_partitions_without_the_group_are_none() -> None:
    life = Lifecycle(Clock())
    life.assigned({ONE})
    assert not life.settled
