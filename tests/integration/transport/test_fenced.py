"""Another producer takes the transactional id: the transaction is aborted, and its reason says so."""

from __future__ import annotations

import uuid
from typing import Any
from unittest.mock import Mock

from confluent_kafka import Producer
from support.plan import create_topics

from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.kafka.committers import TransactionalCommitter
from streamproc.transport.kafka.verdicts import Aborted, Committed
from streamproc.transport.settings import TransportSettings


def test_a_fenced_producer_is_replaced_and_the_reason_is_told(kafka_bootstrap: str) -> None:
    name = f"fenced-{uuid.uuid4().hex[:8]}"
    create_topics(kafka_bootstrap, name, partitions=1)
    config: dict[str, Any] = TransportSettings().producer(kafka_bootstrap, name)
    committer = TransactionalCommitter(config, Mock(), lambda: False)
    batch = Batch(None, [], [], [Loose(Outcome(name, b"k", b"v", None, None, None), Mock())])
    try:
        committer.open()
        assert committer.commit(batch) == Committed()
        Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": name}).init_transactions(30)
        fenced = committer.commit(batch)
        assert isinstance(fenced, Aborted)
        assert fenced.reason in ("_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED")
        assert committer.commit(batch) == Committed(), "it has taken the id back"
    finally:
        committer.close()
