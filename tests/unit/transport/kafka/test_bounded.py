"""A transaction whose call into librdkafka does not come back in its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
from confluent_kafka import KafkaException
from faust.types import TP
from support.holes import hole

from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.span import Offer
from streamproc.transport.kafka import committers as transaction
from streamproc.transport.kafka.bounded import bounded
from streamproc.transport.kafka.committers import TransactionalCommitter
from streamproc.transport.kafka.verdicts import Aborted


class Producer:
    """Its offsets never arrive: the group's coordinator has died, and nothing wakes the call."""

    def __init__(self, mended: threading.Event) -> None:
        self._mended = mended
        self.purged = False

    def begin_transaction(self) -> None:
        """At once."""

    def flush(self, timeout: float) -> int:
        return 0

    def send_offsets_to_transaction(self, *_: Any) -> None:
        assert self._mended.wait(60)

    def purge(self) -> None:
        self.purged = True


@pytest.fixture
def mended() -> Iterator[threading.Event]:
    """Set at the end, so that no thread outlives the test."""
    event = threading.Event()
    yield event
    event.set()


@hole("D1")
def test_offsets_that_hang_are_given_up_with_their_producer(
    monkeypatch: pytest.MonkeyPatch, mended: threading.Event
) -> None:
    """A new producer looks for the coordinator at once; the transaction took no effect, and is formed anew."""
    monkeypatch.setattr(transaction, "CALL_S", -0.99)
    committer = TransactionalCommitter({}, cast(Any, None), lambda: False)
    hanging = Producer(mended)
    committer._producer = cast(Any, hanging)
    assignment = Assignment(TP("in", 0), Progress.at(0))
    offers = [(assignment, Offer((0,), Progress.at(1), ""))]
    assert committer.commit(Batch(b"generation", offers, [], [])) == Aborted("_TIMED_OUT")
    assert hanging.purged
    assert committer._producer is None


@hole("D1")
def test_what_a_bounded_call_raises_is_raised() -> None:
    """As without the bound."""

    def refused() -> None:
        raise KafkaException("refused")

    with pytest.raises(KafkaException, match="refused"):
        bounded(refused, 5)()
    assert bounded(refused, 5).__name__ == "refused"
