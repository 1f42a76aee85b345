"""Faust's message, tied to the assignment it was delivered under."""

from __future__ import annotations

from typing import Any

from faust.types import AppT
from faust.types.tuples import ConsumerMessage

from streamproc.transport.outcomes import Entry, State

#: No app's generation: Faust's streams skip such a message.
_SKIPPED = -1


class Delivery(ConsumerMessage):
    """A record on its way to the agents."""

    __slots__ = ("app", "entry")

    def __init__(self, app: AppT, entry: Entry) -> None:
        # The base class's constructor, without its detours: this runs for every event.
        record = entry.record
        self.app = app
        self.entry = entry
        key, value = record.key(), record.value()
        timestamp_type, timestamp = record.timestamp()
        self.tp = entry.assignment.tp
        self.topic, self.partition = self.tp
        self.offset = entry.offset
        self.timestamp = timestamp / 1000.0 if timestamp_type else 0.0
        self.timestamp_type = timestamp_type
        self.headers = record.headers()
        self.key = key
        self.value = value
        self.checksum = None
        self.serialized_key_size = len(key) if key is not None else 0
        self.serialized_value_size = len(value) if value is not None else 0
        self.acked = False
        self.refcount = 0
        self.tracked = False
        self.time_in = self.time_out = self.time_total = None

    @property
    def generation_id(self) -> int:
        """Read by Faust's stream when an agent takes the event; it skips an event of another generation.

        Faust's own generation is one for the whole consumer and would drop what is still ours in a cooperative
        rebalance. Here each partition's assignment decides; taking a live event marks it as started.
        """
        entry = self.entry
        if entry.message is not self or not entry.live:
            return _SKIPPED
        if entry.state is State.QUEUED:
            if entry.assignment.draining:
                return _SKIPPED
            entry.state = State.STARTED
        generation: int = self.app.consumer_generation_id
        return generation

    @generation_id.setter
    def generation_id(self, value: Any) -> None:
        """Set by the base class; the assignment decides."""
