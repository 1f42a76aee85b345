"""What a recovery makes of a table's changelog, and the app's callback that hears of each record of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import faust
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streamproc.transport.flight.state.restored import Replay
from streamproc.transport.flight.state.store import Store, Write
from streamproc.transport.surface.tables.table import Table


def replay_of(table: Table, changelog: TP, loop: asyncio.AbstractEventLoop) -> Replay | None:
    """How a table's changelog is replayed; None: its records are what the store gets, and nobody wants to hear of them.

    ``loop``: where Faust's ``on_changelog_event`` is called, record by record: such a recovery is a slow one.
    """
    replay = table.replay
    if not table.is_listened_to:
        return replay

    async def tell(records: Sequence[Write]) -> None:
        for key, value in records:
            await table.on_changelog_event(_event(table, changelog, key, value))

    def told(store: Store, records: Sequence[Write]) -> Iterable[Write]:
        asyncio.run_coroutine_threadsafe(tell(records), loop).result()
        return records if replay is None else replay(store, records)

    return told


def _event(table: Table, changelog: TP, key: bytes, value: bytes | None) -> faust.Event:
    """A record as Faust has it; the offset is not known any more."""
    message = ConsumerMessage(*changelog, -1, 0.0, 0, {}, key, value, None, tp=changelog)
    topic = table.changelog_topic
    schema = topic.schema
    assert schema is not None, "a topic has one"
    loaded = None if value is None else schema.loads_value(table.app, message)
    return faust.Event(table.app, schema.loads_key(table.app, message), loaded, {}, message)
