"""Where the committed state of a table's partition is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

#: A key, and its new value; None: it is deleted.
Write = tuple[bytes, bytes | None]


class Store(Protocol):
    """One partition of one table, bytes by bytes: what is committed, and nothing else. Used by one thread at a time."""

    def get(self, key: bytes) -> bytes | None:
        """A key's value; None: there is none."""

    def apply(self, writes: Iterable[Write]) -> None:
        """Change all of these or none of them; of one key the last write counts."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values. Nothing is applied while this is iterated over."""

    def __len__(self) -> int:
        """How many keys there are."""

    def close(self) -> None:
        """Nothing more is asked of it."""


class TablePartition(NamedTuple):
    """A table's state for the events of one source partition."""

    table: str
    partition: int


#: Opens the store of a table's partition.
OpenStore = Callable[[TablePartition], Store]


class MemoryStore:
    """A store that ends with the process."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """See Store."""
        return self._values.get(key)

    def apply(self, writes: Iterable[Write]) -> None:
        """See Store."""
        values = self._values
        for key, value in writes:
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See Store."""
        return iter(self._values.items())

    def __len__(self) -> int:
        return len(self._values)

    def close(self) -> None:
        """See Store."""
        self._values.clear()
