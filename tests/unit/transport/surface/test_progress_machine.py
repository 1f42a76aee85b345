"""A log that grows, and a worker that takes it in, gives it up, commits, doubts and dies, in any order.

The model is the log and what the brokers hold: outcomes, and the group's offset with its metadata. At every moment a
record that this progress calls done has exactly one committed outcome, and any other has none.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, cast
from unittest.mock import Mock, patch

import faust
import pytest
from faust.types import TP
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.holes import hole

from streamproc.transport import TransportSettings
from streamproc.transport.flight.entries import FINISHED, Assignment, Entry
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.progress import Progress, decode
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.surface.consumer import Consumer
from streamproc.transport.surface.delivery import Delivery

PARTITIONS = (TP("in", 0), TP("in", 1))
KEYS = (None, b"a", b"b")
#: How far a record gets on its way to an agent.
STAGES = ("arrived", "taken in", "handed over", "started")
VERDICTS = ("committed", "aborted", "in doubt, committed", "in doubt, aborted", "refused", "refused")
partitions = st.sampled_from(PARTITIONS)
#: Which of several, modulo how many there are.
picks = st.integers(0, 7)


@dataclass
class Record:
    """A record of the log, or the news that the reader stands at its end, as librdkafka gives them."""

    tp: TP
    at: int
    name: bytes | None = None
    is_end: bool = False

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.name

    def value(self) -> bytes:
        return b"%d:%d" % (self.tp.partition, self.at)

    def headers(self) -> None:
        return None

    def error(self) -> object:
        return "end" if self.is_end else None


@dataclass
class Log:
    """A partition at the brokers."""

    records: dict[int, Record] = field(default_factory=dict)
    end: int = 0
    base: int = 0
    metadata: str = ""

    @property
    def progress(self) -> Progress:
        return decode(self.base, self.metadata).below(self.end)


@dataclass
class Reader:
    """librdkafka's place in a partition that is assigned."""

    assignment: Assignment
    position: int
    end_told: int | None = None


def run(step: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        step.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


class Machine(RuleBasedStateMachine):
    """One worker, again and again."""

    ordering: str
    consumer: Consumer

    def __init__(self) -> None:
        super().__init__()
        self.logs = {tp: Log() for tp in PARTITIONS}
        #: By the group's coordinator; what was formed in an older one is refused.
        self.generation = 1
        self.outcomes: Counter[bytes] = Counter()
        self.committed: list[bytes] = []

    @initialize(ordering=st.sampled_from(["key", "partition", "unordered"]), metadata=st.sampled_from([4000, 4000, 30]))
    def begin(self, ordering: str, metadata: int) -> None:
        """With room for all progress in an offset's metadata, or for so little that much of it must wait."""
        self.ordering = ordering
        self.limit = patch("streamproc.transport.flight.progress.METADATA_LIMIT", metadata)
        self.limit.start()
        self.start_worker()

    def start_worker(self) -> None:
        app = faust.App("machine", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
        cast(Any, app.transport).settings = TransportSettings(ordering=cast(Any, self.ordering))
        cast(Any, app.transport).on_refused = Mock()  # so that deliveries are kept for it
        self.consumer = cast(Consumer, app.consumer)
        self.due: list[Callable[[], None]] = []
        self.consumer._cycle = Mock(after_this=lambda call: self.due.append(call) if self.batch else call())
        self.ledger = self.consumer.ledger
        self.readers: dict[TP, Reader] = {}
        #: Taken from librdkafka, on the way to the event loop.
        self.arriving: list[tuple[Assignment, Record, int]] = []
        #: Handed over, in the agents' queue.
        self.queue: list[Delivery] = []
        self.started: list[Delivery] = []
        #: Their outcome was refused, and on_refused has yet to send another.
        self.refused: list[Delivery] = []
        self.batch: Batch | None = None
        for tp in PARTITIONS:
            self.assign(tp)

    # -- what happens, in a few rules: hypothesis leaves some of them out for a whole run, and all of it must go on

    @rule(
        tp=partitions,
        keys=st.lists(st.sampled_from(KEYS), max_size=4),
        gap=st.integers(0, 2),
        polled=st.integers(0, 6),
        then=st.sampled_from((*STAGES, "started", "started")),
        finished=st.integers(0, 5),
        pick=picks,
    )
    def work(
        self, tp: TP, keys: list[bytes | None], gap: int, polled: int, then: str, finished: int, pick: int
    ) -> None:
        self.publish(tp, keys, gap)
        self.poll(tp, polled)
        self.pass_on(then, 8)
        self.finish(finished, pick)

    @rule(verdict=st.sampled_from([None, *VERDICTS]), records=st.sampled_from([math.inf, 1, 3]), pick=picks)
    def transact(self, verdict: str | None, records: float, pick: int) -> None:
        """Form a transaction, or have the one that is under way end; None: it stays under way."""
        if self.batch is None:
            self.batch = self.ledger.form(b"%d" % self.generation, records)
        if self.batch is not None and verdict is not None:
            self.book(verdict, pick)

    @rule(tp=partitions, kind=st.sampled_from(["drain", "drain", "drain", "give up", "lose", "die", "die committed"]))
    def rebalance(self, tp: TP, kind: str) -> None:
        """A drain begins; or it is over, and the partition goes away for long or comes back at once; or kill -9."""
        if kind.startswith("die"):
            # A commit that was sent may have arrived.
            if self.batch is not None and kind == "die committed" and not self.stale:
                self.take_effect(self.batch)
            self.generation += 1
            self.start_worker()
        elif tp not in self.readers:
            self.assign(tp)
        elif kind == "drain" and not self.readers[tp].assignment.draining:
            self.readers[tp].assignment.drain()
        else:
            self.give_up(tp)
            if kind != "lose":
                self.assign(tp)

    @precondition(lambda self: self.started)
    @rule(pick=picks)
    def fail(self, pick: int) -> None:
        """The agent gives an event up: it is delivered again."""
        self.consumer.desk.fail(self.started.pop(pick % len(self.started)), asyncio.CancelledError())

    @rule(size=st.integers(2, 4))
    def take_as_a_batch(self, size: int) -> None:
        """An agent's `take`: what it sends belongs to all of these."""
        alone = [message for message in self.started if message.current and message.entry.joint is None]
        self.consumer.desk.join(alone[-size:])

    @precondition(lambda self: self.refused)
    @rule(pick=picks)
    def replace(self, pick: int) -> None:
        """Another outcome is sent in the place of a refused one."""
        message = self.refused.pop(pick % len(self.refused))
        if message.current:
            self.send(message)
            self.ledger.finish(message.entry)

    # -- the log

    def publish(self, tp: TP, keys: list[bytes | None], gap: int) -> None:
        """Records, and behind them markers, or others that were aborted or compacted away."""
        log = self.logs[tp]
        for key in keys:
            log.records[log.end] = Record(tp, log.end, key)
            log.end += 1
        log.end += gap

    # -- a partition's assignment, by the poll thread

    def assign(self, tp: TP) -> None:
        progress = self.logs[tp].progress
        assignment = Assignment(tp, progress)
        self.readers[tp] = Reader(assignment, progress.base)
        self.ledger.add(assignment)

    def give_up(self, tp: TP) -> None:
        assignment = self.readers.pop(tp).assignment
        assignment.give_up()
        self.generation += 1
        self.consumer.rebalance.lost([assignment])
        self.consumer.inbox._steps.clear()  # news for Faust

    # -- from librdkafka to the agents

    def poll(self, tp: TP, count: int) -> None:
        """Take records from librdkafka, and the news of the log's end behind the last one."""
        if tp not in self.readers:
            return
        reader, log = self.readers[tp], self.logs[tp]
        for _ in range(count):
            while reader.position < log.end and reader.position not in log.records:
                reader.position += 1
            if reader.position < log.end:
                self.arriving.append((reader.assignment, log.records[reader.position], 10))
                reader.position += 1
        if reader.position == log.end != reader.end_told:
            reader.end_told = log.end
            self.arriving.append((reader.assignment, Record(tp, log.end, is_end=True), 0))

    def pass_on(self, then: str, count: int) -> None:
        """Let what has arrived go as far as this."""
        stage = STAGES.index(then)
        if stage >= 1:
            taken, self.arriving = self.arriving[:count], self.arriving[count:]
            run(self.consumer.inbox.admit(cast(Any, taken)))
        if stage >= 2:
            self.consumer.inbox.hand_over(self.deliver, self.consumer.desk)
        if stage >= 3:
            self.started += [message for message in self.queue[:count] if message.entry.start(message)]
            self.queue = self.queue[count:]

    def deliver(self, message: Delivery) -> None:
        message.refcount = 1
        self.queue.append(message)

    def finish(self, count: int, pick: int) -> None:
        for _ in range(min(count, len(self.started))):
            message = self.started.pop(pick % len(self.started))
            if message.current:
                self.send(message)
            message.ack(self.consumer)

    def send(self, message: Delivery) -> None:
        # What an agent sends for a batch is held by the batch's last event. (In the order of partitions nothing keeps
        # these batches from overtaking each other mutually, so that what each sends as a whole has no order.)
        shared = message.entry.joint if self.ordering != "partition" else None
        holder = shared[-1] if shared else message.entry
        holder.hold(Outcome("out", message.key, message.record.value(), None, None, None))

    # -- transactions

    @property
    def stale(self) -> bool:
        return self.batch is not None and self.batch.metadata != b"%d" % self.generation

    def take_effect(self, batch: Batch) -> None:
        for assignment, offer in batch.offers:
            log = self.logs[assignment.tp]
            log.base, log.metadata = offer.progress.base, offer.metadata
        for _, outcome in batch.outcomes:
            self.outcomes[cast(bytes, outcome.value)] += 1
            self.committed.append(cast(bytes, outcome.value))
        done = {(assignment, offset) for assignment, offer in batch.offers for offset in offer.finished}
        shared = [one for entry, _ in batch.outcomes for one in entry.joint or ()]
        assert all((entry.assignment, entry.offset) in done for entry in shared), "torn"

    def book(self, verdict: str, pick: int = 0) -> None:
        batch, self.batch, stale = cast(Batch, self.batch), None, self.stale
        if verdict == "committed" and not stale:
            self.take_effect(batch)
            self.ledger.settle(batch)
        elif verdict.startswith("in doubt"):
            if verdict == "in doubt, committed" and not stale:
                self.take_effect(batch)
            told = {assignment.tp: self.logs[assignment.tp].progress for assignment, _ in batch.offers}
            self.ledger.adopt(told, batch)
        elif verdict == "refused" and batch.outcomes:
            if batch.one_by_one:
                guilty, _ = batch.outcomes[pick % len(batch.outcomes)]
                self.refuse(guilty)
            else:
                self.ledger.suspect([entry for entry, _ in batch.outcomes])
        for call in self.due:
            call()
        self.due.clear()

    def refuse(self, entry: Entry) -> None:
        together = list(entry.joint or [entry])
        self.ledger.part(entry)
        for one in together:
            if one.live and one.state is FINISHED:
                self.ledger.refuse(one, replacing=True)
                self.refused.append(one.message)

    # -- what must hold

    @invariant()
    def what_is_done_has_exactly_one_outcome(self) -> None:
        for log in self.logs.values():
            progress = log.progress
            for offset, record in log.records.items():
                found = self.outcomes[record.value()]
                assert found == progress.is_done(offset), f"{record}: {found} outcomes, {progress}"

    @invariant()
    def nothing_overtakes(self) -> None:
        last: defaultdict[object, int] = defaultdict(lambda: -1)
        for value in self.committed:
            partition, offset = map(int, value.split(b":"))
            key = self.logs[TP("in", partition)].records[offset].name
            if self.ordering == "partition" or (self.ordering == "key" and key is not None):
                place = (partition, key if self.ordering == "key" else None)
                assert last[place] < offset
                last[place] = offset

    def teardown(self) -> None:
        """Left in peace, the worker gets everything done; partitions that drain have been given up."""
        if not hasattr(self, "consumer"):
            return
        try:
            self.come_to_rest()
        finally:
            self.limit.stop()

    def come_to_rest(self) -> None:
        if self.batch is not None:
            self.book("aborted")
        for tp in PARTITIONS:
            if tp in self.readers and self.readers[tp].assignment.draining:
                self.give_up(tp)
            if tp not in self.readers:
                self.assign(tp)
        while self.refused:
            self.replace(0)
        busy = True
        while busy:
            for tp in PARTITIONS:
                self.poll(tp, 1000)
            self.pass_on("started", 1000)
            self.finish(1000, 0)
            self.batch = self.ledger.form(b"%d" % self.generation)
            busy = self.batch is not None or bool(self.consumer.inbox._ready)
            if self.batch is not None:
                self.book("committed")
        self.what_is_done_has_exactly_one_outcome()
        self.nothing_overtakes()
        for log in self.logs.values():
            assert replace(log.progress, stream=None) == Progress.at(log.end)
        for reader in self.readers.values():
            assert not any(entry.state is not FINISHED for entry in reader.assignment.entries.values())


@hole("A")
@pytest.mark.timeout(3_600)
class TestProgress(Machine.TestCase):  # type: ignore[misc,valid-type]
    """Runs the machine."""

    settings = settings(max_examples=3 * settings().max_examples, stateful_step_count=60)
