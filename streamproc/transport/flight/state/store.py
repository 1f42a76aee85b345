"""Where the committed state of a table's partition is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from streamproc.transport.flight.state.position import ChangelogPosition

#: A key, and its new value; None: it is deleted.
Write = tuple[bytes, bytes | None]


class Store(Protocol):
    """One partition of one table, bytes by bytes: what is committed, and nothing else. Used by one thread at a time."""

    def get(self, key: bytes) -> bytes | None:
        """A key's value; None: there is none."""

    def peek(self, key: bytes) -> bytes | None:
        """As ``get``, from any thread, while another one may change the store."""

    def apply(self, writes: Iterable[Write], position: ChangelogPosition | None = None) -> None:
        """Change all of these or none of them; of one key the last write counts.

        ``position``: how much of the changelog is in the store then, kept with them; None: as before.
        """

    @property
    def position(self) -> ChangelogPosition | None:
        """How much of the changelog is in the store; None: nobody knows."""

    def clear(self) -> None:
        """Forget all keys and the position."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values. Nothing is applied while this is iterated over."""

    def __len__(self) -> int:
        """How many keys there are."""

    def close(self) -> None:
        """Nothing more is asked of it."""


class MemoryStore:
    """A store that ends with the process."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self.position: ChangelogPosition | None = None

    def get(self, key: bytes) -> bytes | None:
        """See Store."""
        return self._values.get(key)

    def peek(self, key: bytes) -> bytes | None:
        """See Store."""
        return self._values.get(key)

    def apply(self, writes: Iterable[Write], position: ChangelogPosition | None = None) -> None:
        """See Store."""
        values = self._values
        for key, value in writes:
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        if position is not None:
            self.position = position

    def clear(self) -> None:
        """See Store."""
        self._values.clear()
        self.position = None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See Store."""
        return iter(self._values.items())

    def __len__(self) -> int:
        return len(self._values)

    def close(self) -> None:
        """See Store."""
        self._values.clear()
