"""What becomes of sends outside events when their transaction does not take effect."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from unittest.mock import Mock

import pytest
from faust.types import TP
from support.holes import hole

from streamproc.transport.errors import OutcomeRefused
from streamproc.transport.flight.entries import Assignment, Entry
from streamproc.transport.flight.ledger import ONE_BY_ONE, Batch, Ledger
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.portion import Portion
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.kafka.cycle import Cycle
from streamproc.transport.kafka.verdicts import Aborted, Committed, InDoubt, Refused, Verdict


class Committer:
    """Gives these verdicts, one after the other."""

    calling_since = None

    def __init__(self, *verdicts: Verdict) -> None:
        self._verdicts = list(verdicts)
        self.tried: list[list[bytes | None]] = []
        self.one_by_one: list[bool] = []

    def commit(self, batch: Batch) -> Verdict:
        self.tried.append([outcome.value for _, outcome in batch.outcomes] + [one.outcome.value for one in batch.loose])
        self.one_by_one.append(batch.one_by_one)
        return self._verdicts.pop(0)


def new_cycle(ledger: Ledger, committer: Committer, refused: Any = None) -> Cycle:
    generation = (lambda: b"generation") if ledger.assignments else lambda: None
    return Cycle(ledger, cast(Any, committer), 0.01, generation, refused or Mock(), Mock(), Mock(), Portion(10.0))


def ledger_of(*values: bytes) -> tuple[Ledger, list[Entry]]:
    """Finished events that have sent these."""
    ledger, assignment = Ledger(ordered=False), Assignment(TP("in", 0), Progress.at(0))
    ledger.add(assignment)
    entries = []
    for offset, value in enumerate(values):
        assignment.span.deliver(offset)
        entry = assignment.entries[offset] = Entry(assignment, offset, b"k", Mock(), 0)
        entry.hold(Outcome("out", b"k", value, None, None, None))
        ledger.finish(entry)
        entries.append(entry)
    return ledger, entries


def send(ledger: Ledger, value: bytes) -> Loose:
    loose = Loose(Outcome("out", None, value, None, None, None), asyncio.get_running_loop().create_future())
    ledger.loose.add(loose)
    return loose


@pytest.mark.parametrize("verdict", [Aborted("why"), InDoubt({})])
async def test_they_go_with_the_next_one_even_if_nobody_waits_for_them(verdict: Verdict) -> None:
    ledger, committer = Ledger(ordered=False), Committer(verdict, Committed())
    cycle = new_cycle(ledger, committer)
    given_up, awaited = send(ledger, b"given up"), send(ledger, b"awaited")
    given_up.sent.cancel()
    await cycle.once()
    send(ledger, b"later")
    await cycle.once()
    assert committer.tried == [[b"given up", b"awaited"], [b"given up", b"awaited", b"later"]]
    assert (await awaited.sent).offset == -1
    assert len(ledger.loose) == 0


async def test_one_that_is_refused_is_told_and_the_others_go_on() -> None:
    ledger = Ledger(ordered=False)
    bad, good = send(ledger, b"bad"), send(ledger, b"good")
    committer = Committer(Refused("MSG_SIZE_TOO_LARGE", "out", loose=[bad]), Committed())
    cycle = new_cycle(ledger, committer)
    await cycle.once()
    await cycle.once()
    with pytest.raises(OutcomeRefused, match="MSG_SIZE_TOO_LARGE"):
        await bad.sent
    assert (await good.sent).offset == -1
    assert committer.tried == [[b"bad", b"good"], [b"good"]]


@hole("C4")
async def test_whom_the_client_itself_refuses_is_not_searched_for() -> None:
    ledger, entries = ledger_of(b"1", b"2", b"3")
    told = Mock(side_effect=lambda entry, error: ledger.reopen(entry))
    committer = Committer(Refused("MSG_SIZE_TOO_LARGE", "out", [entries[1]], certain=True), Committed())
    cycle = new_cycle(ledger, committer, told)
    await cycle.once()
    await cycle.once()
    assert committer.tried == [[b"1", b"2", b"3"], [b"1", b"3"]]
    assert committer.one_by_one == [False, False]
    assert told.call_args.args[0] is entries[1]


@hole("C4")
async def test_the_search_does_not_wait_for_the_interval() -> None:
    ledger, entries = ledger_of(*[b"%d" % number for number in range(3 * ONE_BY_ONE)])
    committer = Committer(Refused("INVALID_RECORD", "out", entries), *[Committed()] * 3)
    cycle = Cycle(ledger, cast(Any, committer), 3600.0, lambda: b"g", Mock(), Mock(), Mock(), Portion(10.0))
    cycle.soon()
    async with asyncio.timeout(30):
        await cycle.run(lambda: len(committer.tried) == 4)
    assert committer.one_by_one == [False, True, True, True]
