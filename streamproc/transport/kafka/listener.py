"""Whom the poll thread tells what happens."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from confluent_kafka import Message

from streamproc.transport.flight.entries import Assignment

#: Partition, record (or the news that its end is reached) and its size in bytes.
Records = list[tuple[Assignment, Message, int]]


class Listener(Protocol):
    """Whom the poll thread tells; all but ``revoked`` are called on the poll thread and return at once."""

    def on_records(self, records: Records) -> None:
        """Records arrived."""

    def on_assigned(self, assignments: list[Assignment]) -> None:
        """These partitions are ours, from now on; called once with none when the group is joined."""

    def on_lost(self, assignments: list[Assignment]) -> None:
        """These partitions were taken away: nothing of theirs may be committed."""

    def on_crash(self, error: BaseException) -> None:
        """The worker cannot go on."""

    def revoked(self, assignments: list[Assignment], deadline: float) -> Coroutine[Any, Any, None]:
        """Finish and commit what can be before the deadline (monotonic); runs on the event loop."""
