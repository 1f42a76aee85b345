"""Pages of letters."""

from __future__ import annotations

from streamproc.deadletter.scan import after, size
from streamproc.kafka.places import OffsetRange, Position


def test_the_next_page_begins_behind_the_last_letter() -> None:
    spans = [OffsetRange(0, 0, 10), OffsetRange(1, 5, 20), OffsetRange(2, 0, 5)]
    rest = after(spans, Position(1, 7))
    assert rest == [OffsetRange(1, 8, 20), OffsetRange(2, 0, 5)]
    assert size(rest) == 17
    assert after(spans, Position(2, 9)) == [OffsetRange(2, 10, 5)]
    assert size(after(spans, Position(2, 9))) == 0
