"""Faust's monitor, fed once for each transaction instead of four times for each event, and what the driver adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import faust
from faust.types import TP

if TYPE_CHECKING:
    from streamproc.transport.outcomes import Batch


@dataclass(slots=True)
class TransportState:
    """What the driver knows that Faust's monitor has no place for."""

    #: Transactions by how they ended: committed, aborted, refused, in_doubt.
    transactions: Counter[str] = field(default_factory=Counter)
    #: Events of each partition that are taken in and not committed.
    in_flight: dict[TP, int] = field(default_factory=dict)
    #: Records of each partition between its committed offset and the end of its log, as last seen.
    lag: dict[TP, int] = field(default_factory=dict)
    #: Offsets of each partition that were skipped over, in this assignment: transaction markers, compacted records.
    gaps: dict[TP, int] = field(default_factory=dict)
    #: Characters of each partition's offset metadata, of at most 4,000.
    metadata_size: dict[TP, int] = field(default_factory=dict)
    #: Partitions taken away from this worker: given up in order, and lost.
    revoked: int = 0
    lost: int = 0


class Monitor(faust.Monitor):
    """``app.monitor`` of an app with this transport.

    Totals are right at every commit. Times of single events (``events_runtime``) and counts by task are not kept:
    a sensor that overrides the methods for single events is called for each of them, and slows the worker down.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.transport = TransportState()

    def on_message_in(self, *_: Any) -> None:
        """Counted at the commit."""

    def on_stream_event_in(self, *_: Any) -> None:
        """Counted at the commit."""

    def on_stream_event_out(self, *_: Any) -> None:
        """Counted at the commit."""

    def on_message_out(self, *_: Any) -> None:
        """Counted at the commit."""

    def on_send_initiated(self, *_: Any) -> None:
        """Counted at the commit."""

    def on_send_completed(self, *_: Any) -> None:
        """Counted at the commit."""

    def on_committed(self, batch: Batch) -> None:
        """A transaction took effect."""
        for assignment, offer in batch.offers:
            count = len(offer.finished)
            self.messages_received_total += count
            self.messages_received_by_topic[assignment.tp.topic] += count
            self.events_total += count
        for source in (batch.outcomes, ((None, loose.outcome) for loose in batch.loose)):
            for _, outcome in source:
                self.messages_sent += 1
                self.messages_sent_by_topic[outcome.topic] += 1

    def asdict(self) -> Mapping[str, Any]:
        """As Faust's, with ``transport``."""
        state = asdict(self.transport)
        for name, value in state.items():
            if isinstance(value, dict) and not isinstance(value, Counter):
                state[name] = {f"{tp.topic}-{tp.partition}": count for tp, count in value.items()}
        return {**super().asdict(), "transport": state}
