"""A changelog that is read into its store: for a source partition that waits for it, or for nobody yet."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from faust.types import TP

from streamproc.transport.flight.state.position import ChangelogPosition, Log, Reach, resume
from streamproc.transport.flight.state.restored import Changelog, Restored
from streamproc.transport.flight.state.store import Store, Write

logger = logging.getLogger(__name__)


class RecoveryProgress(NamedTuple):
    """How far a recovery is: offsets, and seconds (None: no estimate yet)."""

    tp: TP
    position: int
    left: int
    seconds_left: float | None


class Standby(NamedTuple):
    """A store that follows its changelog, while the partition is another worker's.

    ``lag``: how many offsets it is behind what is committed, as of a second ago; not every offset is a record.
    """

    store: Store
    lag: int


class SourcePartition:
    """A source partition whose tables are being restored; not it alone is waited for, but all of its tables."""

    def __init__(self, wanted: Callable[[], bool], then: Callable[[Restored], None], waiting: int) -> None:
        self.wanted = wanted
        self.then = then
        self.waiting = waiting
        self.read: dict[Changelog, tuple[Store, Any]] = {}


NOBODY = SourcePartition(lambda: True, lambda _: None, 0)
FOR_EVER = 1 << 62


class Reading:
    """A changelog that is read into its store."""

    def __init__(self, changelog: Changelog, log: Log, partition: SourcePartition) -> None:
        self.changelog = changelog
        self.log = log
        self.partition = partition
        self.store: Store | None = None
        self.reach = Reach(log.first, log.end)
        self.since = log.asked
        self.begun = time.monotonic()
        self.records = 0
        #: When it is said again that somebody else has the store; the one before may just be closing it.
        self.warn_due = time.monotonic() + 1.0
        #: Where it was when somebody last looked.
        self.looked_at = -1
        #: The end as last heard, of a standby.
        self.end = log.end

    def open(self) -> None:
        """Open the store.

        Raises:
            StoreInUse: somebody has it open.
            TransportError: it cannot be opened.
        """
        store = self.changelog.open() if self.store is None else self.store
        self.store = store
        start = resume(store.position, self.log, empty=store.position is None and not len(store))
        if start.rebuild:
            logger.warning("%s: the store is rebuilt from the changelog's start: %s", self.changelog, start.rebuild)
            store.clear()
        self.reach, self.since = Reach(start.offset, self.log.end), start.since

    def take(self, records: list[Write], last: int | None, end: int | None) -> None:
        """Records were read, ``last`` is the last one's offset; ``end``: below it is nothing else, for now."""
        assert self.store is not None
        if last is not None:
            self.reach.records(last)
        if end is not None:
            self.reach.end(end)
        self.records += len(records)
        replay = self.changelog.replay
        self.store.apply(records if replay is None else replay(self.store, records), self.position)

    @property
    def position(self) -> ChangelogPosition:
        """What the store holds. Of a log read to its end, all that was written before the end was asked is known."""
        return ChangelogPosition(self.log.mark, self.reach.position, self.log.asked if self.reach.done else self.since)
