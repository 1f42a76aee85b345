"""Timestamps of records: whatever 64 bits they hold, something can be said of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message
from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

from streamproc.cli.shown import group_lines, letter_lines
from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter.envelope import Source, WorkerIdentity, error_headers, failure_of, split_headers
from streamproc.deadletter.ledger import LetterLedger
from streamproc.deadletter.letters import Letter, Selection
from streamproc.deadletter.rows import letter_json
from streamproc.deadletter.statistics import course, group_letters
from streamproc.deadletter.times import iso_of, timestamp_of
from streamproc.errors import ErrorCode, StreamprocError

pytestmark = hole("B4")

TIME = datetime(2026, 3, 1, tzinfo=UTC)
NO_DATES = (1_772_357_400_123_000, -(10**15), 2**63 - 1, -(2**63))
"""Microseconds where milliseconds belong, and worse."""


def record(timestamp_ms: int, offset: int = 0) -> Message:
    return Message(
        topic="x.dlq",
        partition=0,
        offset=offset,
        value=b"",
        headers=[],
        timestamp=(TIMESTAMP_CREATE_TIME, timestamp_ms),
    )


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1000, "1969-12-31T23:59:59.000Z"),
        (1_772_357_400_123, "2026-03-01T09:30:00.123Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (-62_135_596_800_001, "-62135596800001"),
        (253_402_300_800_000, "253402300800000"),
        (None, None),
    ],
)
def test_a_time_is_a_date_or_the_number_that_it_is(milliseconds: int | None, text: str | None) -> None:
    assert iso_of(milliseconds) == text


def test_no_timestamp_is_no_time_and_not_1969() -> None:
    assert timestamp_of(record(-1)) is None
    assert timestamp_of(Message(timestamp=(TIMESTAMP_NOT_AVAILABLE, 0))) is None
    assert timestamp_of(record(0)) == 0


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_event_with_any_timestamp_becomes_a_letter(timestamp_ms: int) -> None:
    place = SourcePosition(topic="x", partition=0, offset=1)
    failure = failure_of(StreamprocError(ErrorCode.VALUE_MISSING), 1, TIME, None)
    headers = error_headers(
        Source(place, timestamp_of(record(timestamp_ms)), []), failure, WorkerIdentity("group", "model/1")
    )
    _, error = split_headers(headers)
    assert error.get("source.timestamp") == (None if timestamp_ms == -1 else iso_of(timestamp_ms))


@given(st.lists(st.sampled_from([*NO_DATES, -1, 0, 1_772_357_400_123]), min_size=1))
def test_letters_with_any_timestamp_are_listed_and_counted(timestamps: list[int]) -> None:
    ledger = LetterLedger()
    letters = [Letter(record(time, offset)) for offset, time in enumerate(timestamps)]
    for letter, time in zip(letters, timestamps, strict=True):
        assert letter_json(letter, ledger)["time"] == (None if time == -1 else iso_of(time))
        assert next(letter_lines(letter, ledger))
    groups = group_letters(letters)
    assert sum(group.count for group in groups) == len(letters)
    for group in groups:
        assert list(group_lines(group, len(letters), *course(groups)))


def test_a_letter_without_a_time_is_of_every_time() -> None:
    matches = Selection(since_ms=5, until_ms=10).matcher()
    assert [matches(Letter(record(time))) for time in (4, 5, 9, 10, -1)] == [False, True, True, False, True]
