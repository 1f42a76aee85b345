"""The fields of a log line: those that every line has, those of the event that is worked on, and how they are escaped.

docs/reference/logs.md is the schema; tests/unit/telemetry/test_log_schema.py holds the code to it.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

import structlog

from streamproc.tracing.event import current

FIELDS: Mapping[str, str] = {
    "timestamp": "When, ISO 8601 in UTC.",
    "level": "debug, info, warning, error or critical.",
    "logger": "Which part of the worker says it.",
    "event": "What happened: a fixed text, listed below.",
    "service": "The service's name: `OTEL_SERVICE_NAME`, else streamproc.",
    "env": "`STREAMPROC_TELEMETRY__ENVIRONMENT`; empty: not set.",
    "version": "Of streamproc.",
    "correlation_id": "What those who published the event call it: its header `ce_correlationid`, else `ce_id`, else "
    "its topic, partition and offset. Up to 128 characters. Of lines about one event.",
    "activity_id": "Up to 128 characters; null or absent where the activity was not read. Of lines about one event.",
    "trace_id": "W3C's, 32 hexadecimal digits. Of lines about one event, if events are traced.",
    "span_id": "W3C's, 16 hexadecimal digits, of the span of the step. Of lines about one event, if events are traced.",
    "phrase_index": "Which phrase of the activity, as its publisher counts them.",
    "stage": "Where it failed: a stage of the [error codes](errors.md).",
    "status": "What became of the activity: COMPLETE, PARTIAL or DEAD_LETTER.",
    "latency_ms": "Milliseconds from the event's arrival to its outcome.",
    "code": "An [error code](errors.md).",
}
"""The schema: what a field means wherever it stands. Other fields belong to single events, and are listed with them."""

_UNPRINTABLE = re.compile(
    # Control characters but the ends of lines of stacks; separators and directions that make a line look like another.
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_STACKS = {"exception", "stack"}

EventDict = structlog.typing.EventDict


def about(identity: Mapping[str, str]) -> structlog.typing.Processor:
    """Adds who writes the line, and the event that the task works on.

    After the filters: what tells events apart must not make a repeated line look new.
    """

    def add(_: Any, __: str, line: EventDict) -> EventDict:
        scope = current.get()
        if scope is not None:
            line.setdefault("correlation_id", scope.correlation_id)
            if scope.activity_id is not None and line.get("activity_id") is None:
                line["activity_id"] = scope.activity_id
            if scope.trace is not None:
                line["trace_id"] = f"{scope.trace.context.trace_id:032x}"
                line["span_id"] = f"{scope.trace.active.span_id:016x}"
        line.update(identity)
        return line

    return add


def escaped(_: Any, __: str, line: EventDict) -> EventDict:
    """Writes what cannot be seen as escapes: who publishes chooses ids, and a terminal obeys what it is sent."""
    return {
        name: _escape(value, lines=name in _STACKS) if isinstance(value, str) else value for name, value in line.items()
    }


def _escape(text: str, *, lines: bool) -> str:
    text = _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return text if lines else text.replace("\n", "\\n")


class DebugSample(logging.Filter):
    """Lets a share of the DEBUG lines through; of one event all or none.

    Args:
        share: from 0 to 1.
        draw: from 0 to 1, for lines that are about no event.
    """

    def __init__(self, share: float, draw: Callable[[], float] = random.random) -> None:
        super().__init__()
        self.share = share
        self._draw = draw

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        if record.levelno > logging.DEBUG or self.share >= 1:
            return True
        scope = current.get()
        place = self._draw() if scope is None else crc32(scope.correlation_id.encode()) / 2**32
        return place < self.share
