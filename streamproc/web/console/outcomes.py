"""The last outcomes of the whole group, as they were read at the topics' ends: counted by the second, the newest kept.
Pure, and bounded in number and bytes.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Message

from streamproc.deadletter.envelope import trace_id
from streamproc.kafka.places import Place
from streamproc.transport.headers import headers_of

KEPT, KEPT_BYTES = 500, 16 << 20
"""Results that are kept, and what their values have together."""

WINDOW_S = 60
"""Seconds over which a rate is told."""

_SECONDS = 2 * WINDOW_S
"""So many seconds are counted apart."""


@dataclass(slots=True)
class KeptResult:
    """A result as it lies in its topic; what was found in it is filled in when somebody looks at it.

    time_ms: its timestamp, milliseconds since 1970. summary: of its row in the list; None: not read yet.
    """

    place: Place
    time_ms: int
    value: bytes
    trace_id: str | None
    summary: dict[str, Any] | None = None
    total_ms: float | None = None

    @classmethod
    def of(cls, message: Message) -> KeptResult:
        """The result that a record of its topic holds."""
        place = Place(str(message.topic()), message.partition() or 0, message.offset() or 0)
        value = message.value()
        trace = trace_id(headers_of(message) or ())
        return cls(place, message.timestamp()[1] or 0, bytes(value) if value else b"", trace)


class RecentOutcomes:
    """What has come of late, of all workers."""

    def __init__(self) -> None:
        self._kept: deque[KeptResult] = deque()
        self._bytes = 0
        self._seconds: dict[int, list[int]] = {}
        self._codes: deque[tuple[float, str]] = deque(maxlen=1_000)
        self._known_from = float("-inf")
        self._newest_ms = 0
        self.version = 0
        """Grows with each result."""

    def known_from(self, seconds: float) -> None:
        """Before this time (seconds since 1970) outcomes may have been missed."""
        self._known_from = max(self._known_from, seconds)

    def result(self, kept: KeptResult) -> None:
        """A result has come."""
        self._count(kept.time_ms, 0)
        self._kept.append(kept)
        self._bytes += len(kept.value)
        self.version += 1
        while len(self._kept) > KEPT or (self._bytes > KEPT_BYTES and len(self._kept) > 1):
            self._bytes -= len(self._kept.popleft().value)

    def letter(self, time_ms: int, code: str) -> None:
        """A dead letter has come."""
        self._count(time_ms, 1)
        self._codes.append((time_ms / 1000, code))

    @property
    def count(self) -> int:
        """Results that are kept."""
        return len(self._kept)

    def newest(self, count: int) -> list[KeptResult]:
        """The newest results first."""
        return sorted(self._kept, key=lambda kept: (kept.time_ms, kept.place.offset), reverse=True)[:count]

    def unread(self, count: int) -> list[KeptResult]:
        """The newest that nobody has looked into yet."""
        found: list[KeptResult] = []
        for kept in reversed(self._kept):
            if kept.summary is None:
                found.append(kept)
                if len(found) == count:
                    break
        return found

    def window(self, now: float) -> tuple[int, int, float]:
        """Results and letters of the last WINDOW_S seconds, or of as many as are known; and how many seconds."""
        begin = max(now - WINDOW_S, self._known_from)
        inside = [counts for second, counts in self._seconds.items() if second + 1 > begin]
        return sum(one[0] for one in inside), sum(one[1] for one in inside), max(1.0, now - begin)

    def course(self, now: float) -> list[tuple[int, int]]:
        """Results and letters of each of the last WINDOW_S seconds, the oldest first; the present one is left out."""
        last = int(now)
        counted = (self._seconds.get(second, (0, 0)) for second in range(last - WINDOW_S, last))
        return [(counts[0], counts[1]) for counts in counted]

    def silent(self, now: float) -> float | None:
        """Seconds since the last outcome; None: none was seen."""
        return max(0.0, now - self._newest_ms / 1000) if self._newest_ms else None

    def common_code(self, now: float) -> str:
        """Of most letters in the last WINDOW_S seconds."""
        recent = Counter(code for time, code in self._codes if time > now - WINDOW_S)
        return recent.most_common(1)[0][0] if recent else ""

    def latencies(self) -> dict[str, float]:
        """Percentiles of the milliseconds that the results which were read took in their workers; empty: none was."""
        taken = sorted(kept.total_ms for kept in self._kept if kept.total_ms is not None)
        if not taken:
            return {}
        return {"count": len(taken), **{f"p{percent}": percentile(taken, percent) for percent in (50, 95, 99)}}

    def __iter__(self) -> Iterator[KeptResult]:
        return iter(self._kept)

    def _count(self, time_ms: int, kind: int) -> None:
        self._newest_ms = max(self._newest_ms, time_ms)
        second = time_ms // 1000
        if second not in self._seconds and len(self._seconds) >= _SECONDS:
            del self._seconds[min(self._seconds)]
        self._seconds.setdefault(second, [0, 0])[kind] += 1


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest rank of values in ascending order."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
