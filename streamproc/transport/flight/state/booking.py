"""What the state of events adds to a transaction: who must come with whom, and the records of the changelogs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.flight.state.access import Place, TableAccess
from streamproc.transport.flight.state.versions import Version


def too_early(accesses: Iterable[TableAccess]) -> set[TableAccess]:
    """Of these, in a transaction, those that have read or replaced what is neither in it nor committed."""
    chosen: set[TableAccess] = set()
    early: set[TableAccess] = set()
    # In the order of their ends each comes behind all that it depends on.
    for access in sorted(accesses, key=attrgetter("seq")):
        if all(earlier.booked or earlier in chosen for earlier in access.after):
            chosen.add(access)
        else:
            early.add(access)
    return early


def followers(accesses: Iterable[TableAccess]) -> list[tuple[Any, Any]]:
    """Of a transaction's events, pairs of two topics where the second has read or replaced what the first wrote."""
    return [
        (earlier.entry, access.entry)
        for access in accesses
        for earlier in access.after
        if not earlier.booked
        and earlier.entry.assignment is not access.entry.assignment
        and not (earlier.entry.is_timer or access.entry.is_timer)
    ]


def changelog_of(accesses: Sequence[TableAccess]) -> list[tuple[Any, Outcome]]:
    """The records that a transaction writes to changelogs, with the events that answer for them.

    ``accesses``: in the order of their ends, which is that of the changelog: a later one may lie at a lower offset.
    Of a plain table's key only the last record is written.
    """
    last: dict[Place, tuple[Any, bytes | None]] = {}
    every: list[tuple[Any, Outcome]] = []
    for access in accesses:
        for version in access.versions:
            table = version.table
            if table.plain and version.written.records is None:
                # Most of all records: made once they are known to be the last ones.
                last[table, version.key] = access.entry, version.written.value
                continue
            for key, value in version.records:
                every.append((access.entry, Outcome(table.changelog, key, value, table.partition, None, None)))
    changed = [
        (entry, Outcome(table.changelog, key, value, table.partition, None, None))
        for (table, key), (entry, value) in last.items()
    ]
    return changed + every


def book(accesses: Iterable[TableAccess]) -> None:
    """These are committed, in the order of their ends: the stores get what they have written.

    Raises:
        Exception: a store cannot take it.
    """
    accesses = list(accesses)
    by_table: dict[Any, list[Version]] = {}
    for access in accesses:
        for version in access.versions:
            by_table.setdefault(version.table, []).append(version)
    for table, versions in by_table.items():
        table.book(versions)
    for access in accesses:
        access.book()
