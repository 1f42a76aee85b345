"""A table whose keys are over some time, by the clock: what is kept of somebody must go, whether or not anything comes.

Windows and timers go by the stream time, which stands still where nothing comes, and which one record of the far future
moves there. Both are right for what events come to, and wrong for how long something may be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faust

from streamproc.transport.flight.state.due import Due
from streamproc.transport.surface.tables.table import Table


class ExpiringTable(Table):
    """Each key is deleted once, when the clock has passed its time: the deletion is an event of its own, in one
    transaction with an offset of its partition. An event that writes the key at the same time is before that or after
    it; with a later time the key stays.

    Events of several topics may use it, as any table.
    """

    by_clock = True

    def __init__(self, app: faust.App, over_at: Callable[[bytes], float], **options: Any) -> None:
        """``over_at``: when a key with this value is over, in seconds since 1970; it is asked for each write, and for
        all keys when a partition comes. ``options``: those of ``app.Table``.
        """
        super().__init__(app, beacon=app.tables.beacon, key_type=bytes, value_type=bytes, **options)
        self._over_at = over_at
        app.tables.add(self)

    def due_of(self, _key: bytes, value: bytes) -> Due:
        """When a key is over."""
        return Due(round(self._over_at(value) * 1000))

    async def on_due(self, key: bytes, value: bytes) -> None:
        """It is deleted, and that is all."""

    def drop(self, key: bytes) -> bool:
        """Outside events: have a key deleted now. False: no partition of this worker has it, or can still delete it.

        It is deleted when it is not in ``data`` any more: ask for it until then. If its partition goes to another
        worker first, it is there.
        """
        consumer: Any = self.app.consumer
        begun: bool = consumer.firing.drop(self.name, key)
        return begun
