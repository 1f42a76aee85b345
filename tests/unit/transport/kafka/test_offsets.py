"""Positions that are asked of brokers which come and go."""

from __future__ import annotations

from concurrent.futures import Future
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamproc.transport.kafka import admin
from streamproc.transport.kafka.offsets import Offsets


def a_client(described: Future[Mock]) -> Mock:
    """One that gives this answer, and always the same."""
    known = {"list_topics.return_value.cluster_id": "cluster", "describe_topics.return_value": {"events": described}}
    return Mock(**known)


def test_a_client_that_has_lived_through_its_brokers_death_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may time out for ever: a table's recovery, which asks until it is answered, would never end."""
    silence: Future[Mock] = Future()
    silence.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    answer: Future[Mock] = Future()
    number = Mock(get_most_significant_bits=lambda: 1, get_least_significant_bits=lambda: 2)
    answer.set_result(Mock(topic_id=number, partitions=[Mock()]))
    clients = iter((a_client(silence), a_client(answer)))
    monkeypatch.setattr(admin, "AdminClient", lambda _: next(clients))
    asked = Offsets({}, "group", "earliest", "stop", lambda: False)
    with pytest.raises(KafkaException):
        asked.describe("events")
    _, partitions = asked.describe("events")
    assert partitions == 1
