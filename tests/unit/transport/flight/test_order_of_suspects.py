"""After a refusal, and in parts of what is finished, the order of partitions and keys holds as ever."""

from __future__ import annotations

import math
import random

import pytest
from faust.types import TP
from support.holes import hole

from streamproc.transport.flight import progress
from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import Assignment, Entry
from streamproc.transport.flight.ledger import ONE_BY_ONE, Ledger
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome

from .records import Record

pytestmark = hole("A")
ORDERS = ["key", "partition"]


class Worker:
    """A ledger, and agents that are done with an event as soon as they have it, or with a batch when it is whole."""

    def __init__(self, ordering: str) -> None:
        self.ledger = Ledger(ordered=ordering == "partition")
        self.admission = Admission(by_key=ordering == "key")
        self.committed: list[str] = []

    def take_in(self, partition: int, keys: str) -> list[Entry]:
        """An event for each key; a dot has none. They are delivered, but for those that wait for one of their key."""
        assignment = Assignment(TP("in", partition), Progress.at(0))
        self.ledger.add(assignment)
        for offset, key in enumerate(keys):
            self.admission.admit(assignment, Record(offset, None if key == "." else key.encode()), 10)
        return list(assignment.entries.values())

    def finish(self, *entries: Entry) -> None:
        for entry in entries:
            self.send(entry)
            self.ledger.finish(entry)
            self.admission.successor(entry)

    def send(self, entry: Entry) -> None:
        name = f"{entry.assignment.tp.partition}:{entry.offset}"
        entry.hold(Outcome("out", entry.key, name.encode(), None, None, None))

    def commit(self, records: float = math.inf) -> list[str]:
        """Carry the next transaction out. Returns what it holds."""
        batch = self.ledger.form(b"generation", records)
        if batch is None:
            return []
        self.ledger.settle(batch)
        return [(outcome.value or b"").decode() for _, outcome in batch.outcomes]

    def commit_all(self, records: float = math.inf) -> list[list[str]]:
        batches = []
        while batch := self.commit(records):
            batches.append(batch)
        return batches

    def refuse_all(self) -> None:
        """Brokers refuse a transaction of all that is finished."""
        batch = self.ledger.form(b"generation")
        assert batch is not None
        self.ledger.suspect([entry for entry, _ in batch.outcomes])


@pytest.mark.parametrize("ordering", ORDERS)
def test_a_suspected_batch_takes_along_what_is_before_it(ordering: str) -> None:
    """Of key b, 2 is in a batch with 0, and 1 is by itself: it cannot come after them."""
    worker = Worker(ordering)
    entries = worker.take_in(0, "abb")
    worker.finish(entries[1])
    worker.ledger.join([entries[0], entries[2]])
    worker.finish(entries[0], entries[2])
    worker.refuse_all()
    [together] = worker.commit_all(records=1)
    assert sorted(together) == ["0:0", "0:1", "0:2"]
    assert together.index("0:1") < together.index("0:2")


@pytest.mark.parametrize("ordering", ORDERS)
def test_suspected_batches_that_interleave_go_together(ordering: str) -> None:
    """Two actors of an agent, each with a batch: 0 and 3, 1 and 4."""
    worker = Worker(ordering)
    entries = worker.take_in(0, "ab.ba.")
    for batch in ([entries[0], entries[3]], [entries[1], entries[4]]):
        worker.ledger.join(batch)
    worker.finish(*entries)
    worker.refuse_all()
    assert worker.commit_all(records=1) == [["0:0", "0:1", "0:2", "0:3", "0:4"], ["0:5"]]


def test_batches_across_partitions_go_with_all_that_is_before_them() -> None:
    worker = Worker("partition")
    first, second = worker.take_in(0, "..."), worker.take_in(1, "...")
    worker.ledger.join([first[0], second[1]])
    worker.ledger.join([second[0], first[1]])
    worker.finish(*first, *second)
    worker.refuse_all()
    together, *rest = worker.commit_all(records=1)
    assert sorted(together) == ["0:0", "0:1", "1:0", "1:1"]
    assert sorted(rest) == [["0:2"], ["1:2"]]


def test_a_part_never_leaves_a_batch_out_and_takes_its_successor() -> None:
    """Of the first records that fit, 0 is in a batch with the last one, and 1 is the successor of its key."""
    worker = Worker("key")
    entries = worker.take_in(0, "aa...")
    worker.ledger.join([entries[0], entries[4]])
    worker.finish(*entries)
    [together] = worker.commit_all(records=2)
    assert sorted(together) == ["0:0", "0:1", "0:2", "0:3", "0:4"]
    assert together.index("0:0") < together.index("0:1")


def test_what_waits_for_room_in_the_metadata_keeps_its_successors_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here and there one is not finished: only the first few of these gaps fit. 0 is in a batch with the last one."""
    worker = Worker("key")
    entries = worker.take_in(0, "aa" + "." * 400)
    gaps = random.Random(1).sample(entries[2:-1], 100)
    worker.ledger.join([entries[0], entries[-1]])
    worker.finish(*(entry for entry in entries if entry not in gaps))
    monkeypatch.setattr(progress, "METADATA_LIMIT", 60)
    batches = worker.commit_all()
    assert batches
    assert not {"0:0", "0:1"} & {name for batch in batches for name in batch}
    worker.finish(*gaps)
    last = worker.commit()
    assert {"0:0", "0:1", "0:401"} <= set(last)


def test_events_that_share_outcomes_and_are_not_all_finished_take_no_room() -> None:
    worker = Worker("unordered")
    entries = worker.take_in(0, "....")
    worker.ledger.join([entries[0], entries[3]])
    worker.finish(*entries[:3])
    assert worker.commit_all(records=1) == [["0:1"], ["0:2"]]


def test_none_of_its_key_passes_a_refused_event() -> None:
    worker = Worker("key")
    entries = worker.take_in(0, "aab")
    worker.finish(*entries)
    worker.refuse_all()
    worker.ledger.refuse(entries[0], replacing=True)
    assert worker.commit_all() == [["0:2"]]
    worker.send(entries[0])
    worker.ledger.finish(entries[0])
    assert worker.commit_all() == [["0:0", "0:1"]]


def test_suspects_are_few_at_a_time_and_the_rest_goes_at_once_afterwards() -> None:
    worker = Worker("unordered")
    entries = worker.take_in(0, "." * 60)
    worker.finish(*entries[:20])
    worker.refuse_all()
    worker.finish(*entries[20:])
    assert [len(batch) for batch in worker.commit_all()] == [ONE_BY_ONE, ONE_BY_ONE, 60 - 2 * ONE_BY_ONE]
