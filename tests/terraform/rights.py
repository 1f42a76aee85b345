"""What a broker says that a user may do, asked as that user."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation

_IMPLIED = {"Read", "Write", "Delete", "Alter"}
"""These bring Describe with them."""
_NO_COORDINATOR = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


def topic_rights(client: AdminClient, topics: Iterable[str]) -> dict[str, set[str]]:
    """Topic -> operations that are allowed to this client."""
    asked = client.describe_topics(TopicCollection(list(topics)), include_authorized_operations=True)
    return {topic: _allowed(future) for topic, future in asked.items()}


def group_rights(client: AdminClient, groups: Iterable[str]) -> dict[str, set[str]]:
    """Group -> operations that are allowed to this client."""
    return {group: _when_coordinated(client, group) for group in groups}


def cluster_rights(client: AdminClient) -> set[str]:
    """Operations on the cluster that are allowed to this client."""
    return _allowed(client.describe_cluster(include_authorized_operations=True))


def granted(acls: Mapping[str, Mapping[str, str]], user: str, kind: str, names: Iterable[str]) -> dict[str, set[str]]:
    """Name -> operations that the ACLs allow to a user, those that they bring with them too."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for acl in acls.values():
        if acl["user"] == user and acl["resource_type"] == kind:
            on, is_prefix = acl["resource_name"], acl["pattern"] == "Prefixed"
            # One on a name that is none of these ends here: nobody would see what it allows.
            for name in [one for one in found if one.startswith(on)] if is_prefix else [on]:
                found[name].add(acl["operation"])
    return {name: operations | ({"Describe"} if operations & _IMPLIED else set()) for name, operations in found.items()}


def _when_coordinated(client: AdminClient, group: str) -> set[str]:
    """A broker that is asked for its first group has no coordinator for a while."""
    for attempt in range(50):
        (future,) = client.describe_consumer_groups([group], include_authorized_operations=True).values()
        try:
            return _allowed(future)
        except KafkaException as error:
            if attempt == 49 or error.args[0].code() not in _NO_COORDINATOR:
                raise
            time.sleep(0.2)
    raise AssertionError


def _allowed(future: Any) -> set[str]:
    try:
        operations = future.result(10).authorized_operations
    except KafkaException as error:
        reason = error.args[0].code()
        if reason in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            return set()
        raise
    return {_NAMES[operation] for operation in operations or ()}


_NAMES = {
    AclOperation.READ: "Read",
    AclOperation.WRITE: "Write",
    AclOperation.CREATE: "Create",
    AclOperation.DELETE: "Delete",
    AclOperation.ALTER: "Alter",
    AclOperation.DESCRIBE: "Describe",
    AclOperation.CLUSTER_ACTION: "ClusterAction",
    AclOperation.DESCRIBE_CONFIGS: "DescribeConfigs",
    AclOperation.ALTER_CONFIGS: "AlterConfigs",
    AclOperation.IDEMPOTENT_WRITE: "IdempotentWrite",
}
