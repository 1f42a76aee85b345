"""Faust's windows by stream time: when a window closes, which writes come too late for it, and where those go.

A window is open until the stream time of the event that would write it has passed the window's end plus its grace: by
the log alone, whatever is worked on when. It closes when all events before the record that passed that are committed,
so after the last event that may have written it; nothing that comes later writes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from faust.tables.wrappers import WindowWrapper as FaustWindowWrapper
from faust.types import EventT
from faust.types.tables import TableT
from faust.types.windows import WindowRange, WindowT
from faust.windows import HoppingWindow, TumblingWindow
from mode import Seconds, want_seconds

from streamproc.transport.flight.event_time import time_of
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.flight.state.due import Due
from streamproc.transport.flight.timers import Timer
from streamproc.transport.surface.delivery import Delivery, current_delivery
from streamproc.transport.surface.seams import PlainHoppingWindow
from streamproc.transport.surface.tables.moment import moment

#: Timestamps, in seconds from the clock, that late events keep. Brokers may refuse what is further ahead, whatever the
#: source's topic takes (an hour is their default, and their clock is not ours); what is older they may delete at once.
_AHEAD_S, _BEHIND_S = 1_800.0, 86_400.0


class Windows:
    """One windowed table's."""

    def __init__(self, table: Any, window: WindowT, grace: Seconds | None) -> None:
        """``grace``: how long after its end a window stays open; None: as long as Faust would keep it (``expires``)."""
        self._table = table
        self._window: Any = window
        expires: float = window.expires or 0.0
        #: Seconds; None: windows never close, as with Faust.
        self.grace: float | None = want_seconds(grace) if grace is not None else expires or None
        self.late_topic = f"{table.app.conf.id}-{table.name}-late"
        #: Of few windows at a time many keys are written again and again.
        self._due_of: Callable[[bytes], Due | None] = lru_cache(10_000)(self._due_of_key)

    def closes_at(self, window: WindowRange) -> int | None:
        """When a window is closed, in milliseconds since 1970; None: never."""
        if self.grace is None:
            return None
        start, end = window
        size: float | None = getattr(self._window, "size", None)
        if size is None:
            return round((end + self.grace) * 1000) + 1  # a sliding window's end is in it
        return round((start + size + self.grace) * 1000)  # Faust names an end a tenth of a second earlier

    def due_of(self, key: bytes, value: bytes) -> Due | None:
        """When a key of the table is to be closed."""
        return self._due_of(key)

    def _due_of_key(self, key: bytes) -> Due | None:
        window = _window_of(self._table.data.codec.load_key(key))
        at = None if window is None else self.closes_at(window)
        return None if at is None else Due(at)

    def refuses(self, key: Any) -> bool:
        """Whether a write to this key comes too late; then the event goes to the topic of late ones."""
        window, now = _window_of(key), moment()
        closed = None if window is None or now is None else self.closes_at(window)
        if window is None or now is None or closed is None or now < closed:
            return False
        delivery = current_delivery.get()
        if delivery is not None and not isinstance(delivery.entry, Timer):
            self._set_aside(delivery, window, closed, now)
        return True

    def is_late(self, timestamp: float) -> bool:
        """Whether an event of this time is too late for each of its windows."""
        now = moment()
        ends = [self.closes_at(window) for window in self._window.ranges(timestamp)]
        return now is not None and all(end is not None and end <= now for end in ends)

    def _set_aside(self, delivery: Delivery, window: WindowRange, closed: int, now: int) -> None:
        """Send the event to the topic of late ones: once, with the first window that was closed."""
        if any(outcome.topic == self.late_topic for outcome in delivery.entry.outcomes):
            return
        told = {
            "late.reason": "the window was closed: the stream time had passed its end and grace",
            "late.table": self._table.name,
            "late.window": f"{window[0]},{window[1]}",
            "late.closed": closed,
            "late.stream_time": now,
            "late.topic": delivery.topic,
            "late.partition": delivery.partition,
            "late.offset": delivery.offset,
        }
        stamp = time_of(delivery.record, delivery.topic)
        if stamp >= 0 and not -_BEHIND_S < stamp / 1000 - time.time() < _AHEAD_S:
            told["late.timestamp"], stamp = stamp, 0
        headers = [*(delivery.headers or ()), *((name, str(value).encode()) for name, value in told.items())]
        counts = self._table.app.transport.topics
        same = counts.known(self.late_topic) == counts.known(self._table.changelog_topic_name)
        delivery.hold(
            Outcome(
                self.late_topic,
                delivery.key,
                delivery.value,
                delivery.partition if same else None,
                stamp if stamp > 0 else None,
                headers,
            )
        )


def unbounded(window: WindowT) -> WindowT:
    """The same window, for timestamps of any size.

    Faust's compiled one counts steps in 32 bits. Of a record far in the future (a publisher that takes micro- for
    milliseconds) it makes windows from long before 1970 up to then, until the memory is full.
    """
    if type(window) not in (HoppingWindow, TumblingWindow):
        return window
    compiled: Any = window
    return PlainHoppingWindow(compiled.size, compiled.step, compiled.expires or None)


def _window_of(key: Any) -> WindowRange | None:
    """The window that a key of a windowed table names; None: it names none."""
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], tuple) and len(key[1]) == 2:
        window: WindowRange = key[1]
        return window
    return None


def stream_now() -> float:
    """What ``relative_to_now`` means: in an event the stream time, outside events the clock; seconds since 1970."""
    now = moment()
    return time.time() if now is None else now / 1000


class WindowWrapper(FaustWindowWrapper):
    """``table.tumbling(…)``."""

    table: TableT[Any, Any]

    def is_late(self, event: EventT[Any] | None = None) -> bool:
        """Whether what this event writes comes too late for all its windows, and goes to the topic of late events."""
        windows: Windows | None = getattr(self.table, "windows", None)
        return windows is not None and windows.is_late(self.get_timestamp(event))
