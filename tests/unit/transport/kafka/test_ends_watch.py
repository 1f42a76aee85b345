"""The ends of logs: fetches tell them, and of paused partitions the brokers are asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from faust.types import TP

from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.progress import Progress
from streamproc.transport.kafka.ends_watch import EndsWatch

ONE, OTHER = TP("in", 0), TP("in", 1)


class Later(Executor):
    """Runs what it is given when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        """Keep it."""
        future: Future[Any] = Future()
        self.jobs.append(lambda: future.set_result(fn(*args)))
        return future

    def run(self) -> None:
        """Do what was given."""
        while self.jobs:
            self.jobs.pop(0)()


class Room:
    """A watch over two partitions; stands in for the consumer, whose cache ends at 10, and for what asks brokers."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[list[TP]] = []
        self.failing = False
        self.cached = 10
        self.executor = Later()
        self.assignments = {tp: Assignment(tp, Progress.at(0)) for tp in (ONE, OTHER)}
        itself: Any = self
        self.watch = EndsWatch(itself, self.executor, lambda: self.now)

    def get_watermark_offsets(self, _: TopicPartition, *, cached: bool) -> tuple[int, int]:
        """As the consumer."""
        assert cached
        return 0, self.cached

    def ends(self, tps: list[TP]) -> dict[TP, int]:
        """As Offsets."""
        self.asked.append(tps)
        if self.failing:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return dict.fromkeys(tps, 50)

    def look(self, seconds: float) -> dict[TP, int]:
        """So much later."""
        self.now += seconds
        consumer: Any = self
        self.watch.look(consumer, self.assignments)
        return {tp: assignment.end for tp, assignment in self.assignments.items()}


def test_fetches_tell_the_ends_once_a_second() -> None:
    room = Room()
    assert room.look(1) == {ONE: 10, OTHER: 10}
    room.cached = 11
    assert room.look(0.5) == {ONE: 10, OTHER: 10}
    assert room.look(0.5) == {ONE: 11, OTHER: 11}
    room.cached = -1001  # nothing is known
    assert room.look(1) == {ONE: 11, OTHER: 11}
    assert not room.executor.jobs


def test_of_paused_partitions_the_brokers_are_asked() -> None:
    room = Room()
    room.assignments[ONE].paused = True
    room.look(1)
    for _ in range(10):
        room.look(5)  # no answer yet: no second question
    assert len(room.executor.jobs) == 1
    room.executor.run()
    assert room.asked == [[ONE]]
    assert room.look(1) == {ONE: 50, OTHER: 10}
    room.executor.run()
    room.assignments[ONE].paused = False
    room.cached = 49  # a log that has lost its last record with its leader
    assert room.look(1) == {ONE: 49, OTHER: 49}


def test_brokers_that_do_not_answer_are_asked_again() -> None:
    room = Room()
    room.assignments[ONE].paused = room.failing = True
    room.look(1)
    room.executor.run()
    assert room.look(5) == {ONE: 10, OTHER: 10}
    room.failing = False
    room.executor.run()
    assert room.look(1)[ONE] == 50


def test_what_lies_behind_where_reading_ends_is_no_work_that_is_left() -> None:
    room = Room()
    room.assignments = {
        ONE: Assignment(ONE, Progress.at(0), until=4),
        OTHER: Assignment(OTHER, Progress.at(0), until=40),
    }
    room.assignments[ONE].over = room.assignments[ONE].paused = room.assignments[OTHER].paused = True
    assert room.look(5.0) == {ONE: 4, OTHER: 10}
    room.executor.run()
    assert room.asked == [[OTHER]], "nobody waits for what comes to the other one"
    assert room.look(0.0) == {ONE: 4, OTHER: 40}
