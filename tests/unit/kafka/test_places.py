"""Where records are, written and read."""

from __future__ import annotations

import pytest

from streamproc.kafka.places import OffsetRange, Place, Position, read_place, write_place


def test_a_place_is_read_as_it_was_written() -> None:
    assert write_place("reading.activity.v1", 2, 1500) == "reading.activity.v1/2/1500"
    assert read_place("reading.activity.v1/2/1500") == Place("reading.activity.v1", 2, 1500)


@pytest.mark.parametrize(
    "text", ["", "t", "t/1", "/1/2", "t/1/2/3", "t/-1/2", "t/²/2", f"t/{2**31}/2", f"t/1/{2**63}", f"t/1/{'9' * 5000}"]
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert read_place(text) is None


def test_positions_are_read_and_written() -> None:
    assert Position.parse("2:1500") == Position(2, 1500)
    assert str(Position(2, 1500)) == "2:1500"


@pytest.mark.parametrize("text", ["", "2", ":", "2:", ":5", "a:5", "2:-5", "-1:5", "2:5:6", "²:5"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PARTITION:OFFSET"):
        Position.parse(text)


def test_ranges_of_offsets_are_read() -> None:
    assert OffsetRange.parse("2:1500") == OffsetRange(2, 1500, 1501)
    assert OffsetRange.parse("2:1500-1999") == OffsetRange(2, 1500, 2000)


@pytest.mark.parametrize("text", ["2:1500-", "2:1500-x", "2:-", "2"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PARTITION:"):
        OffsetRange.parse(text)
