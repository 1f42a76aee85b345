"""Whom a refused record is laid to. The producer is a fake: brokers that refuse are in the chaos tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, Message
from faust.types import TP

from streamproc.transport.outcomes import Assignment, Batch, Entry, Loose, Outcome
from streamproc.transport.progress import Progress
from streamproc.transport.transaction import Aborted, PlainCommitter, Refused, Verdict

ASSIGNMENT = Assignment(TP("in", 0), Progress.at(0))


class Producer:
    """Delivers each record when flushed, with the error that its value names."""

    def __init__(self) -> None:
        self._queued: list[tuple[Any, ...]] = []

    def produce(
        self, topic: str, value: bytes, key: bytes, place: int, delivered: Callable[..., None], *_: Any
    ) -> None:
        self._queued.append((topic, value, key, delivered))

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        for topic, value, key, delivered in self._queued:
            code = getattr(KafkaError, value.decode(), None)
            if code is not None:
                delivered(KafkaError(code), Message(topic=topic, key=key, value=value))
        self._queued.clear()
        return 0


def outcome(value: bytes, key: bytes | None = b"k", topic: str = "out") -> Outcome:
    return Outcome(topic, key, value, None, None, None)


def commit(*values: bytes | Outcome, loose: list[Loose] | None = None) -> tuple[Verdict, list[Entry]]:
    """Commit one event for each value."""
    committer = PlainCommitter({}, lambda offsets: None, lambda: False)
    committer._producer = cast(Any, Producer())
    entries = [Entry(ASSIGNMENT, offset, None, None, 0) for offset in range(len(values))]
    outcomes = [value if isinstance(value, Outcome) else outcome(value) for value in values]
    batch = Batch(None, [], list(zip(entries, outcomes, strict=True)), loose or [])
    return committer.commit(batch), entries


def test_an_event_is_suspected_when_its_record_is_refused() -> None:
    verdict, entries = commit(b"good", b"MSG_SIZE_TOO_LARGE", b"good")
    assert isinstance(verdict, Refused)
    assert (verdict.entries, verdict.reason, verdict.topic) == ([entries[1]], "MSG_SIZE_TOO_LARGE", "out")


def test_all_with_the_same_record_are_suspected() -> None:
    verdict, entries = commit(b"INVALID_RECORD", b"good", b"INVALID_RECORD", outcome(b"INVALID_RECORD", key=b"other"))
    assert isinstance(verdict, Refused)
    assert verdict.entries == [entries[0], entries[2], entries[3]]


def test_the_same_value_under_another_key_is_not_suspected() -> None:
    verdict, entries = commit(outcome(b"good", key=b"x"), outcome(b"INVALID_RECORD", key=b"y"))
    assert isinstance(verdict, Refused)
    assert verdict.entries == [entries[1]]


def test_a_send_outside_any_event_is_told() -> None:
    loose = Loose(outcome(b"MSG_SIZE_TOO_LARGE", key=None), cast(Any, None))
    verdict, _ = commit(b"good", loose=[loose])
    assert isinstance(verdict, Refused)
    assert (verdict.entries, verdict.loose) == ([], [loose])


@pytest.mark.parametrize("reason", ["REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS"])
def test_what_may_pass_refuses_nobody(reason: str) -> None:
    verdict, _ = commit(b"good", reason.encode())
    assert verdict == Aborted(reason)
