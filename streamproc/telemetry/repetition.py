"""Keeps a fault that repeats itself from filling the disk: of lines that are the same, the first few are written."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

PERIOD_S = 10.0
ALLOWED = 5
"""Lines that are the same are written so many times in a period."""
REMEMBERED = 256
"""Different lines that are remembered: more than that are no repetition."""


@dataclass(slots=True)
class _Line:
    since: float
    written: int = 0
    left_out: int = 0


class Repetitions(logging.Filter):
    """Lets a warning or an error through at most ALLOWED times in PERIOD_S; the next one tells how many were left out.

    What is not worth a warning passes as it is: such lines belong to single events, and differ.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lines: dict[tuple[object, ...], _Line] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        if record.levelno < logging.WARNING:
            return True
        now, key = self._clock(), _sameness(record)
        line = self._lines.get(key)
        if line is None or now - line.since >= PERIOD_S:
            left_out = line.left_out if line else 0
            self._lines.pop(key, None)
            if len(self._lines) >= REMEMBERED:
                del self._lines[next(iter(self._lines))]
            line = self._lines[key] = _Line(now)
            if left_out:
                _tell(record, left_out)
        if line.written >= ALLOWED:
            line.left_out += 1
            return False
        line.written += 1
        return True


def _sameness(record: logging.LogRecord) -> tuple[object, ...]:
    raised = record.exc_info[1] if record.exc_info else None
    if raised is not None:
        # By its place: asyncio tells of one that fails in a hundred callbacks with a hundred times of day.
        place = raised.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = (place.tb_frame.f_code.co_filename, place.tb_lineno) if place is not None else None
        return record.name, record.levelno, type(raised), where
    said = record.msg
    if isinstance(said, dict):  # structlog's
        said = tuple((name, str(value)) for name, value in said.items() if name not in _OF_THE_MOMENT)
    else:
        said = record.getMessage()
    return record.name, record.levelno, said


_OF_THE_MOMENT = {"timestamp"}


def _tell(record: logging.LogRecord, left_out: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "left_out": left_out}
    else:
        record.msg, record.args = f"{record.getMessage()} ({left_out} more like this were left out)", ()
