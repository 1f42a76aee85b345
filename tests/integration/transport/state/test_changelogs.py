"""A table's changelog at the start: made as it must be, or refused as it is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from streamproc.transport.errors import TransportError
from streamproc.transport.kafka.changelogs import Changelogs
from streamproc.transport.kafka.offsets import Offsets


class App:
    """An app with one source and one table, about to start."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self.config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self.admin = AdminClient(self.config)
        self.source = f"changelogs-{uuid.uuid4().hex[:8]}"
        self.changelog = f"{self.source}-table-changelog"
        self.make(self.source, partitions, {})

    def make(self, name: str, partitions: int, settings: dict[str, str]) -> None:
        """As somebody else does."""
        self.admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result(30)

    def start(self, config: Mapping[str, str] | None = None) -> int:
        """Returns how many partitions the table has."""
        offsets = Offsets(self.config, "nobody", "earliest", "stop", lambda: False)
        changelogs = Changelogs(self.config, offsets.describe, lambda: False)
        return changelogs.prepare(self.changelog, self.source, 1, config or {})

    def settings(self) -> dict[str, str]:
        """What the brokers say of the changelog."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, self.changelog)
        found = self.admin.describe_configs([resource])[resource].result(30)
        return {name: entry.value for name, entry in found.items()}


def test_a_changelog_is_made_with_its_sources_partitions_and_compacted(kafka_bootstrap: str) -> None:
    app = App(kafka_bootstrap, partitions=3)
    assert app.start({"delete.retention.ms": "3600000"}) == 3
    settings = app.settings()
    assert (settings["cleanup.policy"], settings["delete.retention.ms"]) == ("compact", "3600000")
    assert app.start() == 3  # it is there now, and as it must be


def test_a_changelog_with_other_partitions_is_refused(kafka_bootstrap: str) -> None:
    """Faust makes eight, whatever the source has: an event's state would have no place, or another one."""
    app = App(kafka_bootstrap, partitions=3)
    app.make(app.changelog, 8, {"cleanup.policy": "compact"})
    with pytest.raises(TransportError, match=r"has 8 partitions, and .* has 3, whose events write the table"):
        app.start()


@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_a_changelog_that_forgets_is_refused(kafka_bootstrap: str, policy: str) -> None:
    """A key that nobody has written for a week would be gone after the next restart."""
    app = App(kafka_bootstrap, partitions=1)
    app.make(app.changelog, 1, {"cleanup.policy": policy})
    with pytest.raises(TransportError, match=f"cleanup.policy={policy}: what a table holds would be deleted"):
        app.start()


def test_a_source_that_is_not_there_is_named(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.transport.kafka.changelogs._MISSING_S", 0.5)
    app = App(kafka_bootstrap, partitions=1)
    app.source += "-misspelt"
    with pytest.raises(TransportError, match=r"There is no such topic.*misspelt"):
        app.start()
