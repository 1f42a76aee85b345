"""What a worker may be told to do beside scoring, and the topics that this takes: none of a feature that is off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka.admin._acl import AclOperation

from streamproc.settings import KafkaSettings, Settings

DUPLICATES = "duplicates"
"""The table of activities that had a result."""

_READ, _WRITE, _LOOK = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE_CONFIGS
_STATE = (_READ, _WRITE, _LOOK)


@dataclass(frozen=True, slots=True)
class Needed:
    """A topic that a feature needs: its settings, and what a worker does with it."""

    config: Mapping[str, str]
    operations: tuple[AclOperation, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a setting turns on."""

    name: str
    is_on: Callable[[Settings], bool]
    topics: Callable[[Settings], dict[str, Needed]]


def changelog_topic(kafka: KafkaSettings, table: str) -> str:
    """Where the driver keeps the state of a worker's table. It has as many partitions as the topic that is read."""
    return f"{kafka.group_id}-{table}-changelog"


FEATURES = (
    Feature(
        "duplicates",
        lambda settings: settings.duplicates.window > 0,
        lambda settings: {changelog_topic(settings.kafka, DUPLICATES): Needed({"cleanup.policy": "compact"}, _STATE)},
    ),
)


def needed(settings: Settings) -> dict[str, Needed]:
    """The topics of all features that are on."""
    return {
        name: topic
        for feature in FEATURES
        if feature.is_on(settings)
        for name, topic in feature.topics(settings).items()
    }
