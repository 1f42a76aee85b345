"""What a worker may be told to do beside scoring, and the topics that this takes: none of a feature that is off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka.admin._acl import AclOperation

from streamproc.contracts import files
from streamproc.settings import KafkaSettings, Settings

DUPLICATES = "duplicates"
"""The table of activities that had a result."""

PROGRESS = "progress"
"""The table of learners' progress."""

_READ, _WRITE, _LOOK = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE_CONFIGS
_STATE = (_READ, _WRITE, _LOOK)

_GONE_WITHIN_DAYS = 7
"""What is deleted of a child leaves the brokers' disks when they compact; by themselves they do that when it pays."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A topic that a feature needs: its settings, what a worker does with it, the contract that others use it by."""

    config: Mapping[str, str]
    operations: tuple[AclOperation, ...]
    contract: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a setting turns on."""

    name: str
    is_on: Callable[[Settings], bool]
    topics: Callable[[Settings], dict[str, Needed]]


def kept(days: int) -> dict[str, str]:
    """The settings of a topic that keeps its records for so long."""
    return {"retention.ms": str(days * 24 * 3600 * 1000)}


def spelled(operation: AclOperation) -> str:
    """An operation as Kafka's own tools spell it."""
    return operation.name.title().replace("_", "")


def changelog_topic(kafka: KafkaSettings, table: str) -> str:
    """Where the driver keeps the state of a worker's table. It has as many partitions as the topic that is read."""
    return f"{kafka.group_id}-{table}-changelog"


def correction_letters(settings: Settings) -> str:
    """The topic of corrections that cannot be used."""
    return f"{settings.progress.correction_topic}.dlq"


def _progress(settings: Settings) -> dict[str, Needed]:
    return {
        settings.progress.topic: Needed(_kept(files.PROGRESS), (_WRITE,), files.PROGRESS),
        changelog_topic(settings.kafka, PROGRESS): Needed(
            {"cleanup.policy": "compact", "max.compaction.lag.ms": str(_GONE_WITHIN_DAYS * 24 * 3600 * 1000)}, _STATE
        ),
    }


def _corrections(settings: Settings) -> dict[str, Needed]:
    return {
        settings.progress.correction_topic: Needed(_kept(files.CORRECTION), (_READ,), files.CORRECTION),
        correction_letters(settings): Needed(_kept(files.CORRECTION), (_WRITE,)),
    }


def _kept(contract: str) -> dict[str, str]:
    return kept(next(one.retention_days for one in files.contracts() if one.name == contract))


FEATURES = (
    Feature(
        "duplicates",
        lambda settings: settings.duplicates.window > 0,
        lambda settings: {changelog_topic(settings.kafka, DUPLICATES): Needed({"cleanup.policy": "compact"}, _STATE)},
    ),
    Feature("progress", lambda settings: settings.progress.enabled, _progress),
    Feature("corrections", lambda settings: settings.progress.corrections, _corrections),
)


def released(kafka: KafkaSettings) -> Settings:
    """These settings of Kafka and the defaults of all else, whatever the environment says: what files are made by."""
    return Settings.model_construct(kafka=kafka)


def needed(settings: Settings) -> dict[str, Needed]:
    """The topics of all features that are on."""
    return {
        name: topic
        for feature in FEATURES
        if feature.is_on(settings)
        for name, topic in feature.topics(settings).items()
    }
