"""All that is known of one activity: its record, its outcomes, and where it stands. For a thread of its own.

Kafka has no index by activity: the newest records of each topic are looked through by their headers, which clients and
workers write (CloudEvents' ``ce_subject``, W3C's ``traceparent``); with a place, the record is read where it is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import Message
from faust.types import TP

from streamproc.deadletter.envelope import replays_of, source_of, trace_id
from streamproc.deadletter.ledger import LetterLedger, read_ledger
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.show import describe
from streamproc.kafka.backwards import Looked, backwards
from streamproc.kafka.places import Position, read_place
from streamproc.kafka.progress import committed
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings
from streamproc.transport.headers import headers_of
from streamproc.web.console.letters import BadRequest, row_of
from streamproc.web.console.outcomes import KeptResult
from streamproc.web.console.shown import shown_all

T = TypeVar("T")

MOST_RECORDS, MOST_BYTES = 10_000, 32 << 20
"""Of each topic that are looked through."""

_FOUND_AT_MOST = 20
_LONGEST_QUERY = 300
_TRACE = re.compile(r"[0-9a-f]{32}")
_Raw = Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """What somebody looks for: an activity's id, a trace's id, or the place of an activity's record."""

    text: str
    trace: str | None
    place: Position | None

    @classmethod
    def of(cls, text: str, activity_topic: str) -> ActivityQuery:
        """From what was typed in: an id, 32 hexadecimal digits, PARTITION:OFFSET or topic/partition/offset.

        Raises:
            BadRequest: nothing, or too much.
        """
        text = text.strip()
        if not text or len(text) > _LONGEST_QUERY:
            raise BadRequest("which activity? An id, a trace's id, or PARTITION:OFFSET of its record")
        whole = read_place(text)
        if whole is not None and whole.topic == activity_topic:
            return cls(text, None, Position(whole.partition, whole.offset))
        try:
            return cls(text, None, Position.parse(text))
        except ValueError:
            return cls(text, text if _TRACE.fullmatch(text) else None, None)

    def wants(self, raw: _Raw, place: Position | None) -> bool:
        """Whether a record with these headers, about the activity at this place, is meant."""
        if self.place is not None:
            return place == self.place
        if raw.get("ce_subject") == self.text.encode():
            return True
        return self.trace is not None and (raw.get("traceparent") or b"")[3:35] == self.trace.encode()


@dataclass(frozen=True, slots=True)
class FoundActivity:
    """What was found: JSON values, and the results' records, which are still to be read."""

    values: dict[str, Any]
    results: list[KeptResult]


class ActivitySearch:
    """Looks through the topics of the settings. Raises StreamprocError as TopicReader does."""

    def __init__(self, settings: Settings, result_topic: str) -> None:
        self._settings = settings
        self._result_topic = result_topic

    def find(self, query: ActivityQuery) -> FoundActivity:
        """All that is known."""
        kafka = self._settings.kafka
        with TopicReader(self._settings) as reader:
            ledger = read_ledger(reader, kafka.dead_letter_topic)
            results = self._look(reader, self._result_topic, lambda message: _result(message, query))
            letters = self._look(reader, kafka.dead_letter_topic, lambda message: _letter(message, query, ledger))
            looked = results.records + letters.records
            places = {place for _, place in (*results.found, *letters.found) if place is not None}
            if query.place is not None:
                places.add(query.place)
            elif not places:
                # No outcome tells its place: it may wait still.
                records = self._look(reader, kafka.activity_topic, lambda message: _activity(message, query))
                places, looked = set(records.found), looked + records.records
            chosen = sorted(places)[:_FOUND_AT_MOST]
            messages = [reader.record_at(kafka.activity_topic, *place) for place in chosen]
        activities = [self._described(message) for message in messages if message is not None]
        values = {
            "query": query.text,
            "looked": looked,
            "activities": self._standing(activities),
            "letters": [row for row, _ in letters.found],
        }
        return FoundActivity(shown_all(values), [kept for kept, _ in results.found])

    def _look(self, reader: TopicReader, topic: str, wanted: Callable[[Message], T | None]) -> Looked[T]:
        return backwards(reader, topic, wanted, _FOUND_AT_MOST, records=MOST_RECORDS, size=MOST_BYTES)

    def _described(self, message: Message) -> dict[str, Any]:
        """An activity's record. Its key and the event's ``learner_id`` are left out: it is about what was read."""
        letter = Letter(message)
        described = asyncio.run(describe(letter, self._settings.registry))
        if isinstance(described["event"], dict):
            described["event"].pop("learner_id", None)
        return {
            "partition": letter.partition,
            "offset": letter.offset,
            "time_ms": letter.timestamp_ms,
            "trace_id": trace_id(letter.headers),
            "replays": replays_of(letter.headers),
            "headers": described["headers"],
            "event": described["event"],
            "unreadable": described["unreadable"],
        }

    def _standing(self, activities: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each with ``finished``: whether its outcome is committed, as the group's progress says."""
        kafka = self._settings.kafka
        tps = {TP(kafka.activity_topic, each["partition"]) for each in activities}
        progress = committed(self._settings, kafka.group_id, sorted(tps)) if tps else {}
        for each in activities:
            own = progress.get(TP(kafka.activity_topic, each["partition"]))
            each["finished"] = own is not None and own.is_done(each["offset"])
        return activities


def _result(message: Message, query: ActivityQuery) -> tuple[KeptResult, Position | None] | None:
    raw = _raw(message)
    # A worker's result names the record that it answers.
    source = read_place((raw.get("ce_id") or b"").decode(errors="replace"))
    place = None if source is None else Position(source.partition, source.offset)
    if not query.wants(raw, place):
        return None
    return KeptResult.of(message), place


def _letter(
    message: Message, query: ActivityQuery, ledger: LetterLedger
) -> tuple[dict[str, Any], Position | None] | None:
    letter = Letter(message)
    source = source_of(letter.error)
    place = None if source is None else Position(source.partition, source.offset)
    return (row_of(letter, ledger), place) if query.wants(letter.raw, place) else None


def _activity(message: Message, query: ActivityQuery) -> Position | None:
    place = Position(message.partition() or 0, message.offset() or 0)
    return place if query.wants(_raw(message), place) else None


def _raw(message: Message) -> _Raw:
    return dict(headers_of(message) or ())
