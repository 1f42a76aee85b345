"""What is in flight: admission by key, transactions formed from live spans, release."""

from __future__ import annotations

from unittest.mock import Mock

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE
from faust.types import TP

from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import STARTED, Assignment, Entry
from streamproc.transport.flight.ledger import LOOSE_LIMIT, Ledger
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.surface.monitor import TransportState

from .records import Record

GENERATION = b"CGMDv2:..."


def outcome(text: str) -> Outcome:
    return Outcome("out", None, text.encode(), None, None, None)


def assigned(ledger: Ledger, partition: int = 0, base: int = 0) -> Assignment:
    assignment = Assignment(TP("in", partition), Progress.at(base))
    ledger.add(assignment)
    return assignment


def admit(admission: Admission, assignment: Assignment, *records: Record) -> list[Entry]:
    return [entry for record in records if (entry := admission.admit(assignment, record, 10))]


def finish(ledger: Ledger, entry: Entry, *texts: str) -> None:
    for text in texts:
        entry.hold(outcome(text))
    ledger.finish(entry)


def values(ledger: Ledger) -> list[bytes | None]:
    batch = ledger.form(GENERATION)
    return [made.value for _, made in batch.outcomes] if batch else []


def test_a_key_is_served_one_event_at_a_time() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=True)
    assignment = assigned(ledger)
    first, other = admit(admission, assignment, Record(0, b"a"), Record(1, b"a"), Record(2, b"b"), Record(3, b"a"))
    assert (first.offset, other.offset) == (0, 2)
    finish(ledger, first)
    second = admission.successor(first)
    assert second is not None
    assert second.offset == 1
    finish(ledger, second)
    third = admission.successor(second)
    assert third is not None
    assert third.offset == 3
    assert admission.successor(third) is None
    assert admit(admission, assignment, Record(4, b"a"))


def test_null_keys_have_no_order() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=True)
    assert len(admit(admission, assigned(ledger), Record(0), Record(1))) == 2


def test_a_transaction_takes_what_is_finished_in_offset_order() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    entries = admit(admission, assigned(ledger), *map(Record, range(4)))
    finish(ledger, entries[3], "d1", "d2")
    finish(ledger, entries[1], "b")
    batch = ledger.form(GENERATION)
    assert batch is not None
    assert [made.value for _, made in batch.outcomes] == [b"b", b"d1", b"d2"]
    [(_, offer)] = batch.offers
    assert offer.progress == Progress(0, 4, (0, 2))


def test_partition_order_releases_a_prefix_only() -> None:
    ledger, admission = Ledger(ordered=True), Admission(by_key=False)
    entries = admit(admission, assigned(ledger), *map(Record, range(3)))
    finish(ledger, entries[1], "b")
    assert values(ledger) == []
    finish(ledger, entries[0], "a")
    assert values(ledger) == [b"a", b"b"]


def test_what_is_not_settled_is_offered_again() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    [entry] = admit(admission, assigned(ledger), Record(0))
    finish(ledger, entry, "a")
    assert values(ledger) == [b"a"]
    assert values(ledger) == [b"a"]
    batch = ledger.form(GENERATION)
    assert batch is not None
    ledger.settle(batch)
    assert values(ledger) == []


def test_nothing_of_a_partition_given_up_is_committed() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    kept, lost = assigned(ledger, 0), assigned(ledger, 1)
    [mine] = admit(admission, kept, Record(0))
    [gone] = admit(admission, lost, Record(0))
    finish(ledger, mine, "mine")
    finish(ledger, gone, "gone")
    lost.alive = False  # the poll thread's mark comes before the event loop hears of it
    assert values(ledger) == [b"mine"]


def test_a_late_settlement_does_not_touch_a_new_assignment() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    old = assigned(ledger)
    [entry] = admit(admission, old, Record(0))
    finish(ledger, entry, "a")
    batch = ledger.form(GENERATION)
    assert batch is not None
    ledger.drop(old)
    new = assigned(ledger)
    admit(admission, new, Record(0))
    ledger.settle(batch)
    assert new.span.in_flight == 1
    assert ledger.assignments[TP("in", 0)] is new


def test_without_a_generation_no_offset_is_committed() -> None:
    """Brokers take offsets without a generation from anybody, unfenced."""
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    [entry] = admit(admission, assigned(ledger), Record(0))
    finish(ledger, entry, "a")
    assert ledger.form(None) is None


def test_sends_outside_events_fill_no_transaction_beyond_its_limit() -> None:
    """One that takes longer than its timeout would be aborted, formed anew, and aborted again."""
    ledger = Ledger(ordered=False)
    nobody = Mock()
    for number in range(LOOSE_LIMIT + 2):
        ledger.loose.add(Loose(outcome(str(number)), nobody))
    first, second = ledger.form(None), ledger.form(None)
    assert first is not None
    assert second is not None
    assert [len(first.loose), len(second.loose)] == [LOOSE_LIMIT, 2]
    sent = [loose.outcome.value for loose in first.loose + second.loose]
    assert sent == [b"%d" % number for number in range(LOOSE_LIMIT + 2)]


def test_records_are_sent_one_by_one_while_there_are_suspects() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    entries = admit(admission, assigned(ledger), *map(Record, range(3)))
    finish(ledger, entries[0], "v0")
    finish(ledger, entries[1], "v1")
    ledger.suspect([entries[1]])
    batch = ledger.form(GENERATION)
    assert batch is not None
    assert (batch.one_by_one, len(batch.outcomes)) == (True, 2)
    ledger.settle(batch)
    finish(ledger, entries[2], "v2")
    batch = ledger.form(GENERATION)
    assert batch is not None
    assert (batch.one_by_one, len(batch.outcomes)) == (False, 1)


def test_what_is_committed_or_skipped_no_longer_counts_as_in_flight() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    assignment = Assignment(TP("in", 0), Progress(0, 3, (0, 2)))  # offset 1 was finished before
    ledger.add(assignment)
    assert [e.offset for e in admit(admission, assignment, *map(Record, range(3)))] == [0, 2]
    assert (assignment.released_events, assignment.released_bytes) == (1, 10)
    for entry in list(assignment.entries.values()):
        finish(ledger, entry)
    batch = ledger.form(GENERATION)
    assert batch is not None
    ledger.settle(batch)
    assert (assignment.released_events, assignment.released_bytes) == (3, 30)
    assert assignment.entries == {}


def test_reopening_discards_outcomes() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    [entry] = admit(admission, assigned(ledger), Record(0))
    finish(ledger, entry, "half")
    ledger.reopen(entry)
    entry.state = STARTED
    assert values(ledger) == []
    finish(ledger, entry, "whole")
    assert values(ledger) == [b"whole"]


def test_what_agents_send_counts_to_the_bytes_in_flight_until_it_is_committed() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    assignment = assigned(ledger)
    assignment.received_bytes = 20
    first, second = admit(admission, assignment, Record(0), Record(1))
    finish(ledger, first, "12345", "67")
    finish(ledger, second, "123")
    assert assignment.held_bytes == 20 + 7 + 3
    ledger.reopen(second)
    assert assignment.held_bytes == 20 + 7
    batch = ledger.form(GENERATION)
    assert batch is not None
    ledger.settle(batch)
    assert assignment.held_bytes == 10, "the second event is not finished"


def test_the_oldest_is_the_first_that_is_not_committed() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    assignment = assigned(ledger)
    assert assignment.oldest_ms() is None
    stamps = ((TIMESTAMP_CREATE_TIME, 500), (TIMESTAMP_CREATE_TIME, 400), (TIMESTAMP_NOT_AVAILABLE, 0))
    first, second, _ = admit(admission, assignment, *(Record(at, None, stamp) for at, stamp in enumerate(stamps)))
    assert assignment.oldest_ms() == 500
    for entry in (first, second):
        finish(ledger, entry)
        assert assignment.oldest_ms() in (500, 400)
        batch = ledger.form(GENERATION)
        assert batch is not None
        ledger.settle(batch)
    assert assignment.oldest_ms() is None  # it has no timestamp


def test_the_drivers_numbers_follow_the_ledger() -> None:
    ledger, admission = Ledger(ordered=False), Admission(by_key=False)
    assignment = assigned(ledger)
    assignment.end = 9
    admit(admission, assignment, Record(0, None, (TIMESTAMP_CREATE_TIME, 500)), Record(2))
    state = TransportState()
    state.read(ledger)
    tp = assignment.tp
    assert (state.unfinished, state.oldest_ms, state.gaps) == ({tp: 8}, {tp: 500}, {tp: 1})
    ledger.drop(assignment)
    state.read(ledger)
    assert (state.unfinished, state.oldest_ms, state.gaps) == ({}, {}, {})
