"""Faust's message, tied to the assignment it was delivered under."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from faust.types import AppT
from faust.types.tuples import ConsumerMessage

from streamproc.transport.outcomes import Entry, State

#: No app's generation: Faust's streams skip such a message.
_SKIPPED = -1


#: The delivery that this task works on, by Faust's rules for ``current_event``; but held, so that a send that comes
#: after the event is done is never taken for one outside any event.
current_delivery: ContextVar[Delivery | None] = ContextVar("current_delivery", default=None)


class Delivery(ConsumerMessage):
    """A record on its way to the agents."""

    __slots__ = ("app", "entry")

    def __init__(self, app: AppT, entry: Entry) -> None:
        # Without the base class's constructor: it would compute the same once more, for every event.
        record = entry.record
        self.app = app
        self.entry = entry
        self.tp = tp = entry.assignment.tp
        self.topic, self.partition = tp
        self.offset = entry.offset
        self.timestamp_type, timestamp = record.timestamp()
        self.timestamp = timestamp / 1000.0 if self.timestamp_type else 0.0
        self.headers = record.headers()
        self.key = key = record.key()
        self.value = value = record.value()
        self.checksum = None
        self.serialized_key_size = 0 if key is None else len(key)
        self.serialized_value_size = 0 if value is None else len(value)
        self.acked = False
        self.refcount = 0
        self.tracked = False
        self.time_in = self.time_out = self.time_total = None

    @property
    def current(self) -> bool:
        """Whether the event is still ours, and not delivered anew since."""
        entry = self.entry
        return entry.message is self and entry.live

    def start(self) -> bool:
        """A stream takes the event. False: it must be skipped, another worker or another delivery has it."""
        entry = self.entry
        if entry.message is not self or not entry.live:
            return False
        if entry.state is State.QUEUED:
            if entry.assignment.draining:
                return False
            entry.state = State.STARTED
        return True

    def ack(self, consumer: Any, n: int = 1) -> bool:
        """One stream is done with it. Returns whether it was the last one."""
        self.refcount -= n
        return self.refcount <= 0 and bool(consumer.ack(self))

    @property
    def generation_id(self) -> int:
        """The app's, while the event is ours.

        Faust's generation is one for the whole consumer and would drop what is still ours in a cooperative rebalance;
        here each partition's assignment decides.
        """
        generation: int = self.app.consumer_generation_id if self.current else _SKIPPED
        return generation

    @generation_id.setter
    def generation_id(self, value: Any) -> None:
        """Set by the base class; the assignment decides."""
