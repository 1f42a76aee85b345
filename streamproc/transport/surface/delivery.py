"""Faust's message, tied to the assignment it was delivered under."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from faust.types.tuples import ConsumerMessage

from streamproc.transport.errors import SentAfterAck
from streamproc.transport.flight.entries import Entry
from streamproc.transport.flight.event_time import carried_time, time_of
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.headers import headers_of

#: No app's generation: Faust's streams skip such a message.
_SKIPPED = -1


#: The delivery that this task works on, by Faust's rules for ``current_event``; but held, so that a send that comes
#: after the event is done is never taken for one outside any event.
current_delivery: ContextVar[Delivery | None] = ContextVar("current_delivery", default=None)

#: Whether this task only sends something in the place of what Kafka has refused of its event.
replacing: ContextVar[bool] = ContextVar("replacing", default=False)


class Desk(Protocol):
    """Where streams and agents tell what became of an event; on the event loop, where it does not say otherwise."""

    def ack(self, delivery: Delivery, n: int = 1) -> bool:
        """``n`` of its streams are done with it. Returns whether they were the last ones.

        On another thread than the event loop's this hands the acknowledgement over to it, and returns False.
        """

    def fail(self, delivery: Delivery, error: BaseException, together: Sequence[Delivery] = ()) -> None:
        """An agent raised on it, or was cancelled: its outcomes are discarded, and it may be delivered anew."""

    def join(self, deliveries: Sequence[Delivery]) -> None:
        """An agent works on these as a batch: what it sends belongs to all of them."""

    @property
    def faust_generation(self) -> int:
        """The generation that Faust's own streams take messages of."""


class Delivery(ConsumerMessage):
    """A record on its way to the agents."""

    __slots__ = ("desk", "entry", "record")

    def __init__(self, desk: Desk, entry: Entry) -> None:
        # Without the base class's constructor: it would compute the same once more, for every event.
        self.record = record = entry.record
        self.desk = desk
        self.entry = entry
        headers = headers_of(record)
        if headers and carried_time(headers, entry.assignment.tp.topic) is not None:
            headers = headers[:-1] or None  # the driver's own, which no copy of the record should have
        self.headers = headers  # type: ignore[assignment]  # Faust's type leaves out headers without a value
        self.key = entry.key
        self.value = record.value()
        self.acked = False
        self.refcount = 0
        self.tracked = False

    def __getattr__(self, name: str) -> Any:
        # Only asked for a slot that is not filled yet: what few agents ever look at.
        if name in ("tp", "topic", "partition", "offset"):
            self.tp, self.offset = self.entry.assignment.tp, self.entry.offset
            self.topic, self.partition = self.tp
        elif name in ("timestamp", "timestamp_type"):
            self.timestamp_type = self.record.timestamp()[0]
            # Without one as Faust's own driver gives it, which a copy of the record is sent without again.
            self.timestamp = time_of(self.record, self.topic) / 1000.0 if self.timestamp_type else -0.001
        elif name == "serialized_key_size":
            self.serialized_key_size = len(self.key or b"")
        elif name == "serialized_value_size":
            self.serialized_value_size = len(self.value or b"")
        elif name == "time_in":
            self.time_in = self.entry.arrived
        elif name in ("checksum", "time_out", "time_total"):
            setattr(self, name, None)
        else:
            raise AttributeError(name)
        return getattr(self, name)

    @property
    def current(self) -> bool:
        """Whether the event is still ours, and not delivered anew since."""
        entry = self.entry
        return entry.message is self and entry.assignment.alive  # one that is released has no message

    def hold(self, outcome: Outcome) -> None:
        """Keep what is sent for the event until its transaction.

        Raises:
            SentAfterAck: the event is finished.
        """
        if self.acked:
            raise SentAfterAck(
                f"A send to {outcome.topic!r} came after its event ({self.entry.where}) was "
                "acknowledged: await sends before the ack, or send with force=True."
            )
        entry = self.entry
        # An event that was given up, or delivered anew, belongs to somebody else now, and so do its outcomes.
        if entry.message is self and entry.assignment.alive:
            entry.hold(outcome)

    def ack(self, consumer: Any, n: int = 1) -> bool:
        """As Faust's; see ``Desk.ack``, which knows the consumer."""
        return self.desk.ack(self, n)

    @property
    def generation_id(self) -> int:
        """The app's, while the event is ours.

        Faust's generation is one for the whole consumer and would drop what is still ours in a cooperative rebalance;
        here each partition's assignment decides.
        """
        generation: int = self.desk.faust_generation if self.current else _SKIPPED
        return generation

    @generation_id.setter
    def generation_id(self, value: Any) -> None:
        """Set by the base class; the assignment decides."""
