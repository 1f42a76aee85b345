"""Faust's table, whose state is the driver's."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, cast

import faust
from faust.types import TP
from yarl import URL

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.state.restored import Replay
from streamproc.transport.shared import Shared
from streamproc.transport.surface.tables.data import ABSENT, TableData


class StandbyValue(NamedTuple):
    """What a standby holds of a key.

    ``value``: None where it has none. ``lag``: how many offsets of the changelog it is behind, as of a second ago.
    """

    value: Any
    lag: int


class Table(faust.Table[Any, Any]):
    """``app.Table``. What an event reads and writes of it is exactly once, however many events are worked on at a time.

    A write is committed with its event, in one transaction; what an event has read is still so when the event ends, or
    its work is done again. State belongs to a partition of the source topic, and so to the keys that lie there.
    """

    #: The topic whose events use it, as soon as one has.
    source: str | None = None
    #: Of a table whose changelog does not hold the values themselves: what its records make of a store.
    replay: Replay | None = None

    @cached_property
    def data(self) -> TableData:  # type: ignore[override]
        """The content."""
        return TableData(self)

    @property
    def store(self) -> URL:
        """Where its state is kept: the table's ``store=``, or the app's."""
        # Not `or`: a URL without a host is false.
        return URL(self.app.conf.store if self._store is None else self._store)

    @property
    def is_listened_to(self) -> bool:
        """Whether the app wants to hear of each record that a recovery reads."""
        return self._on_changelog_event is not None

    def to_key(self, key: Any) -> Any:
        """A key as Faust gives it back from a changelog: lists, which no dict could have as keys, are tuples."""
        return self._to_key(key)

    def to_value(self, value: Any) -> Any:
        """A value as Faust gives it back from a changelog."""
        return self._to_value(value)

    # -- Faust's callbacks around reads and writes, which sent to the changelog

    def on_key_set(self, key: Any, value: Any) -> None:
        """Sensors are told."""
        self._sensor_on_set(self, key, value)

    def on_key_del(self, key: Any) -> None:
        """Sensors are told."""
        self._sensor_on_del(self, key)

    def __getitem__(self, key: Any) -> Any:
        self._sensor_on_get(self, key)
        value = self.data.read(key)
        return self.__missing__(key) if value is ABSENT else value

    def __setitem__(self, key: Any, value: Any) -> None:
        self.data[key] = value
        self._sensor_on_set(self, key, value)

    def __delitem__(self, key: Any) -> None:
        del self.data[key]
        self._sensor_on_del(self, key)

    def clear(self) -> None:
        """Delete all keys; inside an event those of its partition."""
        for key in self:
            self._sensor_on_del(self, key)
        self.data.clear()

    def from_standby(self, key: Any, partition: int) -> StandbyValue | None:
        """A key as another worker has committed it, from what this one keeps of its partition; None: it keeps nothing.

        With the driver's ``standby="all"``. Not for SetTable.
        """
        standby = cast(Any, self.app.consumer).standbys.get(TP(self.changelog_topic_name, partition))
        if standby is None:
            return None
        raw = standby.store.peek(self.data.codec.dump_key(key))
        return StandbyValue(None if raw is None else self.data.codec.load_value(raw), standby.lag)

    # -- where its state is

    def bind(self, tp: TP) -> None:
        """An event of this partition uses the table.

        Raises:
            Unsupported: events of another topic do too, whose partitions another worker may have.
        """
        if self.source is None:
            self.source = tp.topic
        elif self.source != tp.topic:
            raise Unsupported(
                f"The table {self.name!r} is used by events of {self.source!r} and of {tp.topic!r}, whose partitions "
                "different workers may have: pass one of them on to the other's topic, or to one of their own"
            )

    def why_not(self, tp: TP) -> str:
        """Why events of a partition have no state in this table."""
        counts = cast(Shared, self.app.transport).topics
        return (
            f"The table {self.name!r} has a changelog of {counts.known(self.changelog_topic_name)} partitions and is "
            f"used by events of {tp.topic!r}, which has {counts.known(tp.topic)}: both must have as many. Make the "
            "table with partitions=…, under another name if its changelog exists"
        )

    # -- what Faust's tables do about their stores and changelogs; here the consumer does

    async def on_start(self) -> None:
        """The consumer has made the changelog."""

    async def on_rebalance(self, *_: Any, **__: Any) -> None:
        """The consumer has the state of what is ours."""

    def _new_store(self) -> Any:
        raise NotImplementedError

    def send_changelog(self, *_: Any, **__: Any) -> Any:
        """A write is all that it takes."""
        raise NotImplementedError("with rdkafka:// a table's changelog is written by its transactions alone")

    def reset_state(self) -> None:
        """Stores are rebuilt when they do not match their changelogs."""
