"""Which changelogs hold the state of a source partition's events; and that there are such changelogs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import faust
from faust.types import TP

from streamproc.transport.errors import TransportError, Unsupported
from streamproc.transport.flight.state.restored import Changelog
from streamproc.transport.flight.state.store import Store
from streamproc.transport.kafka.topics import Topics
from streamproc.transport.surface.tables.replaying import replay_of
from streamproc.transport.surface.tables.stores import place_of
from streamproc.transport.surface.tables.table import Table
from streamproc.transport.surface.tables.usage import Usage

#: A topic that was just made is known everywhere so many seconds later; how often that is looked at.
_HEARD_OF_S = 30.0
_LOOK_S = 0.1

#: Opens a table's store for a partition of a source topic; raises what ``Changelog.open`` does.
OpenStore = Callable[[Table, TP], Store]


class Sources:
    """The tables of an app, and the topics whose events may use them."""

    def __init__(
        self,
        app: faust.App,
        topics: Topics,
        check: Callable[[str], None],
        open_store: OpenStore,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """``check``: looks at a changelog that is there; blocks, raises TransportError. ``loop``: the app's."""
        self._conf: Any = app.conf
        self._topics = topics
        self._check = check
        self._open_store = open_store
        self._loop = loop
        self._tables = [table for table in app.tables.values() if isinstance(table, Table)]
        self._usage = Usage(app)
        #: Topics whose events use no table.
        self._apart = {f"{self._conf.id}-__assignor-__leader", self._conf.reply_to}
        self._apart |= {table.changelog_topic_name for table in self._tables}

    def prepare(self) -> None:
        """Make the changelogs that are not there yet, and look at those that are. Blocks.

        Raises:
            TransportError: the brokers refuse; a changelog is missing that the app may not create; or one forgets.
            Unsupported: topics share a table that the group does not keep together; or one has not as many partitions.
        """
        for table in self._tables:
            table.use(*self._usage.certain.get(table.name, ()))
            # Others join it behind a group_by, or before that: these, or topics that are not there yet.
            if others := self._usage.passing_on.get(table.name, set()) - table.sources:
                table.check_together(table.sources | others)
            if self._topics.look_up(table.changelog_topic_name) is None:
                self._create(table)
            else:
                self._check(table.changelog_topic_name)
            if table.windows is not None and table.windows.grace is not None:
                self._prepare_late(table, table.windows.late_topic)
            for topic in sorted(table.sources):
                # One that is not there yet is the subscription's to tell of.
                if self._topics.partitions(topic) is not None and not self._fits(table, topic):
                    raise Unsupported(table.why_not(TP(topic, 0)))

    def changelogs(self, tps: Sequence[TP]) -> Sequence[Changelog]:
        """Those with the state of partitions that share tables, of all that their events could use.

        From any thread; may block. Whatever the agents' code tells, nobody knows which tables that will be before one
        of their events uses one.
        """
        found = []
        for table in self._tables:
            users = [tp for tp in sorted(tps) if self._may_use(table, tp.topic) and self._fits(table, tp.topic)]
            if users:
                changelog = TP(table.changelog_topic_name, users[0].partition)
                store = partial(self._open_store, table, users[0])
                replay = replay_of(table, changelog, self._loop)
                place = place_of(table, users[0])
                found.append(Changelog(table.name, changelog, store, replay, place, table.due_of, table.by_clock))
        return found

    def _may_use(self, table: Table, topic: str) -> bool:
        if topic in self._apart:
            return False
        if not table.sources:
            return self._usage.may_be(table.name, topic)
        known = not table.sources <= self._usage.read  # which of the topics in between it is
        return topic in table.sources or (not known and self._usage.may_be_passed_on(table.name, topic))

    def _fits(self, table: Table, topic: str) -> bool:
        return self._topics.partitions(topic) == self._topics.partitions(table.changelog_topic_name)

    def all_changelogs(self) -> list[Changelog]:
        """Those of all partitions, each once. Blocks."""
        found: dict[TP, Changelog] = {}
        for name in sorted(self._usage.read - self._apart):
            for partition in range(self._topics.partitions(name) or 0):
                for changelog in self.changelogs([TP(name, partition)]):
                    found.setdefault(changelog.tp, changelog)
        return list(found.values())

    def _partitions_of_sources(self, table: Table) -> int | None:
        """How many partitions the topics have whose events use it, or that agents read, where all have as many."""
        counts = {self._topics.partitions(name) for name in table.sources or self._usage.read - self._apart}
        return counts.pop() if len(counts) == 1 else None

    def _prepare_late(self, table: Table, name: str) -> None:
        """Make the topic of a table's late events, if it is not there yet."""
        if self._topics.look_up(name) is not None:
            return
        if not self._conf.topic_allow_declare:
            raise TransportError(
                f"The topic {name!r} of events that come too late for windows is missing, and topic_allow_declare "
                f"is off: create it, with as many partitions as {table.changelog_topic_name!r}"
            )
        partitions = self._topics.partitions(table.changelog_topic_name) or self._conf.topic_partitions
        self._topics.create(name, partitions, table.changelog_topic.replicas or self._conf.topic_replication_factor)

    def _create(self, table: Table) -> None:
        name, topic = table.changelog_topic_name, table.changelog_topic
        if not self._conf.topic_allow_declare:
            raise TransportError(
                f"The changelog {name!r} is missing, and topic_allow_declare is off: create it, with as many "
                "partitions as the topic whose events use the table, and with cleanup.policy=compact"
            )
        # What is not compacted must be kept for ever: it is all that there is of the state.
        config: dict[str, Any] = {} if topic.compacting else {"retention.ms": -1}
        partitions = topic.partitions or self._partitions_of_sources(table) or self._conf.topic_partitions
        self._topics.create(
            name,
            partitions,
            topic.replicas or self._conf.topic_replication_factor,
            config=config | dict(topic.config or {}),
            compacting=topic.compacting,
            deleting=topic.deleting,
        )
        give_up = time.monotonic() + _HEARD_OF_S
        while self._topics.look_up(name) is None:
            # The broker that is asked may not have heard of it yet.
            if time.monotonic() > give_up:
                raise TransportError(f"The changelog {name!r} was created, and no broker knows it")
            time.sleep(_LOOK_S)
