"""Keys that an app has seen lately: what is published twice is worked on once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import faust

from streamproc.transport.errors import OutsideEvent
from streamproc.transport.surface.delivery import Delivery, current_delivery
from streamproc.transport.surface.tables.table import Table

SLOTS = 65_536
"""Keys of the table, whatever is remembered: a hash table in a table. Whoever writes one drops what is over in it."""

_SPARE = 8
"""What a slot may hold beyond twice its share, as keys do not fall evenly."""

_LONGEST_NOTE = 256

_LATE_MS = 600_000
"""How far out of order records may be, at most the window: so much longer a key is kept."""


class Seen(NamedTuple):
    """The first event of a key: its record's timestamp, in ms since 1970, and what was noted with it."""

    time_ms: int
    note: str


class Deduplicator:
    """Remembers keys for a window of stream time, exactly once: on a table, so that a key is remembered if and only if
    its event's outcome is committed.

    ::

        seen = Deduplicator(app, "seen", window=timedelta(hours=1))

        async def handle(event):
            if seen.find(event.value["id"]) is not None:
                return  # or an outcome that says so
            await sink.send(key=event.key, value=await work(event.value))
            seen.remember(event.value["id"])

        await each(stream, handle, concurrency=64)

    What is promised: of the events of one partition with one key, whose records' timestamps lie within ``window`` of
    that of the first one that was remembered, each later one finds it; also when they are worked on at the same time
    (the second is delivered anew when the first ends), when they come out of order (up to ten minutes behind others of
    the partition, or up to ``window`` if that is shorter), and whatever is killed or moved to another worker. An event
    that fails before it calls ``remember``, or whose outcome is refused, is not remembered: its repetition is first.

    Its limits:

    * State belongs to a partition: a key that comes in another partition, or in another topic, is not found. Send what
      may be repeated under the same record key, by the same partitioner.
    * Time is that of the records, which is their publishers' unless the topic has
      ``message.timestamp.type=LogAppendTime``. A record whose time is ahead by more than that makes it forget the few
      keys that share two slots of 65,536; one without a timestamp finds nothing and is not remembered.
    * Memory is bounded: some 80 bytes and the note for each key, at most about twice ``capacity`` (and half a million)
      keys a partition. A slot that is full forgets its oldest key. What is over stays until its slot is written, or
      another 65,536 events are remembered.
    * Under ``at_least_once`` a crash may leave an outcome without its key, and the event is worked on twice.
    * What an event does outside Kafka is repeated when it is delivered anew: see "Effects outside Kafka" in
      docs/explanation/tables.md.

    Args:
        app: on ``rdkafka://``.
        name: the table's; its changelog is ``{app}-{name}-changelog``.
        window: how far apart, in the records' time, two events of a key may be. At least a millisecond.
        capacity: how many keys of a partition are to be remembered at a time.
        options: the table's, as ``partitions=`` and ``store=``.

    Raises:
        ValueError: the window or the capacity is not above 0.
    """

    def __init__(
        self, app: faust.App, name: str, *, window: timedelta, capacity: int = 1_000_000, **options: Any
    ) -> None:
        self._window_ms = window // timedelta(milliseconds=1)
        if self._window_ms < 1:
            raise ValueError(f"window: {window} is less than a millisecond")
        if capacity < 1:
            raise ValueError(f"capacity: {capacity} is not above 0")
        self._kept_ms = self._window_ms + min(self._window_ms, _LATE_MS)
        self._most = _SPARE + 2 * -(-capacity // SLOTS)
        table = app.Table(name, key_type=bytes, value_type=bytes, **options)
        if not isinstance(table, Table):
            raise TypeError("a Deduplicator needs an app on rdkafka://")
        self.table = table

    def find(self, *key: str) -> Seen | None:
        """The first event of a key, if it was within the window; ``key``: texts that name it together.

        Raises:
            OutsideEvent: no event is worked on.
        """
        time_ms = _time_of(_delivery())
        if time_ms is None:
            return None
        slot, name = _place(key)
        for entry, first_ms, note in self._entries(slot):
            if entry == name and abs(time_ms - first_ms) <= self._window_ms:
                return Seen(first_ms, note)
        return None

    def remember(self, *key: str, note: str = "") -> None:
        """The event that is worked on is the key's first, once its outcome is committed.

        Call it where nothing can fail any more: a key that is remembered is a promise that there is an outcome.
        ``note``: what later ones find, 256 characters at the most.

        Raises:
            OutsideEvent: no event is worked on.
            SentAfterAck: the event is finished.
            ValueError: the note is too long.
        """
        if len(note) > _LONGEST_NOTE:
            raise ValueError(f"note: has {len(note)} characters, and {_LONGEST_NOTE} are the most")
        delivery = _delivery()
        time_ms = _time_of(delivery)
        if time_ms is None:
            return
        slot, name = _place(key)
        # The same key, later by more than the window, is another first one: what repeats that has yet to find it.
        entries = [
            entry
            for entry in self._left(self._entries(slot), delivery, time_ms)
            if entry[0] != name or abs(entry[1] - time_ms) > self._window_ms
        ]
        self._write(slot, [*entries, (name, time_ms, note)][-self._most :])
        if (swept := b"%04x" % (delivery.offset % SLOTS)) != slot:
            self._sweep(swept, delivery, time_ms)

    def _sweep(self, slot: bytes, delivery: Delivery, time_ms: int) -> None:
        """Drop what is over in one slot more, each in its turn: else one that nobody uses would never be emptied."""
        before = self._entries(slot)
        if len(left := self._left(before, delivery, time_ms)) < len(before):
            self._write(slot, left)

    def _entries(self, slot: bytes) -> list[Entry]:
        raw = self.table.data.raw(slot)
        return [] if raw is None else [(name, time_ms, note) for name, time_ms, note in json.loads(raw)]

    def _left(self, entries: Sequence[Entry], delivery: Delivery, time_ms: int) -> list[Entry]:
        # One that is ahead stays, and one of before for a while: neither a late record, nor one that overtakes others,
        # may forget what those repeat.
        left = [entry for entry in entries if time_ms - entry[1] <= self._kept_ms]
        if len(left) < len(entries):
            # However far it is ahead of events in flight, as where history is read: they look it up yet, or anew.
            earliest = min(time_ms, delivery.entry.assignment.earliest_ms())
            left = [entry for entry in entries if earliest - entry[1] <= self._kept_ms]
        return left

    def _write(self, slot: bytes, entries: Sequence[Entry]) -> None:
        self.table.data.write(slot, json.dumps(entries, separators=(",", ":")).encode() if entries else None)


#: The rest of the key's hash, the record's time in ms since 1970, the note.
Entry = tuple[str, int, str]


def _place(key: tuple[str, ...]) -> tuple[bytes, str]:
    """The slot of a key, and its name there: a hash, so that keys of any length take as much, and show nothing."""
    digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=16).hexdigest()
    return digest[:4].encode(), digest[4:]


def _delivery() -> Delivery:
    delivery = current_delivery.get()
    if delivery is None:
        raise OutsideEvent("a Deduplicator is asked while an agent works on an event: the event's time counts")
    return delivery


def _time_of(delivery: Delivery) -> int | None:
    timestamp: float = delivery.timestamp
    return None if timestamp < 0 else round(timestamp * 1000)
