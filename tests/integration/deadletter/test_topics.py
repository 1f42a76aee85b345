"""The topics around the dead letters, as `streamproc topics create` makes them."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from support.letter_topics import LetterTopics

from streamproc.kafka import topics


def settings_of(bootstrap: str, topic: str) -> dict[str, str]:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    found = admin.describe_configs([resource])[resource].result(10)
    return {name: entry.value for name, entry in found.items()}


@pytest.mark.parametrize("activity_bytes", [topics.ACTIVITY_MAX_BYTES, 5_000_000])
def test_a_letter_has_room_for_its_activity_and_the_error(kafka_bootstrap: str, activity_bytes: int) -> None:
    there = LetterTopics(kafka_bootstrap, activity_bytes)
    for topic in (there.letters, topics.parked_topic(there.letters)):
        found = settings_of(kafka_bootstrap, topic)
        assert int(found["max.message.bytes"]) == 2 * activity_bytes + 65_536
        assert int(found["retention.ms"]) == 30 * 24 * 3600 * 1000


def test_the_ledger_is_compacted_and_the_audit_kept(there: LetterTopics) -> None:
    assert settings_of(there.bootstrap, topics.ledger_topic(there.letters))["cleanup.policy"] == "compact"
    assert settings_of(there.bootstrap, topics.audit_topic(there.letters))["retention.ms"] == "-1"
