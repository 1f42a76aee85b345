"""Where tables keep their state."""

from __future__ import annotations

from pathlib import Path

from faust.types import TP

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.state.store import MemoryStore, Store
from streamproc.transport.kafka.disk_store import DiskStore, folder_of
from streamproc.transport.surface.tables.table import Table


def check_store(table: Table) -> None:
    """Look at a table's store before the app starts.

    Raises:
        Unsupported: there is no such store.
    """
    if (scheme := table.store.scheme) not in ("", "memory", "rocksdb"):
        raise Unsupported(
            f"The table {table.name!r} has the store {scheme}://: with rdkafka:// it is memory:// or rocksdb://"
        )


def open_store(table: Table, tp: TP) -> Store:
    """Open a table's store for the events of a source partition.

    Raises:
        StoreInUse: it is open elsewhere, for the moment.
        TransportError: it can never be opened.
    """
    if table.store.scheme != "rocksdb":
        return MemoryStore()
    return DiskStore(Path(place_of(table, tp)))


def place_of(table: Table, tp: TP) -> str:
    """Where the store lies for the events of a source partition: its folder; empty in memory."""
    if table.store.scheme != "rocksdb":
        return ""
    return str(folder_of(table.app.conf.tabledir, table.name, *tp))
