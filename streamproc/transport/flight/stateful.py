"""Events that read and write tables: what they share, when it counts for others, and how it is undone.

Everything here belongs to the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.entries import FINISHED, Entry, Joint
from streamproc.transport.flight.state.access import TableAccess
from streamproc.transport.flight.state.versions import TableState


class Stateful:
    """The ledger's part that knows of tables."""

    def __init__(self) -> None:
        #: How many accesses have ended: their order, which is that of the changelogs.
        self._ends = 0

    def access(self, entry: Entry, table: TableState | None = None) -> TableAccess:
        """Where an event's reads and writes of tables are noted; events that share their outcomes share this.

        Raises:
            Unsupported: they are of several partitions; or they use this table each for itself.
        """
        joint = entry.joint
        if joint is None:
            if entry.access is None:
                entry.access = TableAccess()
            return entry.access
        if joint.access is None:
            if any(one.assignment is not entry.assignment for one in joint):
                raise Unsupported(
                    "A batch with events of several partitions uses a table, whose state is by partition: give the "
                    "agent isolated_partitions=True, or use the table event by event"
                )
            _keep_apart(joint)
            joint.access = TableAccess()
            for one in joint:
                if one.access is not None:
                    joint.access.take_over(one.access)
                one.access = joint.access
        if table is not None and joint.users.setdefault(table, entry) is not entry:
            raise _together(table)
        return joint.access

    def write_alone(self, entry: Entry) -> bool:
        """As ``write``, of one that shares its outcomes with nobody: most events."""
        access = entry.access
        if access is None:
            return True
        if access.stale:
            return False
        self._ends += 1
        access.finish(entry, self._ends)
        entry.hold_size(access.size)
        return True

    def write(self, entries: Sequence[Entry]) -> bool:
        """The work on these is done, all that share their outcomes: what they have written is the newest now.

        False: it is not, since something that they have read is not the newest any more.

        Raises:
            Unsupported: they have used a table each for itself.
        """
        if (joint := entries[0].joint) is not None and joint.access is None:
            _keep_apart(joint)
        accesses = {one.access: one for one in entries if one.access is not None}
        for access in accesses:
            if access.stale:
                return False
        for access, one in accesses.items():
            self._ends += 1
            access.finish(one, self._ends)
            one.hold_size(access.size)
        return True

    def read_only(self, entry: Entry, access: TableAccess) -> None:
        """The work on this event has raised, and it is skipped: of what it did to tables its reads still count."""
        entry.access = TableAccess()  # its own: those of a batch have shared theirs
        entry.access.notes, entry.access.all_of = set(access.notes), access.all_of
        self._ends += 1
        entry.access.finish(entry, self._ends)

    def withdraw(self, entries: Iterable[Entry]) -> list[Entry]:
        """What these have written to tables is undone, as they are not committed after all.

        Returns the finished events that have read or replaced it.
        """
        dependents: dict[Entry, None] = {}
        for entry in entries:
            access = entry.access
            if access is None or not access.finished:
                continue
            entry.access = None
            if not entry.live:
                continue
            if access.entry is entry:
                entry.hold_size(-access.size)
            for later in access.withdraw():
                if later.entry.live and later.entry.state is FINISHED:
                    dependents[later.entry] = None
        return list(dependents)


def _keep_apart(joint: Joint) -> None:
    """Note who has used which table before these shared their outcomes.

    Raises:
        Unsupported: two have used one.
    """
    for one in joint:
        access = one.access
        if access is None:
            continue
        for table in {place[0] for place in (*access.notes, *access.writes)} | access.all_of:
            if joint.users.setdefault(table, one) is not one:
                raise _together(table)


def _together(table: TableState) -> Unsupported:
    # What they have read is noted for all of them together: two that count at a time would count once.
    return Unsupported(
        f"The table {table.name!r} is used event by event, by an agent or a processor of a stream, and the same events "
        "are taken in batches: use it once they are taken, and let another agent read a topic of its own"
    )
