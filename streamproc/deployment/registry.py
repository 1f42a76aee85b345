"""What a schema registry that keeps its schemas in Kafka needs there: Apicurio Registry's topics and permissions.

The first holds every change, in order, and is all that a registry begins from: it is never shortened.
"""

from __future__ import annotations

from streamproc.kafka.features import kept
from streamproc.kafka.permissions import Grant

ROLE = "registry"
"""The user that the registry is; its topics are made where there is one."""

_PREFIX = "schema-registry"

_FOR_EVER = {"cleanup.policy": "delete", "retention.bytes": "-1", "retention.ms": "-1"}

TOPICS = {
    f"{_PREFIX}.journal": _FOR_EVER,
    # Asked for once, at the start. Nothing is written to it: a snapshot is a file, and a task's files go with it.
    f"{_PREFIX}.snapshots": _FOR_EVER,
    # What has changed, for whoever would like to know. Nobody here reads it, yet each change waits until it is written.
    f"{_PREFIX}.events": kept(7),
}
"""Topic -> its settings. Each has one partition: changes have one order."""

_JOURNAL, _SNAPSHOTS, _EVENTS = TOPICS
_GROUPS = f"{_PREFIX}-"

SETTINGS = {
    "APICURIO_STORAGE_KIND": "kafkasql",
    "APICURIO_KAFKASQL_TOPIC": _JOURNAL,
    "APICURIO_KAFKASQL_SNAPSHOTS_TOPIC": _SNAPSHOTS,
    "APICURIO_EVENTS_KAFKA_TOPIC": _EVENTS,
    "APICURIO_KAFKASQL_CONSUMER_GROUP_PREFIX": _GROUPS,
    # Terraform makes them, with their replicas.
    "APICURIO_KAFKASQL_TOPIC_AUTO_CREATE": "false",
    "APICURIO_KAFKASQL_SNAPSHOT_EVERY_SECONDS": "off",
}
"""Environment of a registry that fits these topics."""


def registry_grants() -> tuple[Grant, ...]:
    """What it may do. Each of its tasks reads all, by consumer groups of its own that begin alike."""
    return (
        Grant(ROLE, "topic", _JOURNAL, ("Read", "Write")),
        Grant(ROLE, "topic", _SNAPSHOTS, ("Read",)),
        Grant(ROLE, "topic", _EVENTS, ("Write",)),
        Grant(ROLE, "group", _GROUPS, ("Read",), prefixed=True),
    )
