"""What becomes of sends outside events when their transaction does not take effect."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from unittest.mock import Mock

import pytest

from streamproc.transport.errors import OutcomeRefused
from streamproc.transport.flight.entries import Batch, Ledger
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.portion import Portion
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.kafka.committers import Aborted, Committed, InDoubt, Refused, Verdict
from streamproc.transport.kafka.cycle import Cycle


class Committer:
    """Gives these verdicts, one after the other."""

    calling_since = None

    def __init__(self, *verdicts: Verdict) -> None:
        self._verdicts = list(verdicts)
        self.tried: list[list[bytes | None]] = []

    def commit(self, batch: Batch) -> Verdict:
        self.tried.append([loose.outcome.value for loose in batch.loose])
        return self._verdicts.pop(0)


def new_cycle(ledger: Ledger, committer: Committer) -> Cycle:
    return Cycle(ledger, cast(Any, committer), 0.01, lambda: None, Mock(), Mock(), Mock(), Portion(10.0))


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
