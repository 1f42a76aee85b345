"""Faust's consumer: a member of the group, from its start to its stop.

Everything here runs on the event loop. The poll thread brings records and rebalances, the commit thread carries
transactions out; between them go plain data. An event goes down through ``inbox`` to the conductor, and what becomes
of it comes back up at the ``desk``.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from confluent_kafka import TopicPartition
from faust.app.base import App
from faust.streams import current_event
from faust.transport.consumer import Fetcher as FaustFetcher
from faust.types import TP
from mode import Service

from streamproc.transport.errors import TransportError
from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.portion import Portion
from streamproc.transport.flight.state.restored import Restored
from streamproc.transport.kafka.assigning import Restore, no_tables
from streamproc.transport.kafka.bookmarks import Bookmarks
from streamproc.transport.kafka.changelogs import Changelogs
from streamproc.transport.kafka.committers import PlainCommitter, TransactionalCommitter, commit_offsets
from streamproc.transport.kafka.cycle import Cycle
from streamproc.transport.kafka.listener import Records
from streamproc.transport.kafka.offsets import Offsets
from streamproc.transport.kafka.poller import Poller
from streamproc.transport.kafka.producing import Committer
from streamproc.transport.kafka.reading import RecoveryProgress, Standby
from streamproc.transport.kafka.recovering import Recovery
from streamproc.transport.kafka.verdicts import Stopped
from streamproc.transport.shared import Shared
from streamproc.transport.surface.checks import check
from streamproc.transport.surface.delivery import Delivery
from streamproc.transport.surface.desk import LedgerDesk
from streamproc.transport.surface.firing import Firing
from streamproc.transport.surface.inbox import Inbox
from streamproc.transport.surface.process import collect_less
from streamproc.transport.surface.rebalance import LAST_TRY_S, Rebalance
from streamproc.transport.surface.refused import RefusedOutcomes
from streamproc.transport.surface.report import Report
from streamproc.transport.surface.tables.manager import late_topics, tables_of
from streamproc.transport.surface.tables.sources import Sources
from streamproc.transport.surface.tables.stores import open_store
from streamproc.transport.surface.unanswered import FaustConsumer

logger = logging.getLogger(__name__)


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
        self._admission = admission = Admission(by_key=self.settings.ordering == "key")
        #: Carries out timers; None: there are no tables of such.
        self.firing: Firing | None = None
        self._report = Report(cast(App, self.app), self.ledger, lambda: self.transport.on_transaction)
        self.inbox = Inbox(admission)
        self.desk = LedgerDesk(self.app, self.transport, admission, self.inbox, lambda: self._cycle.soon())
        self.rebalance = Rebalance(
            self, self.ledger, admission, self.inbox, self.desk, self._report, lambda: self._cycle
        )
        self.transport.on_crash = self.crash_soon
        self._refused_outcomes = RefusedOutcomes(
            self.transport, self.ledger, self.crash_soon, self.desk.withdraw, self.desk.redo
        )
        self._crashed_with: BaseException | None = None
        self._closing = False
        self._poller: Poller
        self._cycle: Cycle
        self._bookmarks: Bookmarks
        self._recovery: Recovery | None = None
        self._begun = False

    # -- life

    async def on_start(self) -> None:
        """Check the app, make the producer ready, then start to poll.

        Raises:
            Unsupported: the app uses what this driver cannot carry with its guarantee.
            TransportError: the brokers refuse.
        """
        check(cast(App, self.app))
        self.desk.loop = asyncio.get_running_loop()
        self.firing = Firing.of(cast(App, self.app), self.transport, self._admission, self.desk)
        self.inbox.firing = self.firing
        self.ledger.late_topics = late_topics(cast(App, self.app))
        settings, servers, group = self.settings, self.transport.servers, self.app.conf.id
        offsets = Offsets(
            settings.client(servers), group, settings.offset_reset, settings.out_of_range, lambda: self._closing
        )
        restore = await self._restoring(offsets)
        config, until = settings.consumer(servers, group), self.transport.until
        self._poller = Poller(config, settings, offsets, self, self.loop, restore, until)
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
        self._bookmarks = Bookmarks(
            self.ledger.assignments.values,
            offsets.ends,
            self._cycle.after_this,
            lambda: self._crashed_with is None and not self._closing,
        )
        self.ledger.loose.on_full = self._cycle.soon
        if settings.tune_gc:
            collect_less()
        self._begun = True
        try:
            await self._cycle.open()
        except Stopped:
            logger.info("Stopped before any broker was reached")
            return
        self._poller.start()

    async def _restoring(self, offsets: Offsets) -> Restore:
        """How a partition's state comes from the changelogs."""
        tables = tables_of(self.app)
        if tables is None:
            return no_tables
        config = self.settings.client(self.transport.servers)
        changelogs = Changelogs(config, offsets.describe, lambda: self._closing)
        app, loop = cast(App, self.app), asyncio.get_running_loop()
        sources = Sources(app, self.transport.topics, changelogs.check, open_store, loop)
        await asyncio.to_thread(sources.prepare)
        standby = self.settings.standby == "all"
        self._recovery = recovery = Recovery(
            config, changelogs.describe, changelogs.mark, self.on_crash, lambda: self._closing, standby=standby
        )
        if standby:
            recovery.follow(await asyncio.to_thread(sources.all_changelogs))

        def restore(tps: Sequence[TP], wanted: Callable[[], bool], then: Callable[[Restored], None]) -> None:
            recovery.restore(sources.changelogs(tps), wanted, then)

        return restore

    async def drain(self) -> None:
        """Before the agents stop: let them finish what they have, commit it, give the rest up, and leave the group.

        The partitions are nobody's until the group knows: it is told before anything else of the worker is stopped.
        """
        if self.rebalance.over:
            return
        self.rebalance.over = True
        assignments = list(self.ledger.assignments.values())
        deadline = time.monotonic() + (0.0 if self._crashed_with else self.settings.stop_timeout)
        await self.revoked(assignments, deadline)
        while self.ledger.loose:
            await self._cycle.once(timeout=max(LAST_TRY_S, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                break
        for assignment in assignments:
            self.ledger.drop(assignment)
        if given_up := self.ledger.loose.give_up(TransportError("The worker has stopped: this was not sent")):
            logger.error("%d sends outside events are given up: no transaction took them in time", given_up)
        await self._leave()

    async def _leave(self) -> None:
        """Leave the group."""
        if self._closing or not self._begun:
            return
        self._closing = True
        if self.firing is not None:
            self.firing.stop()
        await asyncio.to_thread(self._poller.close, self.settings.drain_timeout + 5.0)

    async def on_stop(self) -> None:
        """Leave the group, and close the producer."""
        if not self._begun:
            return
        await self.drain()
        await self._leave()  # where the drain was cut short
        await self._cycle.close()

    def crash_soon(self, error: BaseException) -> None:
        """Stop the worker with this reason; what is finished is committed on the way down."""
        if self._crashed_with is None and not self._closing:
            self._crashed_with = error
            self.desk.closing = True
            logger.error("The worker stops: %s", error)
            self.ledger.loose.end(TransportError(f"The worker stops, nothing more is sent: {error}"))
            self._background = asyncio.ensure_future(self.crash(error))

    @property
    def recovering(self) -> list[RecoveryProgress]:
        """Partitions of changelogs that are read before their source's partitions are worked on. From any thread."""
        return [] if self._recovery is None else self._recovery.progress

    @property
    def standbys(self) -> dict[TP, Standby]:
        """What this worker keeps of partitions that are others', by the changelog's partition. From any thread."""
        return {} if self._recovery is None else self._recovery.standbys

    # -- from the poll thread (Listener)

    def on_records(self, records: Records) -> None:
        """Records arrived."""
        self.loop.call_soon_threadsafe(self.inbox.receive, partial(self.inbox.admit, records))

    def on_assigned(self, assignments: list[Assignment]) -> None:
        """Partitions are ours."""
        self.loop.call_soon_threadsafe(self.inbox.receive, partial(self.rebalance.assigned, assignments))

    def on_lost(self, assignments: list[Assignment]) -> None:
        """Partitions are no longer ours."""
        self.loop.call_soon_threadsafe(self.rebalance.lost, assignments)

    def on_crash(self, error: BaseException) -> None:
        """The poll thread cannot go on."""
        self.loop.call_soon_threadsafe(self.crash_soon, error)

    async def revoked(self, assignments: list[Assignment], deadline: float) -> None:
        """Let started events finish and commit them, until the deadline; what is not started is given up."""
        await self.rebalance.revoked(assignments, deadline)

    # -- delivery

    @Service.task
    async def _deliver(self) -> None:
        await self.inbox.run(self.app, self.desk, lambda: self.should_stop)

    async def on_task_error(self, exc: BaseException) -> None:
        """Faust: an agent's own coroutine raised."""
        event = current_event()
        if event is not None and isinstance(event.message, Delivery):
            self.desk.fail(event.message, exc)

    # -- transactions

    @Service.task
    async def _commit_handler(self) -> None:
        await self._cycle.run(lambda: self.should_stop or self.rebalance.over)

    @Service.task
    async def _note_positions(self) -> None:
        await self._bookmarks.run(lambda: self.should_stop or self.rebalance.over)

    @Service.task
    async def _fire_timers(self) -> None:
        if self.firing is not None:
            await self.firing.run(lambda: self.should_stop or self.rebalance.over)

    @Service.task
    async def _watch_commits(self) -> None:
        await self._cycle.watch(lambda: self.should_stop)

    def _commit_through_consumer(self, offsets: list[TopicPartition]) -> None:
        self._poller.call(lambda consumer: commit_offsets(consumer, offsets)).result(60.0)

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
