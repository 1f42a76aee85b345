"""All that Terraform's modules must know of streamproc, as JSON: topics, permissions, alarms, metrics, objectives.

``python -m streamproc.deployment.topology`` prints terraform/modules/topology/topology.json. In its names,
``{group}`` stands for the workers' consumer group and ``{subscriber_group}`` for a subscriber's.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from streamproc.contracts import files
from streamproc.contracts.majors import MAJORS
from streamproc.deployment import registry
from streamproc.deployment.alarms import alarms
from streamproc.kafka import topics
from streamproc.kafka.features import FEATURES, released
from streamproc.kafka.permissions import Grant, feature_grants, grants
from streamproc.settings import KafkaSettings
from streamproc.telemetry.catalogue import METRICS
from streamproc.telemetry.objectives import objectives

GROUP = "{group}"
SUBSCRIBER_GROUP = "{subscriber_group}"

_SHOWN = (
    "streamproc_results",
    "streamproc_transport_unfinished",
    "streamproc_in_flight",
    "streamproc_inference_waiting",
    "streamproc_transient_failures",
)
"""What a dashboard shows beside the metrics that have alarms."""

_RESOURCES = {"topic": "Topic", "group": "Group", "transactional id": "TransactionalID"}


def topology() -> dict[str, Any]:
    """The document."""
    kafka = KafkaSettings(group_id=GROUP, result_majors=tuple(MAJORS))
    contracts = {contract.name: contract for contract in files.contracts()}
    return {
        "topics": _topics(kafka),
        "contracts": {
            contract.topic: {"compatibility": contract.compatibility, "owner": contract.owner, "key": contract.key}
            for contract in contracts.values()
        },
        "permissions": [acl for grant in (*_of_all_majors(kafka), *registry.registry_grants()) for acl in _acls(grant)],
        "alarms": {alarm.name: _without_name(alarm) for alarm in alarms()},
        "metrics": {
            name: {"kind": METRICS[name].kind, "unit": METRICS[name].unit, "meaning": METRICS[name].meaning}
            for name in _watched()
        },
        "registry_settings": registry.SETTINGS,
        "objectives": {one.name: _without_name(one) for one in objectives()},
    }


def document() -> str:
    """The file's text."""
    return json.dumps(topology(), indent=2, sort_keys=True) + "\n"


def _watched() -> list[str]:
    """The metrics that a deployment keeps: those of alarms, of dashboards, and of scaling."""
    return sorted({*_SHOWN, *(alarm.metric for alarm in alarms())})


def _topics(kafka: KafkaSettings) -> dict[str, Any]:
    """Topic -> its settings, the major version of results that alone needs it (0: every release), its partitions (0: as
    many as the deployment says), and the feature or the role of a user that alone needs it (empty: all do)."""
    majors = {topic: number for number, topic in topics.result_topics(kafka).items()}
    always = {
        name: {
            "config": config,
            "major": majors.get(name, 0),
            "partitions": 1 if topics.is_compacted(config) else 0,
            "feature": "",
            "role": "",
        }
        for name, config in topics.configurations(kafka).items()
    }
    of_features = {
        name: {"config": dict(topic.config), "major": 0, "partitions": 0, "feature": feature.name, "role": ""}
        for feature in FEATURES
        for name, topic in feature.topics(released(kafka)).items()
    }
    of_registry = {
        name: {"config": config, "major": 0, "partitions": 1, "feature": "", "role": registry.ROLE}
        for name, config in registry.TOPICS.items()
    }
    return always | of_features | of_registry


def _of_all_majors(kafka: KafkaSettings) -> list[Grant]:
    """The grants, those on the results' topic once for each major version."""
    found = []
    for grant in grants(kafka, SUBSCRIBER_GROUP):
        on_results = grant.kind == "topic" and grant.name == kafka.result_topic
        names = topics.result_topics(kafka).values() if on_results else [grant.name]
        found += [dataclasses.replace(grant, name=name) for name in names]
    return [*found, *(grant for feature in FEATURES for grant in feature_grants(feature, released(kafka)))]


def _acls(grant: Grant) -> list[dict[str, str]]:
    return [
        {
            "role": grant.user,
            "resource_type": _RESOURCES[grant.kind],
            "resource_name": grant.name,
            "pattern": "Prefixed" if grant.prefixed else "Literal",
            "operation": operation,
        }
        for operation in grant.operations
    ]


def _without_name(row: Any) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(row).items() if name != "name"}


if __name__ == "__main__":
    print(document(), end="")
