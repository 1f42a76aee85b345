"""Pages of letters."""

from __future__ import annotations

from typing import Any

from streamproc.deadletter.letters import Letter, Selection
from streamproc.deadletter.scan import after, size
from streamproc.kafka.places import OffsetRange, Position


class Record:
    """A record with an error code, as confluent_kafka gives it."""

    def __init__(self, code: str) -> None:
        self._code = code

    def headers(self) -> list[tuple[str, bytes]]:
        return [("streamproc.error.code", self._code.encode()), ("streamproc.error.headers", b"2")]


def test_codes_that_are_not_meant_are_left_out() -> None:
    matches = Selection(without=frozenset({"DUPLICATE_ACTIVITY"})).matcher()
    records: list[Any] = [Record("DUPLICATE_ACTIVITY"), Record("AUDIO_EMPTY")]
    assert [matches(Letter(record)) for record in records] == [False, True]


def test_the_next_page_begins_behind_the_last_letter() -> None:
    spans = [OffsetRange(0, 0, 10), OffsetRange(1, 5, 20), OffsetRange(2, 0, 5)]
    rest = after(spans, Position(1, 7))
    assert rest == [OffsetRange(1, 8, 20), OffsetRange(2, 0, 5)]
    assert size(rest) == 17
    assert after(spans, Position(2, 9)) == [OffsetRange(2, 10, 5)]
    assert size(after(spans, Position(2, 9))) == 0
