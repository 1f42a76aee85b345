"""A table's partition on disk, in RocksDB: the data, and in the same batch how much of the changelog that is.

One folder a partition; RocksDB locks it against a second process and a second time. No batch waits for the disk: after
a power cut the last ones may be missing, and with them what they said of the position, so that they are read from the
changelog again.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from streamproc.transport.errors import TransportError
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.position import ChangelogPosition
from streamproc.transport.flight.state.restored import StoreInUse
from streamproc.transport.flight.state.store import Write

logger = logging.getLogger(__name__)

#: Before every key of the table; the position's lies before all of them.
_KEY = b"\x01"
_BEYOND = b"\x02"
_POSITION = b"\x00position"
_LAYOUT = struct.Struct(">24sQd")

#: Blocks of all stores of the process, in bytes; and what each store keeps before it writes a file.
_CACHE_BYTES = 64 << 20
_WRITE_BUFFER_BYTES = 8 << 20
#: What each store keeps of what was last read or written, in bytes, some more for each key included. RocksDB's own
#: cache is behind a call that lets other threads of Python go first: the event loop waited for them longer than for the
#: disk.
_RECENT_BYTES = 4 << 20
_KEY_BYTES = 150
_UNKNOWN: Any = object()


class DiskStore:
    """See Store."""

    def __init__(self, folder: Path) -> None:
        """Open the store of this folder, or begin one.

        Raises:
            StoreInUse: it is open in another process, or was not closed yet in this one.
            TransportError: RocksDB is not installed, or the disk does not let it work.
        """
        self._rocksdict = _library()
        self._folder = folder
        self._db: Any = self._open()
        found = self._db.get(_POSITION)
        self._position = None if found is None else _decoded(found)
        #: The latest last; None: there is no such key.
        self._recent: dict[bytes, bytes | None] = {}
        self._recent_bytes = 0

    @property
    def position(self) -> ChangelogPosition | None:
        """See Store."""
        return self._position

    def get(self, key: bytes) -> bytes | None:
        """See Store."""
        try:
            return self._recent[key]
        except KeyError:
            value: bytes | None = self._db.get(_KEY + key)
            self._remember(key, value)
            return value

    def peek(self, key: bytes) -> bytes | None:
        """See Store. What is remembered belongs to the thread that uses the store."""
        value: bytes | None = self._db.get(_KEY + key)
        return value

    def apply(self, writes: Iterable[Write], position: ChangelogPosition | None = None) -> None:
        """See Store.

        Raises:
            TransportError: the disk does not take them, it may be full.
        """
        writes = list(writes)
        batch = self._rocksdict.WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in writes:
            if value is None:
                delete(_KEY + key)
            else:
                put(_KEY + key, value)
        if position is not None:
            put(_POSITION, _encoded(position))
        self._write(batch)
        if position is None:
            for key, value in writes:
                self._remember(key, value)
        elif writes:
            # A recovery: nobody reads meanwhile, and most of it nobody will soon.
            self._forget()
        self._position = position or self._position

    def clear(self) -> None:
        """See Store.

        Raises:
            TransportError: the disk does not let it.
        """
        batch = self._rocksdict.WriteBatch(raw_mode=True)
        batch.delete_range(_KEY, _BEYOND)
        batch.delete(_POSITION)
        self._write(batch)
        self._forget()
        self._position = None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See Store; in the order of the keys' bytes."""
        for key, value in self._db.items(from_key=_KEY):
            yield key[len(_KEY) :], value

    def __len__(self) -> int:
        """See Store; counts, two million keys a second."""
        return sum(1 for _ in self._db.keys(from_key=_KEY))

    def close(self) -> None:
        """See Store. What the disk does not take any more lies in the changelog."""
        try:
            self._db.close()
        except Exception as error:  # noqa: BLE001 - RocksDB has no classes of errors
            logger.warning("The table's store in %s is closed as it is: %s", self._folder, error)

    def _remember(self, key: bytes, value: bytes | None) -> None:
        recent = self._recent
        before = recent.pop(key, _UNKNOWN)
        if before is _UNKNOWN:
            self._recent_bytes += _KEY_BYTES + len(key)
        else:
            self._recent_bytes -= len(before or b"")
        recent[key] = value
        self._recent_bytes += len(value or b"")
        while self._recent_bytes > _RECENT_BYTES:
            oldest = next(iter(recent))
            self._recent_bytes -= _KEY_BYTES + len(oldest) + len(recent.pop(oldest) or b"")

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_bytes = 0

    def _write(self, batch: Any) -> None:
        try:
            self._db.write(batch)
        except Exception as error:
            raise TransportError(f"The table's store in {self._folder} cannot be written: {error}") from error

    def _open(self) -> Any:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return self._rocksdict.Rdict(str(self._folder), self._options())
        except Exception as error:
            # RocksDB's kinds of errors are told apart by how their text begins.
            if "lock" in str(error).lower():
                raise StoreInUse(f"the store in {self._folder} is open elsewhere, waiting for it") from error
            if not str(error).startswith("Corruption"):
                raise TransportError(f"The table's store in {self._folder} cannot be opened: {error}") from error
            logger.warning("The store in %s is rebuilt from the changelog: it is damaged: %s", self._folder, error)
            self._rocksdict.Rdict.destroy(str(self._folder), self._options())
            return self._rocksdict.Rdict(str(self._folder), self._options())

    def _options(self) -> Any:
        library = self._rocksdict
        options = library.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
        options.set_compression_type(library.DBCompressionType.lz4())
        # Each partition has a store: what RocksDB allows itself by default is meant for one.
        options.set_max_open_files(64)
        options.set_keep_log_file_num(2)
        options.set_max_log_file_size(1 << 20)
        blocks = library.BlockBasedOptions()
        blocks.set_block_cache(_blocks())
        blocks.set_bloom_filter(10, False)
        options.set_block_based_table_factory(blocks)
        return options


def folder_of(tables: Path, table: str, topic: str, partition: int) -> Path:
    """Where the store of a table is, for the events of one partition of its source; all names are Kafka's."""
    return tables / table / f"{topic}-{partition}"


@cache
def _library() -> Any:
    try:
        import rocksdict
    except ImportError:
        raise TransportError(
            "A store rocksdb:// needs RocksDB: pip install 'streamproc[rocksdb]', or keep the tables in memory://"
        ) from None
    return rocksdict


@cache
def _blocks() -> Any:
    return _library().Cache(_CACHE_BYTES)


def _encoded(position: ChangelogPosition) -> bytes:
    return _LAYOUT.pack(position.mark.encode(), position.offset, position.since)


def _decoded(data: bytes) -> ChangelogPosition | None:
    if len(data) != _LAYOUT.size:
        return None
    mark, offset, since = _LAYOUT.unpack(data)
    found = Mark.decode(mark)
    return None if found is None else ChangelogPosition(found, offset, since)
