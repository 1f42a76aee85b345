"""When an event happened: its record's timestamp; or that of the first record, where a stream has passed it on.

What ``group_by`` and ``through`` pass on is a record of its own, of the time at which it is sent: brokers refuse what
is far ahead of their clock, and may delete at once what is older than the topic keeps. So the event's time stands in a
header, with the topic that it is meant for: who copies the record to yet another topic copies no time with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamproc.transport.headers import Headers, headers_of

#: The last header of a record that was passed on: the topic that it was passed on to, and milliseconds since 1970.
HEADER = "repartition.time"


def with_time(headers: Sequence[tuple[str, Any]] | None, topic: str, time_ms: int) -> list[tuple[str, Any]]:
    """Headers that have an event's time, for its record in this topic."""
    return [*(one for one in headers or () if one[0] != HEADER), (HEADER, f"{topic} {time_ms}".encode())]


def carried_time(headers: Headers | None, topic: str) -> int | None:
    """The time that these headers have, of a record in this topic; None: they have none."""
    if not headers:
        return None
    # The last one alone: this is asked of every record.
    name, value = headers[-1]
    if name != HEADER:
        return None
    meant, _, time = (value or b"").decode(errors="replace").rpartition(" ")
    return int(time) if meant == topic and time.isascii() and time.isdigit() else None


def time_of(record: Any, topic: str) -> int:
    """The time of a record's event, in milliseconds since 1970, as the record in this topic tells it."""
    carried = carried_time(headers_of(record), topic)
    return int(record.timestamp()[1]) if carried is None else carried
