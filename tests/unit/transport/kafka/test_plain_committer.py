"""The committer without transactions: whom a refused record is laid to, and offsets in the middle of a rebalance.

Producer and group are fakes, so that each refusal comes when it should; real ones refuse in the tests with a broker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from faust.types import TP
from support.holes import hole

from streamproc.transport.flight.entries import Assignment, Entry
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.flight.span import Offer
from streamproc.transport.kafka.committers import PlainCommitter, commit_offsets
from streamproc.transport.kafka.verdicts import Aborted, Committed, Refused, Verdict

ASSIGNMENT = Assignment(TP("in", 0), Progress.at(0))


class Producer:
    """Delivers each record when flushed, with the error that its value names."""

    def __init__(self) -> None:
        self._queued: list[tuple[Any, ...]] = []
        self.produced = 0

    def produce(
        self, topic: str, value: bytes, key: bytes, place: int, delivered: Callable[..., None], *_: Any
    ) -> None:
        self._queued.append((topic, value, key, delivered))
        self.produced += 1

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        for topic, value, key, delivered in self._queued:
            code = getattr(KafkaError, value.decode(), None)
            if code is not None:
                delivered(KafkaError(code), Message(topic=topic, key=key, value=value))
        self._queued.clear()
        return 0


def outcome(value: bytes, key: bytes | None = b"k", topic: str = "out") -> Outcome:
    return Outcome(topic, key, value, None, None, None)


def commit(
    *values: bytes | Outcome,
    loose: list[Loose] | None = None,
    producer: Producer | None = None,
    one_by_one: bool = False,
) -> tuple[Verdict, list[Entry]]:
    """Commit one event for each value."""
    committer = PlainCommitter({}, lambda offsets: None, lambda: False)
    committer._producer = cast(Any, producer or Producer())
    entries = [Entry(ASSIGNMENT, offset, None, None, 0) for offset in range(len(values))]
    outcomes = [value if isinstance(value, Outcome) else outcome(value) for value in values]
    batch = Batch(None, [], list(zip(entries, outcomes, strict=True)), loose or [], one_by_one)
    return committer.commit(batch), entries


def test_an_event_is_suspected_when_its_record_is_refused() -> None:
    verdict, entries = commit(b"good", b"MSG_SIZE_TOO_LARGE", b"good")
    assert isinstance(verdict, Refused)
    assert (verdict.entries, verdict.reason, verdict.topic) == ([entries[1]], "MSG_SIZE_TOO_LARGE", "out")


@pytest.mark.parametrize("lost", [b"_MSG_TIMED_OUT", b"MSG_SIZE_TOO_LARGE"])
def test_a_timer_is_deleted_only_when_the_brokers_have_what_it_has_sent(lost: bytes) -> None:
    """Else a crash in between would leave a window that is neither published nor there any more."""

    def carry_out(value: bytes) -> tuple[Verdict, int]:
        producer = Producer()
        committer = PlainCommitter({}, lambda offsets: None, lambda: False)
        committer._producer = cast(Any, producer)
        timer = Entry(ASSIGNMENT, -1, None, None, 0)
        records = [(timer, outcome(value)), (timer, outcome(b"", topic="changelog"))]
        return committer.commit(Batch(None, [], records, timers=[timer], changelog=1)), producer.produced

    assert carry_out(b"good") == (Committed(), 2)
    verdict, produced = carry_out(lost)
    assert not isinstance(verdict, Committed)
    assert produced == 1


def test_all_with_the_same_record_are_suspected() -> None:
    verdict, entries = commit(b"INVALID_RECORD", b"good", b"INVALID_RECORD", outcome(b"INVALID_RECORD", key=b"other"))
    assert isinstance(verdict, Refused)
    assert verdict.entries == [entries[0], entries[2], entries[3]]


@hole("A")
def test_sent_one_by_one_each_record_answers_for_itself() -> None:
    producer = Producer()
    verdict, entries = commit(b"good", b"INVALID_RECORD", b"INVALID_RECORD", producer=producer, one_by_one=True)
    assert isinstance(verdict, Refused)
    assert (verdict.entries, producer.produced) == ([entries[1]], 2)


def test_the_same_value_under_another_key_is_not_suspected() -> None:
    verdict, entries = commit(outcome(b"good", key=b"x"), outcome(b"INVALID_RECORD", key=b"y"))
    assert isinstance(verdict, Refused)
    assert verdict.entries == [entries[1]]


def test_a_send_outside_any_event_is_told() -> None:
    loose = Loose(outcome(b"MSG_SIZE_TOO_LARGE", key=None), cast(Any, None))
    verdict, _ = commit(b"good", loose=[loose])
    assert isinstance(verdict, Refused)
    assert (verdict.entries, verdict.loose) == ([], [loose])


class Failing(Producer):
    """Takes no more records once one has failed, as in a transaction."""

    def produce(self, *arguments: Any) -> None:
        if self._queued and self._queued[-1][1] == b"INVALID_TIMESTAMP":
            raise KafkaException(KafkaError(KafkaError._STATE))
        super().produce(*arguments)

    def poll(self, timeout: float) -> int:
        return self.flush(timeout)


@hole("B6")
def test_what_follows_from_a_refusal_does_not_hide_it() -> None:
    verdict, entries = commit(b"good", b"INVALID_TIMESTAMP", b"good", b"good", producer=Failing())
    assert isinstance(verdict, Refused)
    assert (verdict.entries, verdict.reason) == ([entries[1]], "INVALID_TIMESTAMP")


@hole("B6")
@pytest.mark.parametrize("error", [TypeError("argument 5"), OverflowError("too large"), ValueError("embedded null")])
def test_what_the_binding_itself_refuses_costs_that_record_alone(error: Exception) -> None:
    class Refusing(Producer):
        def produce(self, *arguments: Any) -> None:
            if arguments[1] == b"bad":
                raise error
            super().produce(*arguments)

    verdict, entries = commit(b"good", b"bad", b"good", producer=Refusing())
    assert isinstance(verdict, Refused)
    assert (verdict.entries, verdict.reason) == ([entries[1]], type(error).__name__)


@pytest.mark.parametrize("reason", ["REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS"])
def test_what_may_pass_refuses_nobody(reason: str) -> None:
    verdict, _ = commit(b"good", reason.encode())
    assert verdict == Aborted(reason)


class Group:
    """Refuses offsets for so many times; an assignment may end meanwhile."""

    def __init__(
        self, refusals: int, code: int = KafkaError.ILLEGAL_GENERATION, ends: Assignment | None = None
    ) -> None:
        self._refusals = refusals
        self._code = code
        self._ends = ends
        self.asked = 0
        self.committed: list[tuple[int, int]] = []

    def commit(self, offsets: list[TopicPartition]) -> None:
        self.asked += 1
        if self._ends is not None:
            self._ends.alive = False
        if self.asked <= self._refusals:
            raise KafkaException(KafkaError(self._code))
        self.committed = [(offset.partition, offset.offset) for offset in offsets]


def commit_progress(group: Group, *assignments: Assignment) -> tuple[Verdict, int]:
    """Commit one event and the progress of these. Returns the verdict and how many records were produced."""
    committer = PlainCommitter({}, group.commit, lambda: False)
    producer = Producer()
    committer._producer = cast(Any, producer)
    offers = [(assignment, Offer((6,), Progress.at(7), "")) for assignment in assignments]
    event = Entry(assignments[0], 6, None, None, 0)
    verdict = committer.commit(Batch(b"", offers, [(event, outcome(b"good"))]))
    return verdict, producer.produced


def test_offsets_refused_in_a_rebalance_are_committed_after_it_and_nothing_is_produced_again() -> None:
    group = Group(refusals=2)
    assert commit_progress(group, Assignment(TP("in", 0), Progress.at(0))) == (Committed(), 1)
    assert group.committed == [(0, 7)]


def test_a_partition_that_the_rebalance_took_away_is_left_out() -> None:
    kept, lost = (Assignment(TP("in", number), Progress.at(0)) for number in range(2))
    group = Group(refusals=1, ends=lost)
    assert commit_progress(group, kept, lost) == (Committed(), 1)
    assert group.committed == [(0, 7)]


def test_offsets_refused_for_another_reason_are_not_insisted_on() -> None:
    group = Group(refusals=9, code=KafkaError.COORDINATOR_NOT_AVAILABLE)
    verdict, _ = commit_progress(group, Assignment(TP("in", 0), Progress.at(0)))
    assert (verdict, group.asked) == (Aborted("COORDINATOR_NOT_AVAILABLE"), 1)


def test_a_partition_that_is_refused_is_an_error_though_the_others_are_committed() -> None:
    def commit_two(*, offsets: list[TopicPartition], asynchronous: bool) -> list[Any]:
        assert not asynchronous
        return [Mock(error=None), Mock(error=refused)]

    refused = KafkaError(KafkaError.REBALANCE_IN_PROGRESS)
    with pytest.raises(KafkaException) as caught:
        commit_offsets(cast(Any, Mock(commit=commit_two)), [])
    assert caught.value.args[0] is refused
    commit_offsets(cast(Any, Mock(commit=lambda **_: [Mock(error=None)])), [])
