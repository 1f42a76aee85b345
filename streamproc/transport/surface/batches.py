"""Batches that a stream gathers for an agent. Pure: no I/O, and who asks says what time it is."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

_Item = TypeVar("_Item")


class EventBatches(Generic[_Item]):
    """What was taken of a stream and is not a batch yet.

    ``one_partition``: a batch holds events of one partition alone, because what it does to tables belongs to one.
    """

    def __init__(self, most: int, within: float | None, *, one_partition: bool) -> None:
        """``within``: so many seconds after its first event a batch is due; None: when it has ``most``."""
        self._most = most
        self._within = within
        self._one_partition = one_partition
        self._groups: dict[Hashable, list[_Item]] = {}
        #: When each is due; the first one is the first in here.
        self._due: dict[Hashable, float] = {}

    @property
    def deadline(self) -> float | None:
        """When the next one is due, by the clock of ``add``; None: there is none, or only when it is full."""
        return next(iter(self._due.values()), None)

    def add(self, partition: Hashable, item: _Item, now: float) -> list[_Item] | None:
        """Something was taken. Returns the batch that is full with it."""
        group = partition if self._one_partition else None
        items = self._groups.setdefault(group, [])
        items.append(item)
        if len(items) >= self._most:
            return self._take(group)
        if self._within is not None and len(items) == 1:
            self._due[group] = now + self._within
        return None

    def overdue(self) -> list[_Item]:
        """The batch whose deadline it is."""
        return self._take(next(iter(self._due)))

    def give_back(self) -> list[_Item]:
        """All that is in no batch."""
        items = [item for group in self._groups.values() for item in group]
        self._groups.clear()
        self._due.clear()
        return items

    def _take(self, group: Any) -> list[_Item]:
        self._due.pop(group, None)
        return self._groups.pop(group)
