"""What is left of one partition, counted from its records or bounded by its offsets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from streamproc.kafka.lag import Lag, Look
from streamproc.kafka.places import OffsetRange
from streamproc.transport.flight.progress import Progress

NOW = 1_000.0
EVERYTHING = 1 << 30


class Stored:
    """Stands in for confluent-kafka's message, of 10 bytes."""

    def __init__(self, offset: int, milliseconds: int = 0) -> None:
        self._offset = offset
        self._milliseconds = milliseconds or 900_000 + offset * 1_000

    def __len__(self) -> int:
        return 10

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return (1, self._milliseconds)


def looked(
    progress: Progress, end: int, *batches: Sequence[Stored], begin: int = 0, whole: bool = True, size: int = EVERYTHING
) -> Lag:
    look = Look("in", OffsetRange(3, begin, end))
    look.stand(progress, end)
    messages: Iterable[Any] = batches
    if look.left:
        look.read(messages, whole, size)
    return look.result(NOW)


def test_markers_are_no_work() -> None:
    # 4 is a marker, and so is 7, the last offset.
    assert looked(Progress.at(3), 8, [Stored(3)], [Stored(5), Stored(6)], []) == Lag("in", 3, 3, 97.0, True)
    assert looked(Progress.at(7), 8, []) == Lag("in", 3, 0, None, True)
    assert looked(Progress.at(8), 8) == Lag("in", 3, 0, None, True)


def test_what_is_done_beyond_the_committed_offset_is_no_work() -> None:
    progress = Progress(2, 9, (2, 6))
    assert looked(progress, 11, [Stored(offset) for offset in range(2, 10)]) == Lag("in", 3, 3, 98.0, True)


def test_what_is_too_much_to_read_is_bounded() -> None:
    progress = Progress(2, 9, (2, 6))
    assert looked(progress, 11, [Stored(2), Stored(3)], whole=False) == Lag("in", 3, 4, 98.0, False)
    assert looked(progress, 11, [Stored(2), Stored(3), Stored(4)], size=20) == Lag("in", 3, 4, 98.0, False)


def test_what_retention_has_deleted_is_no_work() -> None:
    assert looked(Progress(2, 9, (2, 6)), 10, [Stored(7), Stored(8), Stored(9)], begin=7) == Lag("in", 3, 1, 91.0, True)
    look = Look("in", OffsetRange(3, 7, 10))
    look.stand(Progress.at(2), 10)
    assert (look.left, look.result(NOW)) == (3, Lag("in", 3, 3, None, False))


def test_a_log_that_has_lost_its_end_or_a_clock_that_is_fast() -> None:
    assert looked(Progress.at(20), 5) == Lag("in", 3, 0, None, True)
    assert looked(Progress.at(0), 1, [Stored(0, 2_000_000)]) == Lag("in", 3, 1, 0.0, True)
    assert looked(Progress.at(0), 1, [Stored(0, -1)]) == Lag("in", 3, 1, None, True)
