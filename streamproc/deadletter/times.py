"""Times of records as text. Kafka's timestamps are 64-bit numbers that nobody checks: not each of them is a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIMESTAMP = -1
"""What a producer writes that knows no time (RecordBatch.NO_TIMESTAMP)."""


class _Stamped(Protocol):
    """A record, as confluent-kafka gives it."""

    def timestamp(self) -> tuple[int, int]: ...


def timestamp_of(record: _Stamped) -> int | None:
    """A record's timestamp in milliseconds since 1970; None: it has none."""
    kind, milliseconds = record.timestamp()
    return None if kind == TIMESTAMP_NOT_AVAILABLE or milliseconds == _NO_TIMESTAMP else milliseconds


def iso(time: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds and Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_of(milliseconds: int | None) -> str | None:
    """A record's timestamp as ISO 8601 in UTC; what lies outside the years 1 to 9999 as the number that it is."""
    if milliseconds is None:
        return None
    try:
        return iso(_EPOCH + timedelta(milliseconds=milliseconds))
    except OverflowError:
        return str(milliseconds)
