"""The stores of a source partition's tables: what they are read from, and whose they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from faust.types import TP

from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.due import DueOf
from streamproc.transport.flight.state.store import Store, Write

#: Turns records of a changelog into writes: of most tables they are the same.
Replay = Callable[[Store, Sequence[Write]], Iterable[Write]]


class StoreInUse(Exception):  # noqa: N818 - reads as what it says
    """Somebody else has the store open, for the moment."""


@dataclass(frozen=True, slots=True)
class Changelog:
    """What the state of a table is for one source partition.

    ``tp``: the partition of the changelog. ``open``: opens its store; raises StoreInUse, or TransportError where it can
    never be opened. ``replay``: None for a plain table's. ``place``: where the store lies, open once; empty
    in memory. ``due_of``: when its keys are due, if ever; ``by_clock``: by the clock, and not by the stream time.
    Source topics that may all have events of the table have a store each, of the same changelog.
    """

    table: str
    tp: TP
    open: Callable[[], Store]
    replay: Replay | None = None
    place: str = ""
    due_of: DueOf | None = None
    by_clock: bool = False

    def __str__(self) -> str:
        return f"{self.tp.topic}[{self.tp.partition}]"


class Restored:
    """Stores that are as their changelogs, by table; whoever has this closes it, once and from any thread."""

    def __init__(
        self,
        stores: Mapping[Changelog, tuple[Store, Mark]],
        close: Callable[[Changelog, Store], None] = lambda _, store: store.close(),
    ) -> None:
        """``close``: what becomes of a store that is not used any more."""
        self.stores: Mapping[str, Store] = {changelog.table: store for changelog, (store, _) in stores.items()}
        self.changelogs = dict(stores)
        self._close = close
        self._lock = threading.Lock()
        self._closing = self._closed = False

    @property
    def closed(self) -> bool:
        """Whether all of them are closed, or there are none."""
        return self._closed or not self.stores

    def close(self) -> None:
        """Nothing more is asked of the stores."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        for changelog, (store, _) in self.changelogs.items():
            self._close(changelog, store)
        self._closed = True
