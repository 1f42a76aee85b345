"""What an event reads and writes of tables: optimistically, without locks (Kung and Robinson, 1981).

A read gives the newest finished version and notes it. At the end of its work the event is stale if a version that it
noted is not the newest any more: its work is done again. Else what it has written becomes the newest, at once. So
events take effect one after the other, in the order of their ends, though they are worked on together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, cast

from streamproc.transport.flight.state.versions import Record, TableState, Version, Written

#: A key of a table.
Place = tuple[TableState, bytes]

# What few events need is made when it is needed: thousands of them are in flight.
_NO_TABLES: AbstractSet[TableState] = frozenset()
_NO_DEPENDENTS: Mapping[TableAccess, None] = {}


class TableAccess:
    """The reads and writes of one event, or together those of events that share their outcomes."""

    __slots__ = (
        "after",
        "all_of",
        "booked",
        "dependents",
        "entry",
        "finished",
        "notes",
        "seq",
        "size",
        "stale",
        "versions",
        "writes",
    )

    def __init__(self) -> None:
        self.notes: set[Place] = set()
        #: Tables of which all keys are noted.
        self.all_of = _NO_TABLES
        self.writes: dict[Place, Written] = {}
        #: Something that it has noted is not the newest any more.
        self.stale = False
        #: -- from its end on: the event that stands for all of it,
        self.entry: Any = None
        self.finished = False
        #: when it ended, counted in ends,
        self.seq = 0
        self.versions: Sequence[Version] = ()
        #: their changelog records, in bytes,
        self.size = 0
        #: and what it has read from or replaced, and was not committed then: it may not be committed before that.
        self.after: tuple[TableAccess, ...] = ()
        self.dependents = _NO_DEPENDENTS
        self.booked = False

    # -- at work

    def read(self, table: TableState, key: bytes) -> bytes | None:
        """A key's value for this event: its own, or the newest finished one."""
        place = (table, key)
        own = self.writes.get(place)
        if own is not None:
            return own.value
        if place not in self.notes:
            self.notes.add(place)
            readers = table.readers.get(key)
            if readers is None:
                table.readers[key] = {self}
            else:
                readers.add(self)
        return table.get(key)

    def write(self, table: TableState, key: bytes, value: bytes | None) -> None:
        """Change a key; None: delete it."""
        self.writes[table, key] = Written(value)

    def log(self, table: TableState, key: bytes, value: bytes | None, records: Sequence[Record]) -> None:
        """Change a key of a table whose changelog tells how."""
        own = self.writes.get((table, key))
        self.writes[table, key] = Written(value, (*((own.records or ()) if own else ()), *records))

    def read_all(self, table: TableState) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values, as they are now."""
        self._note_all(table)
        own = {key: written.value for (of, key), written in self.writes.items() if of is table}
        found = [(key, value) for key, value in table.items() if key not in own]
        found += [(key, value) for key, value in own.items() if value is not None]
        return iter(found)

    def count(self, table: TableState) -> int:
        """How many keys there are."""
        self._note_all(table)
        more = 0
        for (of, key), written in self.writes.items():
            if of is table:
                more += (written.value is not None) - (table.get(key) is not None)
        return len(table) + more

    def _note_all(self, table: TableState) -> None:
        self.all_of = self.all_of | {table}
        table.readers_of_all.add(self)

    def take_over(self, other: TableAccess) -> None:
        """What another event has read and written is this one's too."""
        other.forget()
        self.notes |= other.notes
        self.all_of = self.all_of | other.all_of
        self.writes |= other.writes
        self.stale |= other.stale
        for table, key in other.notes:
            table.readers.setdefault(key, set()).add(self)
        for table in other.all_of:
            table.readers_of_all.add(self)

    def overwrites_notes_of(self, other: TableAccess) -> bool:
        """Whether this one's end would make the other stale."""
        return any(place in other.notes or place[0] in other.all_of for place in self.writes)

    def forget(self) -> None:
        """Nobody needs to tell it any more that something it has read is not the newest."""
        for table, key in self.notes:
            readers = table.readers.get(key)
            if readers is not None:
                readers.discard(self)
                if not readers:
                    del table.readers[key]
        for table in self.all_of:
            table.readers_of_all.discard(self)

    # -- at its end, and after it

    def finish(self, entry: Any, seq: int) -> None:
        """The work is done and nothing is stale: what it has written is the newest now."""
        self.forget()
        after: dict[TableAccess, None] = {}
        for table, key in self.notes:
            if (newest := table.newest.get(key)) is not None:
                after[newest.access] = None
        for table in self.all_of:
            after.update((newest.access, None) for newest in table.newest.values())
        versions = []
        size = 0
        for (table, key), written in self.writes.items():
            # Also what it replaces unread: in a later transaction that would come last in the changelog.
            before = table.newest.get(key)
            if before is not None:
                after[before.access] = None
            versions.append(Version(self, table, key, written, before))
            value, records = written
            if records is None:
                size += len(key) + (0 if value is None else len(value))
            else:
                size += sum(len(record) + len(content or b"") for record, content in records)
        for version in versions:
            version.table.put(version)
        self.versions, self.size = versions, size
        for earlier in after:
            if earlier.dependents is _NO_DEPENDENTS:
                earlier.dependents = {self: None}
            else:
                cast(dict[TableAccess, None], earlier.dependents)[self] = None
        self.entry, self.seq, self.finished, self.after = entry, seq, True, tuple(after)

    def withdraw(self) -> list[TableAccess]:
        """It is not committed after all. Returns the finished ones that have read or replaced what it has written."""
        for version in self.versions:
            version.table.take_away(version)
        for earlier in self.after:
            if self in earlier.dependents:
                del cast(dict[TableAccess, None], earlier.dependents)[self]
        dependents, self.dependents = self.dependents, _NO_DEPENDENTS
        self.versions, self.after = (), ()
        return list(dependents)

    def book(self) -> None:
        """It is committed; the stores have its versions."""
        self.booked = True
        # Cut, or each would keep all that came before it, and its event.
        self.entry, self.versions, self.after, self.dependents = None, (), (), _NO_DEPENDENTS
