"""Which changelogs hold the state of a source partition's events; and that there are such changelogs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import faust
from faust.types import TP

from streamproc.transport.errors import TransportError
from streamproc.transport.flight.state.restored import Changelog
from streamproc.transport.flight.state.store import Store
from streamproc.transport.kafka.topics import Topics
from streamproc.transport.surface.tables.replaying import replay_of
from streamproc.transport.surface.tables.stores import place_of
from streamproc.transport.surface.tables.table import Table

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
        #: What agents read,
        self._read = {name for agent in app.agents.values() for name in getattr(agent.channel, "topics", ())}
        #: and topics whose events use no table.
        self._apart = {f"{self._conf.id}-__assignor-__leader", self._conf.reply_to}
        self._apart |= {table.changelog_topic_name for table in self._tables}

    def prepare(self) -> None:
        """Make the changelogs that are not there yet, and look at those that are. Blocks.

        Raises:
            TransportError: the brokers refuse; a changelog is missing that the app may not create; or one forgets.
        """
        for table in self._tables:
            if self._topics.look_up(table.changelog_topic_name) is None:
                self._create(table)
            else:
                self._check(table.changelog_topic_name)

    def changelogs(self, tp: TP) -> Sequence[Changelog]:
        """Those with the state of a partition, of all tables that its events could use. From any thread; may block.

        Nobody knows which tables that will be before one of them does.
        """
        if tp.topic in self._apart:
            return []
        return [
            Changelog(
                table.name,
                TP(table.changelog_topic_name, tp.partition),
                partial(self._open_store, table, tp),
                replay_of(table, TP(table.changelog_topic_name, tp.partition), self._loop),
                place_of(table, tp),
            )
            for table in self._tables
            if table.source in (None, tp.topic)
            and self._topics.partitions(tp.topic) == self._topics.partitions(table.changelog_topic_name)
        ]

    def all_changelogs(self) -> list[Changelog]:
        """Those of all partitions, each once. Blocks."""
        found: dict[TP, Changelog] = {}
        for name in sorted(self._read - self._apart):
            for partition in range(self._topics.partitions(name) or 0):
                for changelog in self.changelogs(TP(name, partition)):
                    found.setdefault(changelog.tp, changelog)
        return list(found.values())

    def _partitions_of_sources(self) -> int | None:
        """How many partitions the topics have that agents read, where all have as many."""
        counts = {self._topics.partitions(name) for name in self._read - self._apart}
        return counts.pop() if len(counts) == 1 else None

    def _create(self, table: Table) -> None:
        name, topic = table.changelog_topic_name, table.changelog_topic
        if not self._conf.topic_allow_declare:
            raise TransportError(
                f"The changelog {name!r} is missing, and topic_allow_declare is off: create it, with as many "
                "partitions as the topic whose events use the table, and with cleanup.policy=compact"
            )
        # What is not compacted must be kept for ever: it is all that there is of the state.
        config: dict[str, Any] = {} if topic.compacting else {"retention.ms": -1}
        self._topics.create(
            name,
            topic.partitions or self._partitions_of_sources() or self._conf.topic_partitions,
            topic.replicas or self._conf.topic_replication_factor,
            config=config | dict(topic.config or {}),
            compacting=topic.compacting,
            deleting=topic.deleting,
        )
