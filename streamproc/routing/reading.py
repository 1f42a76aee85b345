"""Control records into the state that they come to: decoded, folded, and told of in the log."""

from __future__ import annotations

import structlog
from confluent_kafka import Message

from streamproc.contracts.codec import ControlDecoder
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.routing.control import ControlChange, ControlState, Fate, advance

log = structlog.get_logger(__name__)

KEPT = 20
"""Changes that a worker remembers, for those who look at its page."""

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
        told: whether the log is told of each change, and the last ones alone are kept; else all are, for a command's
            answer.
    """

    def __init__(self, registry: Registry, topic: str, *, told: bool = True) -> None:
        self._decoder = ControlDecoder(registry, topic)
        self._told = told
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
            if self._told:
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
            if self._told:
                log.warning("a control record is passed over", offset=offset, code=error.code.name)
            return
        self.state, change = advance(self.state, offset, event)
        self.changes.append(change)
        if self._told:
            del self.changes[:-KEPT]
            self._tell(change)

    def _tell(self, change: ControlChange) -> None:
        event = change.event
        by, reason = event.by[:64], event.reason[:200]
        if change.fate is Fate.OBEYED:
            log.info("a control event is obeyed", offset=change.offset, kind=event.kind.value, by=by, reason=reason)
        else:
            log.warning("a control event is not obeyed", offset=change.offset, by=by, reason=reason, why=change.why)
