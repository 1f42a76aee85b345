"""Events that share their outcomes (an agent's batch): with the order of keys, and when one of them is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import Mock

import faust
import pytest
from faust.types import TP
from support.holes import hole

from streamproc.transport.errors import OutcomeRefused
from streamproc.transport.flight.entries import FINISHED, Assignment
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.surface.consumer import Consumer
from streamproc.transport.surface.delivery import Delivery

pytestmark = hole("A")
ONE, OTHER = TP("in", 0), TP("in", 1)


class Worker:
    """A consumer that is not started, and an agent that does as it is told."""

    def __init__(self) -> None:
        app = faust.App("sharing", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
        self.consumer = cast(Consumer, app.consumer)
        self.under_way: Batch | None = None
        self.due: list[Callable[[], None]] = []
        self.consumer._cycle = Mock(after_this=lambda call: self.due.append(call) if self.under_way else call())
        self.consumer.desk.loop = asyncio.get_running_loop()
        self.ledger = self.consumer.ledger
        self.assignments = {tp: Assignment(tp, Progress.at(0)) for tp in (ONE, OTHER)}
        for assignment in self.assignments.values():
            self.ledger.add(assignment)
        self.delivered: list[Delivery] = []

    async def take_in(self, tp: TP, offset: int, key: bytes | None) -> None:
        none = dict.fromkeys(("error.return_value", "headers.return_value"))
        record = Mock(**{"offset.return_value": offset, "key.return_value": key, **none})
        record.value.return_value = b"%d:%d" % (tp.partition, offset)
        await self.consumer.inbox.admit([(self.assignments[tp], record, 10)])

    def start(self) -> list[Delivery]:
        """What the agent is given next."""
        given: list[Delivery] = []

        def deliver(message: Delivery) -> None:
            message.refcount = 1
            if message.entry.start(message):
                given.append(message)

        self.consumer.inbox.hand_over(deliver, self.consumer.desk)
        return given

    def finish(self, *messages: Delivery) -> None:
        for message in messages:
            value: Any = message.record.value()
            message.entry.hold(Outcome("out", message.key, value, None, None, None))
            message.ack(self.consumer)

    def form(self) -> list[bytes | None]:
        """What the next transaction holds."""
        self.under_way = self.ledger.form(b"generation")
        return [outcome.value for _, outcome in self.under_way.outcomes] if self.under_way else []

    def book(self, *, committed: bool) -> None:
        """The transaction under way is over."""
        batch, self.under_way = self.under_way, None
        if batch is not None and committed:
            self.ledger.settle(batch)
        for call in self.due:
            call()
        self.due.clear()

    def commit(self) -> list[bytes | None]:
        """Carry the next transaction out."""
        outcomes = self.form()
        self.book(committed=True)
        return outcomes

    def work_to_the_end(self) -> list[bytes | None]:
        """Be done with whatever there is, a transaction at a time."""
        outcomes = []
        while given := self.start():
            self.finish(*given)
            outcomes += self.commit()
        return outcomes

    def lose(self, tp: TP) -> None:
        self.assignments[tp].give_up()
        self.consumer.rebalance.lost([self.assignments[tp]])


@pytest.fixture
async def worker() -> Worker:
    return Worker()


async def test_a_successor_waits_for_all_that_share_its_predecessors_outcomes(worker: Worker) -> None:
    await worker.take_in(ONE, 0, b"a")
    await worker.take_in(ONE, 1, b"a")
    await worker.take_in(OTHER, 0, b"b")
    batch = worker.start()
    assert len(batch) == 2
    worker.consumer.desk.join(batch)
    worker.finish(batch[0])
    assert worker.start() == []
    assert worker.commit() == []
    worker.finish(batch[1])
    [successor] = worker.start()
    worker.finish(successor)
    assert worker.commit() == [b"0:0", b"1:0", b"0:1"]


@pytest.mark.parametrize("successor_has", ["waited", "begun", "finished"])
async def test_what_was_shared_with_a_lost_event_is_done_again_in_order(worker: Worker, successor_has: str) -> None:
    await worker.take_in(ONE, 0, b"a")
    for offset in (1, 2):
        await worker.take_in(ONE, offset, b"a")
    await worker.take_in(OTHER, 0, b"b")
    batch = worker.start()
    worker.consumer.desk.join(batch)
    worker.finish(*batch)
    begun = worker.start() if successor_has != "waited" else []
    if successor_has == "finished":
        worker.finish(*begun)
    worker.lose(OTHER)
    assert worker.commit() == []
    committed = worker.work_to_the_end()
    assert committed == [b"0:0", b"0:1", b"0:2"]


@pytest.mark.parametrize("committed", [True, False])
async def test_what_a_transaction_under_way_has_is_done_again_only_if_it_fails(worker: Worker, committed: bool) -> None:
    for offset in (0, 1, 2):
        await worker.take_in(ONE, offset, b"a")
    await worker.take_in(OTHER, 0, b"b")
    batch = worker.start()
    worker.consumer.desk.join(batch)
    worker.finish(*batch)
    worker.finish(*worker.start())
    assert worker.form() == [b"0:0", b"1:0", b"0:1"]
    worker.lose(OTHER)
    assert worker.start() == []
    worker.book(committed=committed)
    after = worker.work_to_the_end()
    assert after == ([b"0:2"] if committed else [b"0:0", b"0:1", b"0:2"])


async def test_what_depends_on_each_other_is_undone_to_the_end(worker: Worker) -> None:
    """0:0 is torn, 0:1 came behind it, and shares its outcomes with 0:2 of another key, behind which 0:3 came."""
    for offset, key in enumerate((b"a", b"a", b"c", b"c")):
        await worker.take_in(ONE, offset, key)
    await worker.take_in(OTHER, 0, b"b")
    first, other, lost = worker.start()
    worker.consumer.desk.join([first, lost])
    worker.finish(first, lost)
    [behind] = worker.start()
    worker.consumer.desk.join([behind, other])
    worker.finish(behind, other)
    worker.finish(*worker.start())
    worker.lose(OTHER)
    assert worker.commit() == []
    committed = worker.work_to_the_end()
    assert sorted(committed, key=str) == [b"0:0", b"0:1", b"0:2", b"0:3"]
    assert committed.index(b"0:0") < committed.index(b"0:1")
    assert committed.index(b"0:2") < committed.index(b"0:3")


async def test_an_event_in_two_batches_ties_them_together(worker: Worker) -> None:
    """Two agents read a topic, and each takes it as batches of its own."""
    for offset in (0, 1, 2):
        await worker.take_in(ONE, offset, None)
    one, two, three = worker.start()
    worker.consumer.desk.join([one, two])
    worker.consumer.desk.join([two, three])
    worker.finish(one, two)
    assert worker.commit() == []
    worker.finish(three)
    assert worker.commit() == [b"0:0", b"0:1", b"0:2"]


async def test_one_that_fails_lets_the_successors_of_the_others_pass(worker: Worker) -> None:
    for offset, key in enumerate((b"a", b"a", b"b")):
        await worker.take_in(ONE, offset, key)
    batch = worker.start()
    worker.consumer.desk.join(batch)
    worker.finish(batch[0])
    worker.consumer.desk.fail(batch[1], asyncio.CancelledError())
    given = worker.start()
    assert sorted(message.offset for message in given) == [0, 2]
    worker.finish(*given)
    assert [message.offset for message in worker.start()] == [1]


async def test_what_batches_send_keeps_the_order_of_keys_in_one_transaction(worker: Worker) -> None:
    """A batch's outcomes are held by its last event, and the second batch's may be of a partition that comes first."""
    await worker.take_in(ONE, 0, b"x")
    await worker.take_in(OTHER, 0, b"a")
    await worker.take_in(OTHER, 1, b"a")
    await worker.take_in(OTHER, 2, b"b")
    x, a, b = worker.start()
    worker.consumer.desk.join([a, b])
    for value in (b"a 1", b"b"):
        b.entry.hold(Outcome("out", None, value, None, None, None))
    for message in (a, b):
        worker.consumer.desk.ack(message)
    second = worker.start()
    assert len(second) == 1
    worker.consumer.desk.join([*second, x])
    for value in (b"a 2", b"x"):
        x.entry.hold(Outcome("out", None, value, None, None, None))
    for message in (*second, x):
        worker.consumer.desk.ack(message)
    assert worker.form() == [b"a 1", b"b", b"a 2", b"x"]


async def test_what_a_batch_sent_and_kafka_refuses_is_replaced_for_each_of_its_events(worker: Worker) -> None:
    told: list[Any] = []

    async def refused(event: Any, error: OutcomeRefused) -> None:
        told.append(event.value)
        await sink.send(key=None, value=b"letter of " + event.value)

    transport = cast(Any, worker.consumer.transport)
    transport.on_refused = refused
    sink = cast(Any, worker.consumer.app).topic("letters", value_serializer="raw")
    for tp in (ONE, OTHER):
        await worker.take_in(tp, 0, b"k")
    batch = worker.start()
    for message in batch:
        message.entry.keep((Mock(value=message.record.value()),))
    worker.consumer.desk.join(batch)
    worker.finish(*batch)
    worker.consumer._refused_outcomes.refused(batch[-1].entry, OutcomeRefused("MSG_SIZE_TOO_LARGE", "out", "here"))
    await asyncio.gather(*worker.consumer._refused_outcomes._tasks)
    assert all(message.entry.state is FINISHED for message in batch)
    assert told == [b"0:0", b"1:0"]
    assert worker.form() == [b"letter of 0:0", b"letter of 1:0"]


@pytest.mark.parametrize("partition", ["lost", "ours"])
async def test_a_refusal_of_what_is_given_up_or_done_again_changes_nothing(worker: Worker, partition: str) -> None:
    """No handler is asked, and the worker goes on."""
    crashed = worker.consumer._refused_outcomes._crash = Mock()
    await worker.take_in(ONE, 0, b"k")
    [message] = worker.start()
    entry = message.entry
    worker.finish(message)
    if partition == "lost":
        worker.lose(ONE)
    else:
        worker.ledger.reopen(entry)
        entry.fence()
    worker.consumer._refused_outcomes.refused(entry, OutcomeRefused("MSG_SIZE_TOO_LARGE", "out", "here"))
    crashed.assert_not_called()


async def test_another_outcome_that_comes_too_late_counts_for_nothing(worker: Worker) -> None:
    """0:1 was refused; before on_refused has answered, the event before it is torn: both are done again, in order."""
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def on_refused(event: Any, error: Exception) -> None:
        await answer

    cast(Any, worker.consumer.transport).on_refused = on_refused
    for offset in (0, 1):
        await worker.take_in(ONE, offset, b"a")
    await worker.take_in(OTHER, 0, b"b")
    batch = worker.start()
    worker.consumer.desk.join(batch)
    worker.finish(*batch)
    [successor] = worker.start()
    event = Mock()
    successor.entry.keep((event,))
    worker.finish(successor)
    refused = worker.consumer._refused_outcomes
    refused.refused(successor.entry, OutcomeRefused("INVALID_RECORD", "out", "in[0]@1"))
    worker.lose(OTHER)
    answer.set_result(None)
    await asyncio.gather(*refused._tasks)
    committed = []
    while given := worker.start():
        assert len(given) == 1
        worker.finish(*given)
        committed += worker.commit()
    assert committed == [b"0:0", b"0:1"]


async def test_of_a_batch_that_fails_what_is_acknowledged_already_is_done_again(worker: Worker) -> None:
    """An agent that acknowledges by itself has done so for the first; what it sent for it is held by the last."""
    await worker.take_in(ONE, 0, b"a")
    await worker.take_in(ONE, 1, b"a")
    await worker.take_in(OTHER, 0, b"b")
    first, last = worker.start()
    worker.consumer.desk.join([first, last])
    last.entry.hold(Outcome("out", None, b"0:0", None, None, None))
    first.ack(worker.consumer)
    worker.consumer.desk.fail(last, asyncio.CancelledError())
    assert worker.commit() == []
    again = worker.start()
    assert {message.record.value() for message in again} == {b"0:0", b"1:0"}
    worker.finish(*again)
    worker.finish(*worker.start())
    assert worker.commit() == [b"0:0", b"0:1", b"1:0"]
