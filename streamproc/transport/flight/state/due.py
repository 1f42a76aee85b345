"""When the keys of a table are due: an index over what is committed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import NamedTuple


class Due(NamedTuple):
    """When something is due, in milliseconds since 1970, and behind which events it waits.

    ``gate``: a key of the source topic: never at the same time as an event of it; None: it waits for no event.
    """

    at: int
    gate: bytes | None = None


#: When a key with this value is due; None: never.
DueOf = Callable[[bytes, bytes], Due | None]

#: So many outdated times are kept whatever there is; and as many as there are keys.
_SPARE = 1_000


class DueTimes:
    """Of one partition of one table. A key that was taken is not given again before it is noted anew."""

    def __init__(self, due_of: DueOf, items: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.due_of = due_of
        self._armed: dict[bytes, Due] = {}
        #: By time. What a key was due at before stays in it for a while: to look for it would cost more.
        self._heap: list[tuple[int, bytes]] = []
        for key, value in items:
            self.note(key, value)

    def note(self, key: bytes, value: bytes | None) -> None:
        """A key is committed with this value; None: it is deleted."""
        due = None if value is None else self.due_of(key, value)
        if due is None:
            self._armed.pop(key, None)
        elif self._armed.get(key) != due:
            self._armed[key] = due
            heappush(self._heap, (due.at, key))
        # Else one key that is put off by each of its events would fill the memory, until the first of these times.
        if len(self._heap) > _SPARE + 2 * len(self._armed):
            self._heap = [(armed.at, name) for name, armed in self._armed.items()]
            heapify(self._heap)

    def take(self, until: int, most: int) -> list[tuple[bytes, Due]]:
        """Keys that are due at this time or before, the earliest first, so many at most."""
        taken: list[tuple[bytes, Due]] = []
        heap, armed = self._heap, self._armed
        while heap and heap[0][0] <= until and len(taken) < most:
            at, key = heappop(heap)
            due = armed.get(key)
            if due is not None and due.at == at:
                del armed[key]
                taken.append((key, due))
        return taken

    def __len__(self) -> int:
        return len(self._armed)
