"""A way to the brokers that is too slow for all that is finished: transactions become smaller, and grow back."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from unittest.mock import Mock

import pytest
from faust.types import TP
from support.holes import hole

from streamproc.transport.flight.entries import Assignment, Entry
from streamproc.transport.flight.ledger import Batch, Ledger
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.portion import Portion
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.kafka.cycle import Cycle
from streamproc.transport.kafka.verdicts import Aborted, Committed, Verdict

pytestmark = hole("B7")

TIMEOUT = 10.0


class SlowLink:
    """Commits what it can carry within the timeout, and aborts what it cannot, by a clock of its own."""

    calling_since = None

    def __init__(self, rate: float) -> None:
        """``rate``: bytes a second."""
        self.rate = rate
        self.now = 0.0
        self.committed: list[list[bytes | None]] = []
        self.tried = 0

    def commit(self, batch: Batch) -> Verdict:
        """As a committer's."""
        self.tried += 1
        outcomes = [outcome for _, outcome in batch.outcomes] + [loose.outcome for loose in batch.loose]
        seconds = sum(outcome.size for outcome in outcomes) / self.rate
        self.now += min(seconds, TIMEOUT)
        if seconds > TIMEOUT:
            return Aborted("_FENCED")
        self.committed.append([outcome.value for outcome in outcomes])
        return Committed()


def add(ledger: Ledger, partition: int, sizes: list[int]) -> list[Entry]:
    """Finished events of a new partition, each with a send of so many bytes."""
    assignment = Assignment(TP("in", partition), Progress.at(0))
    ledger.add(assignment)
    entries = []
    for offset, size in enumerate(sizes):
        entry = Entry(assignment, offset, None, object(), 0)
        assignment.span.deliver(offset)
        assignment.entries[offset] = entry
        entry.hold(Outcome("out", None, b"%d:%d " % (partition, offset) + b"." * size, None, None, None))
        ledger.finish(entry)
        entries.append(entry)
    return entries


def cycle_of(ledger: Ledger, link: SlowLink) -> Cycle:
    return Cycle(
        ledger, cast(Any, link), 0.01, lambda: b"generation", Mock(), Mock(), Mock(), Portion(TIMEOUT), lambda: link.now
    )


async def commit_all(ledger: Ledger, link: SlowLink) -> None:
    cycle = cycle_of(ledger, link)
    while any(assignment.entries for assignment in ledger.assignments.values()) or len(ledger.loose):
        await cycle.once()
        assert link.tried < 200, "it gets nowhere"


@pytest.mark.parametrize("ordered", [True, False])
async def test_what_is_too_much_at_once_is_committed_in_parts(ordered: bool) -> None:
    ledger, link = Ledger(ordered=ordered), SlowLink(rate=100_000)
    for partition in range(3):
        add(ledger, partition, [3_000] * 2_000)  # 18 MB: three minutes
    await commit_all(ledger, link)
    records = [record for records in link.committed for record in records]
    assert len(records) == len(set(records)) == 6_000
    assert link.tried - len(link.committed) <= 8, "each abort halves the next one"
    assert link.now < 4 * 18e6 / link.rate
    for assignment in ledger.assignments.values():
        assert assignment.span.committed == Progress.at(2_000)


async def test_outcomes_of_a_partition_keep_their_order_and_partitions_take_turns() -> None:
    ledger, link = Ledger(ordered=True), SlowLink(rate=1_000)
    for partition in range(2):
        add(ledger, partition, [1_000] * 40)
    await commit_all(ledger, link)
    places = [tuple(map(int, (value or b"").split()[0].split(b":"))) for values in link.committed for value in values]
    for partition in range(2):
        assert [offset for number, offset in places if number == partition] == list(range(40))
    assert all(len({partition for partition, _ in places[at : at + 8]}) == 2 for at in range(0, 64, 8))


async def test_the_portion_grows_back_when_the_way_is_free_again() -> None:
    portion, ledger = Portion(TIMEOUT), Ledger(ordered=False)
    entries = add(ledger, 0, [100] * 64)
    batch = Batch(b"", [], [(entry, entry.outcomes[0]) for entry in entries])
    portion.learn(batch, 10.0, committed=False)
    assert (portion.records, portion.bounded) == (32, True)
    portion.learn(batch, 0.1, committed=False)
    assert portion.records == 32, "an abort for another reason tells nothing"
    for records in (64, 128, 256):
        portion.learn(batch, 0.1, committed=True)
        assert portion.records == records
    portion.learn(batch, 0.1, committed=True)
    assert portion.records == 256, "a batch that does not fill it tells nothing"


async def test_one_event_that_is_too_much_is_tried_alone_and_holds_up_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger, link = Ledger(ordered=False), SlowLink(rate=1_000)
    add(ledger, 0, [50_000])
    add(ledger, 1, [100] * 5)
    cycle = cycle_of(ledger, link)
    for _ in range(12):
        await cycle.once()
    assert sum(len(records) for records in link.committed) == 5
    assert "in[0]@0 takes longer to send than the transaction_timeout of 10 s" in caplog.text


async def test_events_that_share_outcomes_go_together() -> None:
    ledger, link = Ledger(ordered=False), SlowLink(rate=1_000)
    first, second = add(ledger, 0, [1_000] * 20), add(ledger, 1, [1_000] * 20)
    for number in range(0, 20, 2):
        ledger.join([first[number], first[number + 1], second[number], second[number + 1]])
    await commit_all(ledger, link)
    for records in link.committed:
        offsets = [(value or b"").split()[0] for value in records]
        assert {b"0:%d" % (int(at[2:]) ^ 1) for at in offsets if at.startswith(b"0")} <= set(offsets)
        assert {b"1" + at[1:] for at in offsets if at.startswith(b"0")} <= set(offsets)


async def test_sends_outside_events_are_sent_in_parts_too() -> None:
    ledger, link = Ledger(ordered=False), SlowLink(rate=1_000)
    futures = [asyncio.get_running_loop().create_future() for _ in range(100)]
    for number, sent in enumerate(futures):
        ledger.loose.add(Loose(Outcome("out", None, b"%d" % number + b"." * 500, None, None, None), sent))
    add(ledger, 0, [500] * 20)
    await commit_all(ledger, link)
    assert all(sent.done() for sent in futures)
    loose = [int((v or b"").rstrip(b".")) for values in link.committed for v in values if b":" not in (v or b"")]
    assert loose == list(range(100))
