"""One table for the events of one source partition: what is committed, and over it what is finished and not committed.

Everything here belongs to the event loop, from the partition's assignment on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol
from zlib import crc32

from streamproc.transport.flight.state.due import DueOf, DueTimes
from streamproc.transport.flight.state.restored import Restored
from streamproc.transport.flight.state.store import MemoryStore, Store

#: A changelog's: key and value.
Record = tuple[bytes, bytes | None]


class Written(NamedTuple):
    """What an event has made of a key."""

    #: None: it is deleted.
    value: bytes | None
    #: What the changelog says; None: the key and the value themselves.
    records: tuple[Record, ...] | None = None


class Reader(Protocol):
    """Who notes what it reads."""

    stale: bool


class Version:
    """What a finished event has made of a key, from the end of its work until it is committed or undone."""

    __slots__ = ("access", "before", "gone", "key", "table", "written")

    def __init__(self, access: Any, table: TableState, key: bytes, written: Written, before: Version | None) -> None:
        self.access = access
        self.table = table
        self.key = key
        self.written = written
        #: The version that it replaced.
        self.before = before
        #: Committed, so that the store has it; or undone.
        self.gone = False

    @property
    def records(self) -> tuple[Record, ...]:
        """What the changelog gets."""
        records = self.written.records
        return ((self.key, self.written.value),) if records is None else records


class TableState:
    """What events read and write of one table, whose changelog partition is that of their source.

    Invariant: readers of a key are those events at work that have noted its newest version. Whatever changes the newest
    version makes all of them stale.
    """

    def __init__(
        self,
        name: str,
        changelog: str,
        partition: int,
        store: Store,
        *,
        plain: bool = True,
        due_of: DueOf | None = None,
        by_clock: bool = False,
    ) -> None:
        """``plain``: of a key only the last record of a transaction needs to be in the changelog.

        ``due_of``: when a key is due, of a table of timers or windows; ``by_clock``: by the clock.
        """
        self.name = name
        self.changelog = changelog
        self.partition = partition
        self.store = store
        self.plain = plain
        self.due = None if due_of is None else DueTimes(due_of, store.items())
        self.by_clock = by_clock
        self.checksum = crc32(name.encode())
        #: The topics of which events have used it.
        self.users: set[str] = set()
        self.newest: dict[bytes, Version] = {}
        self.readers: dict[bytes, set[Reader]] = {}
        #: Those that have noted all keys.
        self.readers_of_all: set[Reader] = set()

    def get(self, key: bytes) -> bytes | None:
        """The newest finished value of a key."""
        version = self.newest.get(key)
        return self.store.get(key) if version is None else version.written.value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """The newest finished value of each key. Nothing changes while this is iterated over."""
        newest = self.newest
        for key, value in self.store.items():
            if key not in newest:
                yield key, value
        for key, version in newest.items():
            if version.written.value is not None:
                yield key, version.written.value

    def __len__(self) -> int:
        store, more = self.store, 0
        for key, version in self.newest.items():
            more += (version.written.value is not None) - (store.get(key) is not None)
        return len(store) + more

    def put(self, version: Version) -> None:
        """A version is finished."""
        self.newest[version.key] = version
        self._overtake(version.key)

    def take_away(self, version: Version) -> None:
        """A version is undone; those over it will be, before anything else is read."""
        version.gone = True
        newest = self.newest.get(version.key)
        while newest is not None and newest.gone:
            newest = newest.before
        if newest is None:
            self.newest.pop(version.key, None)
        else:
            self.newest[version.key] = newest
        self._overtake(version.key)

    def book(self, versions: Iterable[Version]) -> None:
        """These are committed, in the order of their end: the store gets them, all or none.

        Raises:
            Exception: the store cannot take them.
        """
        versions = list(versions)
        self.store.apply([(version.key, version.written.value) for version in versions])
        if self.due is not None:
            for version in versions:
                self.due.note(version.key, version.written.value)
        for version in versions:
            version.gone = True
            version.before = None  # else a key that is written all the time would keep all that it ever was
            if self.newest.get(version.key) is version:
                del self.newest[version.key]

    def close(self) -> None:
        """The partition is not ours any more; who still works on its events finds nothing."""
        self.store = MemoryStore()
        self.due = None
        self.newest.clear()
        self.readers.clear()
        self.readers_of_all.clear()

    def _overtake(self, key: bytes) -> None:
        for reader in self.readers.pop(key, ()):
            reader.stale = True
        for reader in self.readers_of_all:
            reader.stale = True
        self.readers_of_all.clear()


def states_of(restored: Restored) -> dict[str, TableState]:
    """What events make of the tables whose stores these are, by table."""
    return {
        changelog.table: TableState(
            changelog.table,
            changelog.tp.topic,
            changelog.tp.partition,
            store,
            plain=changelog.replay is None,
            due_of=changelog.due_of,
            by_clock=changelog.by_clock,
        )
        for changelog, (store, _) in restored.changelogs.items()
    }
