"""More partitions without a change of order: what was published before is finished before keys move.

With more partitions a key's records go to another one. What is published there could overtake what still waits in the
old one; so nobody may publish, and nothing may wait, when partitions are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka import topics
from streamproc.kafka.features import needed
from streamproc.kafka.lag import lags
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings


@dataclass(frozen=True, slots=True)
class Drain:
    """How far it is: records that wait, by consumer group, and where the activities' partitions end."""

    waiting: Mapping[str, int]
    ends: Mapping[int, int]

    @property
    def left(self) -> int:
        """All that waits."""
        return sum(self.waiting.values())


@dataclass(slots=True)
class Stillness:
    """Whether nothing has waited, and nothing was published, for ``still_s`` seconds of ``look``'s clock."""

    still_s: float
    _ends: Mapping[int, int] = field(default_factory=dict)
    _since: float | None = None

    def look(self, now: float, drain: Drain) -> bool:
        """Take in how far it is now; whether partitions may be added."""
        if drain.left or drain.ends != self._ends:
            self._since = None
        if not drain.left and self._since is None:
            self._since = now
        self._ends = drain.ends
        return self._since is not None and now - self._since >= self.still_s


def growing(settings: Settings, count: int) -> list[str]:
    """The topics that have fewer partitions than ``count``; compacted ones never grow.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; KAFKA_REFUSED; TOPIC_MISSING; SETTINGS_INVALID where one has more, or where
            state is kept by partition.
    """
    if tables := [name for name, topic in needed(settings).items() if topics.is_compacted(topic.config)]:
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID,
            f"{', '.join(tables)}: state is kept by partition, and learners who move would leave theirs: turn off "
            "STREAMPROC_DUPLICATES__WINDOW and STREAMPROC_PROGRESS__ENABLED, or begin with topics of other names",
        )
    there = topics.existing(settings)
    names = [name for name, config in topics.wanted(settings).items() if not topics.is_compacted(config)]
    if missing := [name for name in names if name not in there]:
        raise StreamprocError(ErrorCode.TOPIC_MISSING, f"{', '.join(missing)}: run 'streamproc topics create'")
    if more := [f"{name} has {there[name]}" for name in names if there[name] > count]:
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID, f"{count} partitions, but {', '.join(more)}: a topic never gets fewer"
        )
    return [name for name in names if there[name] < count]


def look(settings: Settings, readers: tuple[str, ...]) -> Drain:
    """How much waits for workers, and for these consumer groups of results.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; KAFKA_REFUSED; TOPIC_MISSING.
    """
    kafka = settings.kafka
    ends = activity_ends(settings)
    waiting = {kafka.group_id: _left(settings, kafka.group_id, (kafka.activity_topic,))}
    for group in readers:
        waiting[group] = _left(settings, group, tuple(topics.result_topics(kafka).values()))
    return Drain(waiting, ends)


def activity_ends(settings: Settings) -> dict[int, int]:
    """Partition of the activities -> where it ends now.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; KAFKA_REFUSED; TOPIC_MISSING.
    """
    with TopicReader(settings) as reader:
        return {span.partition: span.end or 0 for span in reader.bounds(settings.kafka.activity_topic)}


def _left(settings: Settings, group: str, names: tuple[str, ...]) -> int:
    return sum(one.unfinished for one in lags(settings, group, names))
