"""Faust's table, whose state is the driver's."""

from __future__ import annotations

from collections.abc import Iterable, Set
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, cast

import faust
from faust.types import TP
from faust.types.tables import WindowWrapperT
from faust.types.windows import WindowT
from mode import Seconds
from yarl import URL

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.state.due import DueOf
from streamproc.transport.flight.state.restored import Replay
from streamproc.transport.shared import Shared
from streamproc.transport.surface.tables.data import ABSENT, TableData
from streamproc.transport.surface.tables.windows import Windows, WindowWrapper, stream_now, unbounded


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

    #: The topics whose events use it, as far as they have, or the agents' code tells.
    sources: frozenset[str] = frozenset()
    #: Of a table whose changelog does not hold the values themselves: what its records make of a store.
    replay: Replay | None = None
    #: When its keys are due, in a table of timers or windows; None: never.
    due_of: DueOf | None = None
    #: Whether they are due by the clock, and not by the stream time.
    by_clock: bool = False
    #: Of a windowed table: its windows.
    windows: Windows | None = None
    WindowWrapper: ClassVar[type[WindowWrapperT]] = WindowWrapper

    def __init__(self, app: Any, *, grace: Seconds | None = None, **options: Any) -> None:
        """As Faust's.

        Args:
            grace: of a windowed table, how long after its end a window stays open; None: as long as ``expires`` says.
        """
        super().__init__(app, **options)
        self.grace = grace

    def using_window(self, window: WindowT, *, key_index: bool = False) -> WindowWrapperT:
        """As Faust's; but the changelog is compacted only, since windows are deleted when they close."""
        window = unbounded(window)
        self.windows = Windows(self, window, self.grace)
        self.due_of = self.windows.due_of
        wrapper = super().using_window(window, key_index=key_index)
        self._changelog_deleting = False
        return wrapper

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
        if self.windows is not None and self.windows.refuses(key):
            return
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

    async def on_due(self, key: bytes, value: bytes) -> None:
        """A key of it is due, and is deleted: do what is to be done then, as an event would. See Firing.

        Of a windowed table the window is closed: call ``on_window_close`` with what was in it.
        """
        codec = self.data.codec
        await self.on_window_close(codec.load_key(key), codec.load_value(value))

    def _relative_now(self, _event: Any = None) -> float:
        return stream_now()

    def _should_expire_keys(self) -> bool:
        return False  # by the clock

    # -- where its state is

    def bind(self, tp: TP) -> None:
        """An event of this partition uses the table.

        Raises:
            Unsupported: its topic has not as many partitions as the changelog; or events of another one use the table
                too, whose partition of the same number is not surely this worker's.
        """
        topics = cast(Shared, self.app.transport).topics
        if (known := topics.known(tp.topic)) is not None and known != topics.known(self.changelog_topic_name):
            raise Unsupported(self.why_not(tp))
        if tp.topic not in self.sources:
            self.use(tp.topic)
        self.check_neighbours(tp.partition)

    def use(self, *topics: str) -> None:
        """Events of these topics use it.

        Raises:
            Unsupported: there are several, and the group does not keep their partitions together; or they have no time
                in common.
        """
        self.sources |= frozenset(topics)
        self.check_together(self.sources)

    def check_together(self, topics: Set[str]) -> None:
        """Look whether events of these topics can use it together; raises as ``use``."""
        if len(topics) > 1 and self.due_of is not None and not self.by_clock:
            raise Unsupported(
                f"The table {self.name!r} of windows or timers is used by events of {_and(topics)}: each has a "
                "stream time of its own. Pass the events of one topic on to the other"
            )
        shared = cast(Shared, self.app.transport)
        if len(topics) > 1 and shared.settings.assignment != "range":
            raise Unsupported(
                f"The table {self.name!r} is used by events of {_and(topics)}, whose partitions of the same "
                "number different workers may have. With the driver's setting assignment='range' one worker has them "
                "(stop all workers of the group first); or pass the events of one topic on to the other"
            )

    def check_neighbours(self, partition: int) -> None:
        """Look whether this worker has a partition of all topics whose events use the table, or of none.

        Raises:
            Unsupported: another worker has some of them, and would change the same state.
        """
        if len(self.sources) < 2:
            return
        ours = cast(Shared, self.app.transport).ledger.assignments
        here = {topic for topic in self.sources if TP(topic, partition) in ours}
        if here and here != self.sources:
            raise Unsupported(
                f"The table {self.name!r} is used by events of {_and(self.sources)}, and of partition {partition} this "
                f"worker has only that of {_and(here)}: every worker of the group must read all of these topics, with "
                "assignment='range'. Stop the others, and start them as this one"
            )

    def why_not(self, tp: TP) -> str:
        """Why events of a partition have no state in this table."""
        counts = cast(Shared, self.app.transport).topics
        changelog, source = counts.known(self.changelog_topic_name), counts.known(tp.topic)
        if changelog is not None and changelog == source:
            return (
                f"The table {self.name!r} is used by events of {tp.topic!r}, and agents of other topics name it, but "
                "none of that one: its state was not read for them. Name it in the code of the agent that uses it"
            )
        return (
            f"The table {self.name!r} has a changelog of {changelog} partitions and is used by events of {tp.topic!r}, "
            f"which has {source}: both must have as many. Make the table with partitions=…, under another name if its "
            "changelog exists"
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


def _and(topics: Iterable[str]) -> str:
    return " and of ".join(repr(topic) for topic in sorted(topics))
