"""Faust's consumer: delivers records, takes acknowledgements, and forms transactions.

Everything here runs on the event loop. The poll thread brings records and rebalances, the commit thread carries
transactions out; between them go plain data.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import time
import uuid
from asyncio import _get_running_loop as _running_loop  # cheaper than what raises where there is none
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from confluent_kafka import TopicPartition
from faust.app.base import App
from faust.streams import current_event
from faust.tables.manager import TableManager
from faust.transport.consumer import Fetcher as FaustFetcher
from faust.types import TP
from mode import Service

from streamproc.transport.errors import HandlerFailed, TransportError
from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import FINISHED, QUEUED, STARTED, Assignment, Entry
from streamproc.transport.flight.portion import Portion
from streamproc.transport.flight.undo import undo
from streamproc.transport.kafka.committers import Committer, PlainCommitter, TransactionalCommitter
from streamproc.transport.kafka.cycle import Cycle
from streamproc.transport.kafka.offsets import Offsets
from streamproc.transport.kafka.poller import Poller, Records
from streamproc.transport.shared import Shared
from streamproc.transport.surface.checks import check
from streamproc.transport.surface.conductor import Conductor
from streamproc.transport.surface.delivery import Delivery
from streamproc.transport.surface.refused import RefusedOutcomes
from streamproc.transport.surface.report import Report
from streamproc.transport.surface.unanswered import FaustConsumer

logger = logging.getLogger(__name__)

#: The last part of a drain's deadline is for committing what is finished, even if something else never finishes.
_COMMIT_RESERVE_S = 1.0
#: A transaction gets this long when the deadline is over already.
_LAST_TRY_S = 1.0
#: Records handed over before the agents get a turn.
_TURN = 100


def _collect_less() -> None:
    """Let Python's collector of cycles look less often at what is in flight.

    Tens of thousands of events are alive at a time and none of them in a cycle; with the collector's usual thresholds
    a worker spent a fifth of its time looking at them, and at what its imports left behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(max(gc.get_threshold()[0], 50_000), 20, 100)


class Fetcher(FaustFetcher):
    """Faust starts it when streams may flow, and stops it first of all when the worker stops: the time to drain."""

    async def on_stop(self) -> None:
        """Let the agents finish, while they still run, and commit what they finished."""
        consumer = self.app.consumer
        assert isinstance(consumer, Consumer)
        await consumer.drain()
        await super().on_stop()


class Consumer(FaustConsumer):
    """One member of the consumer group."""

    transport: Shared

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings = self.transport.settings_in_force()
        self.ledger = self.transport.ledger
        self._report = Report(cast(App, self.app), self.ledger)
        self._admission = Admission(by_key=self.settings.ordering == "key")
        self._inbox: deque[Callable[[], Awaitable[None]]] = deque()
        self._ready: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        self.transport.crash_soon = self.crash_soon
        self._refused_outcomes = RefusedOutcomes(self.transport, self.ledger, self.crash_soon)
        self._drained = False
        self._crashed_with: BaseException | None = None
        self._closing = False
        self._first_assignment = True
        self._poller: Poller
        self._cycle: Cycle
        self._begun = False

    # -- life

    async def on_start(self) -> None:
        """Check the app, make the producer ready, then start to poll.

        Raises:
            Unsupported: the app uses what this driver cannot carry with its guarantee.
            TransportError: the brokers refuse.
        """
        check(cast(App, self.app))
        self.its_loop = asyncio.get_running_loop()
        settings, servers, group = self.settings, self.transport.servers, self.app.conf.id
        offsets = Offsets(
            settings.client(servers), group, settings.offset_reset, settings.out_of_range, lambda: self._closing
        )
        self._poller = Poller(settings.consumer(servers, group), settings, offsets, self, self.loop)
        if self.in_transaction:
            # A stable id lets a restarted worker end its predecessor's transaction at once; a random one is as right,
            # but the predecessor's transaction then stays open until its timeout.
            name = settings.group_instance_id or uuid.uuid4().hex
            config = settings.producer(servers, f"{group}-{name}")
            committer: Committer = TransactionalCommitter(config, offsets, lambda: self._closing)
        else:
            committer = PlainCommitter(
                settings.producer(servers, None), self._commit_through_consumer, lambda: self._closing
            )
        self._cycle = Cycle(
            self.ledger,
            committer,
            settings.commit_interval,
            lambda: self._poller.generation,
            self._refused_outcomes.refused,
            self.crash_soon,
            self._report,
            Portion(settings.transaction_timeout),
        )
        self.ledger.loose.on_full = self._cycle.soon
        _collect_less()
        self._begun = True
        await self._cycle.open()
        self._poller.start()

    async def drain(self) -> None:
        """Before the agents stop: let them finish what they have, commit it, and give the rest up."""
        if self._drained:
            return
        self._drained = True
        assignments = list(self.ledger.assignments.values())
        deadline = time.monotonic() + (0.0 if self._crashed_with else self.settings.stop_timeout)
        await self.revoked(assignments, deadline)
        while self.ledger.loose:
            await self._cycle.once(timeout=max(_LAST_TRY_S, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                break
        for assignment in assignments:
            self.ledger.drop(assignment)
        if given_up := self.ledger.loose.give_up(TransportError("The worker has stopped: this was not sent")):
            logger.error("%d sends outside events are given up: no transaction took them in time", given_up)

    async def on_stop(self) -> None:
        """Leave the group."""
        if not self._begun:
            return
        await self.drain()
        self._closing = True
        await asyncio.to_thread(self._poller.close, self.settings.drain_timeout + 5.0)
        await self._cycle.close()

    def crash_soon(self, error: BaseException) -> None:
        """Stop the worker with this reason; what is finished is committed on the way down."""
        if self._crashed_with is None and not self._closing:
            self._crashed_with = error
            logger.error("The worker stops: %s", error)
            self.ledger.loose.end(TransportError(f"The worker stops, nothing more is sent: {error}"))
            self._background = asyncio.ensure_future(self.crash(error))

    # -- from the poll thread (Listener)

    def on_records(self, records: Records) -> None:
        """Records arrived."""
        self.loop.call_soon_threadsafe(self._receive, partial(self._admit, records))

    def on_assigned(self, assignments: list[Assignment]) -> None:
        """Partitions are ours."""
        self.loop.call_soon_threadsafe(self._receive, partial(self._assign, assignments))

    def on_lost(self, assignments: list[Assignment]) -> None:
        """Partitions are no longer ours."""
        self.loop.call_soon_threadsafe(self._lose, assignments)

    def on_crash(self, error: BaseException) -> None:
        """The poll thread cannot go on."""
        self.loop.call_soon_threadsafe(self.crash_soon, error)

    async def revoked(self, assignments: list[Assignment], deadline: float) -> None:
        """Let started events finish and commit them, until the deadline; what is not started is given up."""
        for assignment in assignments:
            assignment.drain()
        work_until = deadline - min(_COMMIT_RESERVE_S, (deadline - time.monotonic()) / 4)
        # Looked at a few times in a rebalance, rather than signalled by every acknowledgement.
        while any(a.in_progress() for a in assignments) and time.monotonic() < work_until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        # One transaction may be under way that was formed before the last event finished, and one may be refused for
        # its generation: so until nothing finished is left.
        while any(self._has_finished(assignment) for assignment in assignments):
            await self._cycle.once(timeout=max(_LAST_TRY_S, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(0.01)

    def _has_finished(self, assignment: Assignment) -> bool:
        return assignment.alive and any(e.state is FINISHED for e in assignment.entries.values())

    def _receive(self, step: Callable[[], Awaitable[None]]) -> None:
        self._inbox.append(step)
        self._arrived.set()

    def _lose(self, assignments: list[Assignment]) -> None:
        if assignments:
            self._report.given_up(len(assignments))
        torn = [entry for assignment in assignments for entry in self.ledger.drop(assignment)]
        anew, waiting = undo(torn, self.ledger, self._admission)
        if waiting:
            self._ready = deque(entry for entry in self._ready if entry not in waiting)
        if anew:
            # A transaction that is under way may have them: then its verdict tells whether they are done.
            self._cycle.after_this(partial(self._redo, anew))
        if assignments and not self._drained:
            self._receive(partial(self._assign, []))

    # -- delivery

    @Service.task
    async def _deliver(self) -> None:
        turn = 0
        while not self.should_stop:
            await self._arrived.wait()
            self._arrived.clear()
            conductor, flow = cast(Conductor, self.app.topics), self.app.flow_control
            while self._ready or self._inbox:
                if self._ready:
                    if not flow.is_active():
                        await flow.acquire()
                    turn += self._hand_over(conductor)
                else:
                    await self._inbox.popleft()()
                if turn >= _TURN:
                    turn = 0
                    await asyncio.sleep(0)

    async def _admit(self, records: Records) -> None:
        for assignment, record, size in records:
            # Only the span may pass a record over: it lets nothing behind that record move it.
            if record.error() is not None:
                assignment.span.reach(record.offset() or 0)
            else:
                entry = self._admission.admit(assignment, record, size)
                if entry is not None:
                    self._ready.append(entry)

    def _hand_over(self, conductor: Conductor) -> int:
        """Give Faust what is ready, _TURN at most. Returns how many that were."""
        ready, deliver = self._ready, conductor.deliver
        count = min(len(ready), _TURN)
        for _ in range(count):
            entry = ready.popleft()
            if entry.live and not entry.assignment.draining:
                entry.state = QUEUED
                message = entry.message = Delivery(self, entry)
                deliver(message)
        return count

    async def _assign(self, begun: list[Assignment]) -> None:
        """Tell Faust what is ours now.

        Faust's own handling of a rebalance clears the streams' queues, which drops what is still ours; so it runs
        once, before anything is delivered, and later only the parts that keep the queues.
        """
        for assignment in begun:
            if self._drained:
                assignment.give_up()  # too late for this worker to begin anything
            elif assignment.alive:
                self.ledger.add(assignment)
        tps = self.assignment()
        self.app.on_rebalance_start()
        if self._first_assignment:
            self._first_assignment = False
            await self.on_partitions_assigned(tps, self.app.consumer_generation_id)
            return
        self._set_active_tps(tps)
        app = cast(App, self.app)
        app.unassigned = not tps
        revoked, added = app._update_assignment(tps)
        await self.app.agents.on_rebalance(revoked, added)
        await self.app.topics.on_partitions_assigned(tps)
        if revoked:
            await self.app.on_partitions_revoked.send(revoked)
        await self.app.on_partitions_assigned.send(tps)
        tables = cast(TableManager, app.tables)
        tables.on_actives_ready()
        tables.on_standbys_ready()
        await app.on_rebalance_complete.send()
        self.app.on_rebalance_return()
        self.app.on_rebalance_end()

    # -- acknowledgement

    @property
    def faust_generation(self) -> int:
        """The generation that Faust's own streams take messages of."""
        generation: int = self.app.consumer_generation_id
        return generation

    def ack(self, delivery: Delivery, n: int = 1) -> bool:  # type: ignore[override]  # Faust's takes one of its own
        """``n`` streams are done with the event; after the last one its outcomes may be committed."""
        if _running_loop() is not self.its_loop:
            self.loop.call_soon_threadsafe(self.ack, delivery, n)
            return False
        delivery.refcount -= n
        if delivery.refcount > 0:
            return False
        delivery.acked = True
        entry = delivery.entry
        # One that is released has no message.
        if entry.message is not delivery or not entry.assignment.alive or entry.state is FINISHED:
            return False
        if self.transport.on_refused is None:
            # Nobody asks for them again. Dropped now, they are still in the processor's caches; thousands that wait for
            # their transaction would push everything else out of them, which cost a fifth of the event loop's time.
            entry.events, entry.message = (), None
        self._finish(entry)
        return True

    def _finish(self, entry: Entry) -> None:
        self.ledger.finish(entry)
        joint = entry.joint
        if joint is None:
            self._let_successor_pass(entry)
        else:
            # None of them is committed before all are finished: what came before would be overtaken.
            joint.unfinished -= 1
            if not joint.unfinished:
                for one in joint:
                    self._let_successor_pass(one)
        if self.ledger.finished >= self.settings.commit_every:
            self._cycle.soon()

    def _let_successor_pass(self, entry: Entry) -> None:
        successor = self._admission.successor(entry)
        if successor is not None:
            self._ready.append(successor)
            self._arrived.set()

    def _redo(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.live:
                self._again(entry)
            else:
                self._let_successor_pass(entry)

    def join(self, deliveries: Sequence[Delivery]) -> None:
        """An agent works on these as a batch: what it sends belongs to all of them."""
        self.ledger.join([delivery.entry for delivery in deliveries])

    def fail(self, delivery: Delivery, error: BaseException, together: Sequence[Delivery] = ()) -> None:
        """An agent raised on this event: its outcomes are discarded, and the policy decides what becomes of it.

        ``together``: others that it has raised on. Any of one batch may hold what was sent for the rest of it, which
        is discarded with it: so all of them are done again.
        """
        entry = delivery.entry
        if not delivery.current or entry.state is FINISHED:
            return
        for other in self.ledger.part(entry):
            if other.state in (STARTED, FINISHED) and other.message not in together:
                self.ledger.reopen(other)
                other.fence()
                self._again(other)
        self.ledger.reopen(entry)
        entry.fence()
        if self._crashed_with:
            return
        where = f"{entry.assignment.tp.topic}[{entry.assignment.tp.partition}]@{entry.offset}"
        if isinstance(error, asyncio.CancelledError):
            self._again(entry)
        elif self.settings.on_raise == "skip":
            logger.error("Skipped %s: the agent raised", where, exc_info=error)
            self._finish(entry)
        elif self.settings.on_raise == "retry":
            delay = self.settings.retry_delay(entry.attempts) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            logger.warning("%s: the agent raised; again in %.1f s", where, delay, exc_info=error)
            self.loop.call_later(delay, self._again, entry)
        else:
            logger.error("%s: the agent raised", where, exc_info=error)
            self.crash_soon(HandlerFailed(f"{where}: the agent raised {type(error).__name__}, and on_raise is 'stop'"))

    def _again(self, entry: Entry) -> None:
        entry.events = ()
        self._ready.append(entry)
        self._arrived.set()

    async def on_task_error(self, exc: BaseException) -> None:
        """Faust: an agent's own coroutine raised."""
        event = current_event()
        if event is not None and isinstance(event.message, Delivery):
            self.fail(event.message, exc)

    # -- transactions

    @Service.task
    async def _commit_handler(self) -> None:
        await self._cycle.run(lambda: self.should_stop or self._drained)

    @Service.task
    async def _watch_commits(self) -> None:
        await self._cycle.watch(lambda: self.should_stop)

    def _commit_through_consumer(self, offsets: list[TopicPartition]) -> None:
        self._poller.call(lambda consumer: consumer.commit(offsets=offsets, asynchronous=False)).result(60.0)

    # -- what Faust asks a consumer; the rest of it is in FaustConsumer

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for these topics."""
        await asyncio.wrap_future(self._poller.subscribe(topics))

    def assignment(self) -> set[TP]:
        """The partitions that are ours."""
        return set(self.ledger.assignments)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what is finished, now."""
        await self._cycle.once()
        return True
