"""A fault that repeats itself thousands of times fills no disk, and its number is told."""

from __future__ import annotations

import logging
from typing import Any

from support.holes import hole

from streamproc.telemetry.repetition import ALLOWED, PERIOD_S, REMEMBERED, Repetitions


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(message: object, *args: Any, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("test", level, __file__, 1, message, args, None)


@hole("C8")
def test_the_same_line_is_written_a_few_times_and_then_counted() -> None:
    clock = Clock()
    repetitions = Repetitions(clock)
    written = [repetitions.filter(record("accept: %s", "too many open files")) for _ in range(1000)]
    assert sum(written) == ALLOWED
    assert repetitions.filter(record("accept: %s", "something else"))
    clock.now = PERIOD_S
    again = record("accept: %s", "too many open files")
    assert repetitions.filter(again)
    assert again.getMessage() == f"accept: too many open files ({1000 - ALLOWED} more like this were left out)"


@hole("C8")
def test_lines_of_structlog_are_the_same_but_for_their_time() -> None:
    clock = Clock()
    repetitions = Repetitions(clock)
    for second in range(20):
        repetitions.filter(record({"event": "trying again", "code": "X", "timestamp": second}))
    clock.now = PERIOD_S
    again = record({"event": "trying again", "code": "X", "timestamp": 21})
    assert repetitions.filter(again)
    assert isinstance(again.msg, dict)
    assert again.msg["left_out"] == 20 - ALLOWED


@hole("C8")
def test_an_error_is_known_by_its_place() -> None:
    def fails(number: int) -> logging.LogRecord:
        try:
            raise ValueError(number)
        except ValueError as error:
            told = record(f"Exception in callback {number}")
            told.exc_info = (type(error), error, error.__traceback__)
            return told

    repetitions = Repetitions()
    assert sum(repetitions.filter(fails(number)) for number in range(1000)) == ALLOWED


def test_what_belongs_to_single_events_is_always_written() -> None:
    repetitions = Repetitions()
    assert all(repetitions.filter(record("scored", level=logging.INFO)) for _ in range(100))
    letters = ({"event": "dead letter", "offset": offset, "timestamp": 0} for offset in range(10 * REMEMBERED))
    assert all(repetitions.filter(record(letter, level=logging.WARNING)) for letter in letters)
