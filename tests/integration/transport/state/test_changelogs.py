"""A table's changelog at the start: refused where it would forget."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.transport.errors import TransportError
from streamproc.transport.kafka.changelogs import Changelogs
from streamproc.transport.kafka.offsets import Offsets


class Topic:
    """A changelog that somebody has made."""

    def __init__(self, bootstrap: str, settings: dict[str, str]) -> None:
        self.config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self.name = f"changelogs-{uuid.uuid4().hex[:8]}"
        admin = AdminClient(self.config)
        admin.create_topics([NewTopic(self.name, 1, 1, config=settings)])[self.name].result(30)

    def check(self, name: str = "") -> None:
        """As a worker that starts."""
        offsets = Offsets(self.config, "nobody", "earliest", "stop", lambda: False)
        Changelogs(self.config, offsets.describe, lambda: False).check(name or self.name)


@pytest.mark.parametrize(
    "settings",
    [
        {"cleanup.policy": "compact"},
        {"cleanup.policy": "delete", "retention.ms": "-1"},
        {"cleanup.policy": "compact,delete", "retention.ms": "-1"},
    ],
)
def test_a_changelog_that_keeps_what_it_has_is_taken(kafka_bootstrap: str, settings: dict[str, str]) -> None:
    """Faust's for sets is not compacted: it tells what was done, and all of it counts."""
    Topic(kafka_bootstrap, settings).check()


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"cleanup.policy": "delete"}, "cleanup.policy=delete and retention.ms=604800000"),
        ({"cleanup.policy": "compact,delete"}, "cleanup.policy=compact,delete and retention.ms=604800000"),
        ({"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "1000000"}, "retention.bytes=1000000"),
    ],
)
def test_a_changelog_that_forgets_is_refused(kafka_bootstrap: str, settings: dict[str, str], limit: str) -> None:
    """A key that nobody has written for a week would be gone after the next restart."""
    with pytest.raises(TransportError, match=rf"{limit}.*: what a table holds would be deleted with time"):
        Topic(kafka_bootstrap, settings).check()


def test_a_changelog_that_is_not_there_is_named(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.transport.kafka.changelogs._MISSING_S", 0.5)
    with pytest.raises(TransportError, match=r"There is no such topic.*elsewhere"):
        Topic(kafka_bootstrap, {}).check("elsewhere")
