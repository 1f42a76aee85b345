"""Positions, spans and pages."""

from __future__ import annotations

import pytest

from streamproc.deadletter.letters import Position, Span
from streamproc.deadletter.scan import after, size


def test_positions_are_read_and_written() -> None:
    assert Position.parse("2:1500") == Position(2, 1500)
    assert str(Position(2, 1500)) == "2:1500"


@pytest.mark.parametrize("text", ["", "2", ":", "2:", ":5", "a:5", "2:-5", "-1:5", "2:5:6", "²:5"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PARTITION:OFFSET"):
        Position.parse(text)


def test_spans_are_read() -> None:
    assert Span.parse("2:1500") == Span(2, 1500, 1501)
    assert Span.parse("2:1500-1999") == Span(2, 1500, 2000)


@pytest.mark.parametrize("text", ["2:1500-", "2:1500-x", "2:-", "2"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PARTITION:"):
        Span.parse(text)


def test_the_next_page_begins_behind_the_last_letter() -> None:
    spans = [Span(0, 0, 10), Span(1, 5, 20), Span(2, 0, 5)]
    rest = after(spans, Position(1, 7))
    assert rest == [Span(1, 8, 20), Span(2, 0, 5)]
    assert size(rest) == 17
    assert after(spans, Position(2, 9)) == [Span(2, 10, 5)]
    assert size(after(spans, Position(2, 9))) == 0
