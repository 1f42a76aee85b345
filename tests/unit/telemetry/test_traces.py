"""Which events are traced, whose trace theirs is, and what a transaction's span is linked to. A simulated clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from faust.types import TP
from opentelemetry.trace import SpanKind

from streamproc.telemetry.traces import MOST_LINKS, MOST_UNCOMMITTED, Tracing
from streamproc.tracing.event import EventTrace, SpanNote

TOPIC = "reading.activity.v1"
SAMPLED = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = SAMPLED[:-1] + b"0"
SECOND = 1_000_000_000


class Room:
    """A tracing with a clock of its own, and what it has kept."""

    def __init__(self, ratio: float = 0.0, *, as_parent: bool = False) -> None:
        self.now = 1_000 * SECOND
        self.kept: list[SpanNote] = []
        self.tracing = Tracing(self, ratio, slow=5.0, as_parent=as_parent, group="workers", clock=lambda: self.now)

    def put(self, notes: Sequence[SpanNote]) -> None:
        """As the queue does."""
        self.kept.extend(notes)

    def event(
        self,
        header: bytes | None = None,
        *,
        offset: int = 0,
        outcome: str = "COMPLETE",
        attempts: int = 1,
        code: str = "",
        seconds: float = 0.0,
        waited: float = 0.0,
        why: str = "",
    ) -> EventTrace:
        """One event from its beginning to its end."""
        headers = [] if header is None else [("traceparent", header)]
        trace = self.tracing.begin(TOPIC, headers, waited)
        self.now += round(seconds * SECOND)
        if why:
            trace.keep(why)
        self.tracing.end(trace, TP(TOPIC, 0), offset, outcome, attempts, code, {})
        return trace

    def commit(self, *offsets: int, outcome: str = "committed", reason: str = "") -> None:
        """A transaction of these events."""
        self.tracing.transaction(outcome, reason, self.now, {TP(TOPIC, 0): offsets})


def test_the_publishers_decision_holds() -> None:
    none, all_of_them = Room(0.0), Room(1.0)
    none.event(SAMPLED)
    all_of_them.event(UNSAMPLED)
    assert (len(none.kept), len(all_of_them.kept)) == (1, 0)


def test_a_share_of_the_others_is_sampled() -> None:
    room = Room(0.25)
    for _ in range(2_000):
        room.event()
    assert 400 < len(room.kept) < 600


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"attempts": 2}, "retry"),
        ({"seconds": 5.0}, "slow"),
        ({"outcome": "dead_letter", "code": "AUDIO_EMPTY", "why": "dead_letter"}, "dead_letter"),
    ],
)
def test_what_an_operator_needs_is_kept_whatever_the_sampling(event: dict[str, float], why: str) -> None:
    room = Room(0.0)
    room.event(UNSAMPLED, **event)  # type: ignore[arg-type]  # one of several
    assert room.kept[0].attributes["streamproc.kept"] == why
    room.event(UNSAMPLED, seconds=4.9, waited=60.0)
    assert {note.attributes.get("streamproc.kept") for note in room.kept} <= {why, None}


def test_the_publishers_span_is_linked_to_and_the_trace_is_its_own() -> None:
    room = Room()
    room.event(SAMPLED, offset=7, waited=0.5)
    process, receive = room.kept
    assert (process.name, process.kind, process.parent) == (f"process {TOPIC}", SpanKind.CONSUMER, None)
    (link,) = process.links
    assert f"{link.trace_id:032x}".encode() == SAMPLED[3:35]
    assert process.context.trace_id != link.trace_id
    assert (receive.name, receive.parent) == (f"receive {TOPIC}", process.context)
    assert receive.ended - receive.began == SECOND // 2
    assert process.attributes["messaging.kafka.offset"] == 7
    assert process.attributes["messaging.destination.partition.id"] == "0"


def test_or_it_is_the_parent_if_that_is_asked_for() -> None:
    room = Room(as_parent=True)
    room.event(SAMPLED)
    (process,) = room.kept
    assert process.parent is not None
    assert f"{process.parent.span_id:016x}".encode() == SAMPLED[36:52]
    assert (process.context.trace_id, process.links) == (process.parent.trace_id, ())


def test_a_transaction_is_one_span_linked_to_its_events() -> None:
    room = Room()
    kept = [room.event(SAMPLED, offset=offset).context for offset in (3, 5)]
    room.event(UNSAMPLED, offset=4)
    room.kept.clear()
    room.commit(3, 4, 5, outcome="aborted", reason="ILLEGAL_GENERATION")
    room.commit(3, 4, 5)
    room.commit(3, 4, 5)  # of events that are committed already nothing is told
    aborted, committed = room.kept
    assert list(aborted.links) == list(committed.links) == kept
    assert (aborted.error, committed.error) == ("ILLEGAL_GENERATION", "")
    assert (committed.name, committed.parent, committed.kind) == ("commit", None, SpanKind.CLIENT)
    assert committed.attributes["messaging.batch.message_count"] == 3


def test_a_transaction_without_a_traced_event_has_no_span() -> None:
    room = Room()
    room.event(UNSAMPLED)
    room.event(SAMPLED, offset=1)
    room.kept.clear()
    room.commit(0)
    assert not room.kept


def test_what_waits_for_a_transaction_and_its_links_are_bounded() -> None:
    room = Room()
    for offset in range(MOST_UNCOMMITTED + 5):
        room.event(SAMPLED, offset=offset)
    room.kept.clear()
    room.commit(*range(5))
    assert not room.kept
    room.commit(*range(5, 500))
    assert len(room.kept[0].links) == MOST_LINKS
