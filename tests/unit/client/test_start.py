"""What a client asks Kafka before it begins; the answers are scripted, as no real broker gives them on demand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from streamproc.client.start import check_topics
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.refusals import CLIENT, Refusals


class Scripted:
    """Stands in for a client of Kafka: a topic is unknown for so many questions about it; ``listed`` are there."""

    def __init__(self, unknown: int, listed: list[str]) -> None:
        self.unknown = unknown
        self.listed = listed

    def list_topics(self, topic: str = "", timeout: float = -1) -> Any:
        """One topic's answer, or all names."""
        if not topic:
            return SimpleNamespace(topics=dict.fromkeys(self.listed))
        self.unknown -= 1
        error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART) if self.unknown >= 0 else None
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error)})


def check(client: Any) -> None:
    check_topics(client, ["readings"], Refusals(CLIENT), "a broker")


def test_a_topic_that_was_made_a_moment_ago_is_waited_for() -> None:
    client = Scripted(3, ["readings"])
    check(client)
    assert client.unknown < 0


@pytest.mark.parametrize(("listed", "meant"), [(["reading"], " (is reading meant?)"), (["other"], ""), ([], "")])
def test_a_topic_that_is_nowhere_is_missing_at_once(listed: list[str], meant: str) -> None:
    client = Scripted(1, listed)
    with pytest.raises(StreamprocError) as caught:
        check(client)
    assert caught.value.code is ErrorCode.TOPIC_MISSING
    assert caught.value.message.endswith(f"partition{meant}")
    assert client.unknown == 0, "asked once"
