"""Records that are passed over, in a drain or because they come too late: nothing behind them moves the progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, cast
from unittest.mock import Mock

import faust
import pytest
from confluent_kafka import KafkaError
from faust.types import TP
from support.holes import hole

from streamproc.transport import TransportSettings
from streamproc.transport.errors import TransportError
from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import FINISHED, Assignment
from streamproc.transport.flight.ledger import Ledger
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.span import Span
from streamproc.transport.flight.state.restored import Restored
from streamproc.transport.kafka.listener import Listener
from streamproc.transport.kafka.offsets import Start
from streamproc.transport.kafka.poller import Poller
from streamproc.transport.surface.consumer import Consumer

pytestmark = hole("A")
IN = TP("in", 0)


@dataclass
class Record:
    """A record, or the news that the log's end is reached, as librdkafka gives them."""

    at: int
    is_end: bool = False
    of: TP = IN

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return None

    def topic(self) -> str:
        return self.of.topic

    def partition(self) -> int:
        return self.of.partition

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self.is_end else None

    def __len__(self) -> int:
        return 10


@pytest.fixture
def consumer() -> Consumer:
    """A consumer that is not started: what arrives is put in by hand."""
    app = faust.App("draining", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
    return cast(Consumer, app.consumer)


async def admit(consumer: Consumer, assignment: Assignment, *records: Record) -> None:
    await consumer.inbox.admit([(assignment, cast(Any, record), 0 if record.is_end else 10) for record in records])


def finish_all(consumer: Consumer, assignment: Assignment) -> None:
    for entry in assignment.entries.values():
        if entry.state is not FINISHED:
            consumer.ledger.finish(entry)


def progress(consumer: Consumer) -> Progress:
    batch = consumer.ledger.form(b"generation")
    assert batch is not None
    [(_, offer)] = batch.offers
    return offer.progress


@pytest.mark.parametrize("passes_over", [Assignment.drain, lambda assignment: assignment.span.close()])
async def test_the_end_of_the_log_behind_a_drain_is_not_reached(
    consumer: Consumer, passes_over: Callable[[Assignment], None]
) -> None:
    assignment = Assignment(IN, Progress.at(0))
    consumer.ledger.add(assignment)
    await admit(consumer, assignment, Record(0), Record(1))
    passes_over(assignment)
    await admit(consumer, assignment, Record(2), Record(3), Record(4, is_end=True))
    finish_all(consumer, assignment)
    assert progress(consumer) == Progress.at(2)


async def test_a_drain_in_the_middle_of_what_one_poll_brought(consumer: Consumer) -> None:
    """The poll thread begins it while the event loop takes records in."""
    assignment = Assignment(IN, Progress.at(0))
    consumer.ledger.add(assignment)

    class Last(Record):
        def key(self) -> bytes | None:
            assignment.drain()
            return None

    await admit(consumer, assignment, Last(0), Record(1), Record(2, is_end=True))
    finish_all(consumer, assignment)
    assert progress(consumer) == Progress.at(1)


async def test_what_waits_in_a_drain_is_not_finished(consumer: Consumer) -> None:
    """Taken in, and never handed to an agent: it stays unfinished, whatever ends behind it."""
    assignment = Assignment(IN, Progress.at(0))
    consumer.ledger.add(assignment)
    await admit(consumer, assignment, *map(Record, range(4)), Record(7, is_end=True))
    consumer.ledger.finish(assignment.entries[2])
    assignment.drain()
    conductor = Mock()
    consumer.inbox.hand_over(conductor.deliver, consumer.desk)
    conductor.deliver.assert_not_called()
    assert progress(consumer) == Progress(0, 3, (0, 1))


async def test_what_a_stopping_worker_is_given_is_not_begun(consumer: Consumer) -> None:
    """A rebalance while it drains: the partitions are somebody else's to begin."""
    consumer.rebalance._first_assignment = False
    await consumer.drain()
    assignment = Assignment(IN, Progress.at(0), commit_base=True)
    await consumer.rebalance.assigned([assignment])
    await admit(consumer, assignment, Record(0), Record(1, is_end=True))
    assert not assignment.entries
    assert consumer.ledger.form(b"generation") is None


async def test_who_has_drained_leaves_the_group_before_agents_stop(consumer: Consumer) -> None:
    """Until it has left, its partitions are nobody's."""
    poller = Mock(spec=Poller)
    consumer._poller, consumer._begun = poller, True
    await consumer.drain()
    poller.close.assert_called_once()


@pytest.mark.parametrize("last", [Assignment.give_up, Assignment.drain])
def test_a_closed_span_never_opens_again(last: Callable[[Assignment], None]) -> None:
    assignment = Assignment(IN, Progress(0, 6, (0, 5)))
    assert assignment.span.deliver(0)
    last(assignment)
    assert not assignment.span.deliver(5)
    assignment.span.reach(9)
    assignment.span.finish(0)
    offer = assignment.span.offer()
    assert offer is not None
    assert offer.progress == Progress(5, 6, (5,))


def test_what_is_passed_over_counts_as_in_flight() -> None:
    """So the poll thread takes at most as much as the bound allows, however long the drain."""
    assignment = Assignment(IN, Progress.at(0))
    assignment.received_events = 2
    admission = Admission(by_key=False)
    assert admission.admit(assignment, Record(0), 10)
    assignment.drain()
    assert not admission.admit(assignment, Record(1), 10)
    assert assignment.in_flight == 2


def test_an_event_that_shares_its_outcomes_is_left_out_alone() -> None:
    """One of two that were suspected together lost its partition while their transaction was formed."""
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    kept, lost = Assignment(IN, Progress.at(0)), Assignment(TP("in", 1), Progress.at(0))
    entries = []
    for assignment in (kept, lost):
        ledger.add(assignment)
        entry = admission.admit(assignment, Record(0), 10)
        assert entry is not None
        entries.append(entry)
    ledger.join(entries)
    for entry in entries:
        ledger.finish(entry)
    ledger.suspect(entries)

    def offer_and_lose(**options: Any) -> Any:
        lost.give_up()  # by the poll thread
        return Span.offer(kept.span, **options)

    kept.span.offer = offer_and_lose  # type: ignore[method-assign]
    assert ledger.form(b"generation") is None


@pytest.mark.parametrize("code", [KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED])
def test_records_that_cannot_be_read_are_not_passed_over(code: int) -> None:
    """librdkafka goes on behind them; nothing of what comes with the news is taken in."""
    listener = Mock(spec=Listener)
    poller = Poller({}, TransportSettings(), Mock(), listener, Mock())
    poller._assignments[IN] = assignment = Assignment(IN, Progress.at(0))
    poller._room = 10
    log: Any = Log()
    bad = Mock(wraps=Record(1))
    bad.error.side_effect = lambda: KafkaError(code)
    log.polls.put(lambda: [Record(0)])
    log.polls.put(lambda: [bad, Record(7), Record(8, is_end=True)])
    with pytest.raises(TransportError, match=r"in\[0\]@1: the records here cannot be read"):
        poller._poll(log)
    listener.on_records.assert_not_called()
    assert assignment.span.position == 0


class Log:
    """librdkafka's consumer: what each call of poll and consume brings, and what happens inside them."""

    def __init__(self) -> None:
        self.polls: SimpleQueue[Callable[[], list[Record]]] = SimpleQueue()
        self.incremental_assign = Mock()
        self.incremental_unassign = Mock()
        self.resume = Mock()
        self.consumer_group_metadata = Mock(return_value=b"")

    def poll(self, _: float) -> Record:
        [record] = self.polls.get_nowait()()
        return record

    def consume(self, *_: float) -> list[Record]:
        return self.polls.get_nowait()()


async def test_no_record_of_an_earlier_fetch_reaches_a_later_assignment() -> None:
    """A partition is given up and comes back while records are taken: its new span begins at its own fetch."""
    other = TP("in", 1)
    listener = Mock(spec=Listener)
    listener.revoked = lambda *_: asyncio.sleep(0.02)
    poller = Poller({}, TransportSettings(), Mock(), listener, asyncio.get_running_loop())
    poller._assigning._reader = Mock()
    log: Any = Log()

    def assign(tp: TP, base: int) -> None:
        poller._assigning._on_assign(log, [Mock(topic=tp.topic, partition=tp.partition)])
        poller._assigning._known.put((tp, poller._assigning._pending[tp], Start(Progress.at(base)), Restored({})))

    for tp in (IN, other):
        assign(tp, 0)
    poller._assigning.begin_known(log)
    poller._room = 10

    def rebalances() -> list[Record]:
        poller._assigning._on_revoke(log, [Mock(topic=IN.topic, partition=IN.partition)])
        assign(IN, 3)
        poller._assigning._on_revoke(
            log, [Mock(topic=other.topic, partition=other.partition)]
        )  # takes commands meanwhile
        return []

    log.polls.put(lambda: [Record(5)])
    log.polls.put(rebalances)
    await asyncio.to_thread(poller._poll, log)
    listener.on_records.assert_not_called()
    poller._assigning.begin_known(log)
    log.polls.put(lambda: [Record(3)])
    log.polls.put(lambda: [Record(4)])
    poller._poll(log)
    [records] = listener.on_records.call_args.args
    assert [record.offset() for _, record, _ in records] == [3, 4]


def test_nothing_from_where_reading_ends_on_is_handed_over_nor_the_end_of_the_log_behind_it() -> None:
    listener = Mock(spec=Listener)
    poller = Poller({}, TransportSettings(), Mock(), listener, Mock())
    poller._assignments[IN] = assignment = Assignment(IN, Progress.at(0), until=2)
    poller._room = 10
    log: Any = Log()
    log.pause = Mock()
    log.polls.put(lambda: [Record(0)])
    log.polls.put(lambda: [Record(1), Record(2), Record(3), Record(4, is_end=True)])
    poller._poll(log)
    [records] = listener.on_records.call_args.args
    assert [record.offset() for _, record, _ in records] == [0, 1]
    assert assignment.received_events == 2
    log.pause.assert_called_once()
    # Whatever room there is, it stays so: what lies behind is nobody's business.
    assignment.released_events = 2
    assert poller._backpressure.to_resume([assignment]) == []
    assert poller._backpressure.must_poll([assignment], 0), "the group would lose its member"


def test_the_end_of_the_log_counts_where_it_is_the_end_of_what_is_read() -> None:
    listener = Mock(spec=Listener)
    poller = Poller({}, TransportSettings(), Mock(), listener, Mock())
    poller._assignments[IN] = Assignment(IN, Progress.at(0), until=2)
    log: Any = Log()
    log.polls.put(lambda: [Record(1, is_end=True)])
    poller._poll(log)
    [records] = listener.on_records.call_args.args
    assert [record.offset() for _, record, _ in records] == [1]
