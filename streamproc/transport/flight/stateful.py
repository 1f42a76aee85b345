"""Events that read and write tables: what they share, when it counts for others, and how it is undone.

Everything here belongs to the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.entries import FINISHED, Entry
from streamproc.transport.flight.state.access import TableAccess


class Stateful:
    """The ledger's part that knows of tables."""

    def __init__(self) -> None:
        #: How many accesses have ended: their order, which is that of the changelogs.
        self._ends = 0

    def access(self, entry: Entry) -> TableAccess:
        """Where an event's reads and writes of tables are noted; events that share their outcomes share this.

        Raises:
            Unsupported: they are of several partitions.
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
            joint.access = TableAccess()
            for one in joint:
                if one.access is not None:
                    joint.access.take_over(one.access)
                one.access = joint.access
        return joint.access

    def write(self, entries: Sequence[Entry]) -> bool:
        """The work on these is done, all that share their outcomes: what they have written is the newest now.

        False: it is not, since something that they have read is not the newest any more.
        """
        accesses = {one.access: one for one in entries if one.access is not None}
        for access in accesses:
            if access.stale:
                return False
        for access, one in accesses.items():
            self._ends += 1
            access.finish(one, self._ends)
            one.hold_size(access.size)
        return True

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
