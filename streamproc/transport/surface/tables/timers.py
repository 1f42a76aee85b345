"""Timers of an app on ``rdkafka://``: something is to be done for a key when the time of its events has passed a point.

::

    async def forget(key, due):
        del seen[key]
        await forgotten.send(key=key, value=due)

    timers = Timers(app, "forgetting", on_due=forget)

    @app.agent(source)
    async def agent(stream):
        async for event in stream.events():
            timers.set(event.key, due=event.message.timestamp + 3600)

What is promised:

- A timer is **set by an event** and committed with it, or not at all. Each name has one due time; the last one counts.
- It is **due** when the stream time of its partition has passed its due time: the newest timestamp of the partition's
  records, in the order of the log. ``on_due`` begins when all records before the one that passed it are committed.
- It is carried out **once**: what ``on_due`` writes to tables and sends is committed in one transaction with the
  timer's deletion and an offset of its partition, or not at all; and then it is carried out anew. After a crash or a
  rebalance the next owner has the same timers, and the same stream time at the same offset. (What ``on_due`` does
  elsewhere may be done again, as an event's work may.)
- It never runs **at the same time as an event of the key** that the event had which set it (with ``ordering=key``).
  Events behind the record that passed the due time may have been worked on before.
- In a partition where **nothing comes**, no time passes, unless the setting ``idle_time`` says otherwise.
- When ``on_due`` raises, the transport's ``on_raise`` decides; *skip* forgets the timer. An outcome that brokers refuse
  goes to ``on_refused``, with an event that has no value.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import faust
from mode.utils.futures import maybe_async

from streamproc.transport.errors import OutsideEvent
from streamproc.transport.flight.state.due import Due
from streamproc.transport.surface.delivery import current_delivery
from streamproc.transport.surface.tables.moment import moment
from streamproc.transport.surface.tables.table import Table

#: Called with the name that was set and its due time, in seconds since 1970.
OnDue = Callable[[Any, float], Awaitable[None] | None]


class Timers:
    """One kind of timers of an app; their state is a table of this name."""

    def __init__(self, app: faust.App, name: str, on_due: OnDue, **options: Any) -> None:
        """``options``: those of ``app.Table``, for example ``key_type`` and ``partitions``."""
        self._table = _TimerTable(app, on_due, name=name, beacon=app.tables.beacon, **options)
        app.tables.add(self._table)

    def set(self, key: Any, due: float | datetime) -> None:
        """Inside an event: have ``on_due`` called for this key at that time, and at no other.

        Args:
            due: seconds since 1970, or a datetime. What is past is due at once.

        Raises:
            OutsideEvent: no event and no timer is worked on.
        """
        delivery = current_delivery.get()
        seconds = due.timestamp() if isinstance(due, datetime) else due
        gate = None if delivery is None or delivery.key is None else base64.b64encode(delivery.key).decode()
        self._table[key] = [round(seconds * 1000), gate]

    def cancel(self, key: Any) -> None:
        """Inside an event: have nothing called for this key."""
        self._table.pop(key, None)

    def due(self, key: Any) -> float | None:
        """When a key is due, in seconds since 1970; None: never."""
        found = self._table.get(key)
        return None if found is None else found[0] / 1000

    def now(self) -> float:
        """The stream time of the event that is worked on, in seconds since 1970; in ``on_due`` the due time.

        Raises:
            OutsideEvent: nothing is worked on.
        """
        now = moment()
        if now is None:
            raise OutsideEvent("The stream time is that of an event: no event is worked on")
        return now / 1000


class _TimerTable(Table):
    """Keys with their due times, and the keys of the events that have set them."""

    def __init__(self, app: Any, on_due: OnDue, **options: Any) -> None:
        super().__init__(app, **options)
        self._on_due = on_due

    @staticmethod
    def due_of(key: bytes, value: bytes) -> Due | None:
        """When a key is due."""
        at, gate = json.loads(value)
        return Due(at, None if gate is None else base64.b64decode(gate))

    async def on_due(self, key: bytes, value: bytes) -> None:
        """Call the app's."""
        due = self.due_of(key, value)
        assert due is not None, "it was set"
        await maybe_async(self._on_due(self.data.codec.load_key(key), due.at / 1000))
