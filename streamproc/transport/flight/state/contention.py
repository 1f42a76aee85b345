"""Events that are stale again and again, because others are always faster: of each partition one is let through."""

from __future__ import annotations

from typing import Any

from streamproc.transport.flight.state.access import TableAccess

#: How often an event may be stale before no other may make it so.
PATIENCE = 3


class Contention:
    """One partition's. The privileged event ends: whatever would overwrite what it has read waits for its end.

    No event waits for another to begin with, and the privileged one waits for none: there is no circle of waiting.
    """

    def __init__(self) -> None:
        self._stale: dict[Any, int] = {}
        self._parked: list[Any] = []
        self.privileged: Any = None

    @property
    def busy(self) -> bool:
        """Whether there is an event whose end means something here."""
        return bool(self._stale)

    def counts(self, entry: Any) -> bool:
        """Whether the end of this event means something here: it is, or may become, the privileged one."""
        return entry in self._stale

    def overtaken(self, entry: Any) -> None:
        """The work of this event is done again."""
        self._stale[entry] = self._stale.get(entry, 0) + 1
        if self.privileged is None:
            self._choose()

    def in_the_way(self, entry: Any, access: TableAccess) -> bool:
        """Whether the end of this event would make the privileged one stale."""
        other = None if self.privileged is None else self.privileged.access
        if other is None or other is access or entry is self.privileged:
            return False
        return access.overwrites_notes_of(other)

    def park(self, entry: Any) -> None:
        """This event waits for the privileged one's end."""
        self._parked.append(entry)

    def unpark(self, entry: Any) -> None:
        """It does not wait for the privileged event any more, but for something else."""
        if entry in self._parked:
            self._parked.remove(entry)

    def over(self, entry: Any) -> list[Any]:
        """The work on an event has ended, well or not. Returns those that waited for that."""
        self._stale.pop(entry, None)
        if entry is not self.privileged:
            return []
        self.privileged = None
        parked, self._parked = self._parked, []
        self._choose()
        return parked

    def _choose(self) -> None:
        patient = [entry for entry, times in self._stale.items() if times >= PATIENCE and entry.live]
        self.privileged = min(patient, key=lambda entry: int(entry.offset), default=None)
