"""Faust's monitor, fed once for each transaction instead of four times for each event, and what the driver adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import faust
from faust.types import TP

if TYPE_CHECKING:
    from streamproc.transport.flight.ledger import Batch, Ledger


_BY_PARTITION = ("in_flight", "lag", "unfinished", "oldest_ms", "gaps", "metadata_size", "stream_time_ms")


@dataclass(slots=True)
class TransportState:
    """What the driver knows that Faust's monitor has no place for."""

    #: Transactions by how they ended: committed, aborted, refused, in_doubt.
    transactions: Counter[str] = field(default_factory=Counter)
    #: Those that were aborted, by Kafka's name of the reason.
    aborted: Counter[str] = field(default_factory=Counter)
    #: Rebalances in which partitions were gained, and those in which some were given_up.
    rebalances: Counter[str] = field(default_factory=Counter)
    #: Committed events by topic, and the committed records that they became.
    events: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    #: Events of each partition that are taken in and not committed.
    in_flight: dict[TP, int] = field(default_factory=dict)
    #: Offsets of each partition between the committed one and the end of its log, as last heard.
    lag: dict[TP, int] = field(default_factory=dict)
    #: Records of each partition that are not done, taken in or not.
    unfinished: dict[TP, int] = field(default_factory=dict)
    #: When the first of those that are taken in was published: milliseconds since 1970, by its publisher's clock.
    oldest_ms: dict[TP, int] = field(default_factory=dict)
    #: Offsets of each partition that were passed over in this assignment: transaction markers, compacted records.
    gaps: dict[TP, int] = field(default_factory=dict)
    #: Characters of each partition's offset metadata, of at most 4,000.
    metadata_size: dict[TP, int] = field(default_factory=dict)
    #: Of each partition with windows or timers how far its stream time is, in milliseconds since 1970.
    stream_time_ms: dict[TP, int] = field(default_factory=dict)
    #: Events that came too late for windows, by table.
    late: Counter[str] = field(default_factory=Counter)
    #: How often an event was worked on again because what it had read of tables was overtaken.
    overtaken: int = 0
    #: Offsets left to read of each changelog partition that is being recovered, and seconds that this may take.
    restoring: dict[TP, int] = field(default_factory=dict)
    restoring_seconds: dict[TP, int] = field(default_factory=dict)
    #: Offsets that each standby is behind its changelog partition.
    standby_lag: dict[TP, int] = field(default_factory=dict)
    #: Partitions that nothing is fetched from.
    paused: set[TP] = field(default_factory=set)

    def read(self, ledger: Ledger) -> None:
        """Take over what the ledger shows now. On the event loop."""
        assignments = ledger.assignments
        self.in_flight = {tp: each.in_flight for tp, each in assignments.items()}
        self.gaps = {tp: each.span.gaps for tp, each in assignments.items()}
        self.lag = {tp: max(0, each.end - each.span.committed.base) for tp, each in assignments.items() if each.end}
        self.unfinished = {tp: each.span.unfinished(each.end) for tp, each in assignments.items()}
        oldest = ((tp, each.oldest_ms()) for tp, each in assignments.items())
        self.oldest_ms = {tp: milliseconds for tp, milliseconds in oldest if milliseconds is not None}
        timed = ((tp, each.span) for tp, each in assignments.items() if each.span.timed)
        self.stream_time_ms = {tp: span.time for tp, span in timed if span.time >= 0}
        self.metadata_size = {tp: size for tp, size in self.metadata_size.items() if tp in assignments}
        self.overtaken = ledger.overtaken
        self.paused = {tp for tp, each in assignments.items() if each.paused}


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

    def on_transaction(self, batch: Batch, name: str, reason: str, ledger: Ledger) -> None:
        """A transaction ended, ``name`` says how, ``reason`` why it was aborted."""
        state = self.transport
        state.transactions[name] += 1
        if name == "aborted":
            state.aborted[reason] += 1
        if name == "committed":
            self._count(batch, ledger)
            state.metadata_size.update((assignment.tp, len(offer.metadata)) for assignment, offer in batch.offers)
        assignments = ledger.assignments
        self.messages_active = self.events_active = sum(each.in_flight for each in assignments.values())
        self.tp_read_offsets = {tp: each.span.position for tp, each in assignments.items()}
        state.read(ledger)

    def _count(self, batch: Batch, ledger: Ledger) -> None:
        for assignment, offer in batch.offers:
            count = len(offer.finished)
            self.messages_received_total += count
            self.messages_received_by_topic[assignment.tp.topic] += count
            self.transport.events[assignment.tp.topic] += count
            self.events_total += count
        topics = Counter(outcome.topic for _, outcome in batch.outcomes)
        topics.update(loose.outcome.topic for loose in batch.loose)
        self.messages_sent += topics.total()
        self.messages_sent_by_topic.update(topics)
        self.transport.outcomes.update(topics)
        for topic, table in ledger.late_topics.items():
            if late := topics[topic]:
                self.transport.late[table] += late
                self.count("events_late", late)

    def asdict(self) -> Mapping[str, Any]:
        """As Faust's, with ``transport``."""
        state = self.transport
        named: dict[str, dict[str, int]] = {
            "transactions": dict(state.transactions),
            "aborted": dict(state.aborted),
            "rebalances": dict(state.rebalances),
            "late": dict(state.late),
        }
        for name in (*_BY_PARTITION, "restoring", "restoring_seconds", "standby_lag"):
            named[name] = {f"{topic}-{partition}": count for (topic, partition), count in getattr(state, name).items()}
        return {**super().asdict(), "transport": {**named, "overtaken": state.overtaken}}
