"""Control records into the state that they come to: decoded, folded, and told of in the log."""

from __future__ import annotations

import structlog
from confluent_kafka import Message

from streamproc.contracts.codec import ControlDecoder
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.routing.control import ControlChange, ControlState, Heard, advance

log = structlog.get_logger(__name__)

_UNREADABLE = {
    ErrorCode.VALUE_UNREADABLE,
    ErrorCode.SCHEMA_UNKNOWN,
    ErrorCode.SCHEMA_FOREIGN,
    ErrorCode.SCHEMA_INVALID,
    ErrorCode.SCHEMA_UNREADABLE,
}


class ControlFold:
    """The state so far, and the changes that led to it. Belongs to one event loop.

    Args:
        registry: where the writers' schemas are.
        topic: the control topic.
        keep: how many of the last changes are kept; None: all.
    """

    def __init__(self, registry: Registry, topic: str, keep: int | None = 50) -> None:
        self._decoder = ControlDecoder(registry, topic)
        self._keep = keep
        self.state = ControlState()
        self.changes: list[ControlChange] = []
        self._next = 0

    async def take(self, records: list[Message]) -> bool:
        """Fold records in their order, each leaving the list as it is taken; whether the state is another one now.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE: the records that are left are still to be taken.
        """
        before = self.state
        while records:
            await self._one(records[0])
            records.pop(0)
        return self.state != before

    def has(self, offset: int | None) -> bool:
        """Whether the record at an offset was taken already."""
        return offset is not None and offset < self._next

    async def _one(self, record: Message) -> None:
        offset = record.offset()
        assert offset is not None
        if offset < self._next:
            log.warning("the control topic was made anew: its events are read from the beginning", offset=offset)
            self.state, self.changes = ControlState(), []
        await self._taken(record, offset)
        self._next = offset + 1

    async def _taken(self, record: Message, offset: int) -> None:
        if record.value() is None:
            return
        try:
            event = await self._decoder.decode(record.value())
        except StreamprocError as error:
            if error.code not in _UNREADABLE:
                raise
            # Nobody's event, as it tells no revision either: all workers pass it over.
            log.warning("a control record is passed over", offset=offset, code=error.code.name, reason=error.message)
            return
        self.state, change = advance(self.state, offset, event)
        self.changes.append(change)
        if self._keep is not None:
            del self.changes[: -self._keep]
        level = log.info if change.heard is Heard.OBEYED else log.warning
        level(
            f"control event {change.heard.value}",
            offset=offset,
            kind=event.kind.value,
            change_id=event.change_id[:64],
            by=event.by[:64],
            reason=event.reason[:200],
            why=change.why,
        )
