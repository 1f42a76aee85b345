"""Faust's tables of sets: each set is a value of its own, and the changelog tells what was added and taken away."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

import faust
from faust.serializers.codecs import get_codec
from faust.tables.sets import OPERATION_ADD, OPERATION_DISCARD, OPERATION_UPDATE
from mode.utils.collections import ManagedUserSet

from streamproc.transport.flight.state.store import Store, Write
from streamproc.transport.surface.tables.data import TableData
from streamproc.transport.surface.tables.table import Table

_LENGTH = struct.Struct(">I")


class SetTable(faust.SetTable[Any, Any], Table):
    """``app.SetTable``."""

    WindowWrapper: ClassVar[Any] = faust.SetTable.WindowWrapper

    @cached_property
    def data(self) -> SetTableData:  # type: ignore[override]
        """The content."""
        return SetTableData(self)

    def __getitem__(self, key: Any) -> Any:
        self._sensor_on_get(self, key)
        return TableSet(self.data, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__}: cannot set key")

    def __delitem__(self, key: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__}: cannot del key")

    def _new_store(self) -> Any:
        raise NotImplementedError

    def replay(self, store: Store, records: Sequence[Write]) -> Iterable[Write]:
        """What records of the changelog make of a store. On the recovery's thread."""
        return self.data.replay(store, records)


class TableSet(ManagedUserSet[Any]):
    """One set: whoever looks at it sees what the event that is worked on would see.

    Faust's callbacks come before a change is made in ``data``; here that is a copy, and they write it.
    """

    def __init__(self, table: SetTableData, key: Any) -> None:
        self._table = table
        self.key = key

    @property
    def data(self) -> Any:  # type: ignore[override]
        """A copy of what is in it."""
        return self._table.read_set(self.key)

    def remove(self, value: Any) -> None:
        """As a set's."""
        if value not in self.data:
            raise KeyError(value)
        self.on_discard(value)

    def on_add(self, value: Any) -> None:
        """An element comes."""
        self._table.change(self.key, self.data | {value}, OPERATION_ADD, value)

    def on_discard(self, value: Any) -> None:
        """An element goes."""
        self._table.change(self.key, self.data - {value}, OPERATION_DISCARD, value)

    def on_change(self, added: Iterable[Any], removed: Iterable[Any]) -> None:
        """Elements come and go."""
        added, removed = set(added), set(removed)
        self._table.change(self.key, (self.data | added) - removed, OPERATION_UPDATE, [added, removed])

    def on_clear(self) -> None:
        """All elements go."""
        self.on_change((), self.data)


class SetTableData(TableData):
    """The mapping behind a table of sets."""

    def read_set(self, key: Any) -> set[Any]:
        """A copy of a set; one that is not there is empty."""
        raw = self.raw(self.codec.dump_key(key))
        return set() if raw is None else {self.codec.load_value(one) for one in _split(raw)}

    def read(self, key: Any) -> Any:
        """A set, which is empty if it is not there."""
        return TableSet(self, key)

    def change(self, key: Any, elements: set[Any], operation: int, argument: Any) -> None:
        """A set is this now, by an operation of Faust's."""
        dump = self.codec.dump_value
        if operation == OPERATION_UPDATE and self._values_are_raw:
            # A list of bytes has no form in that serializer.
            added, removed = argument
            steps = [(OPERATION_ADD, one) for one in added] + [(OPERATION_DISCARD, one) for one in removed]
        else:
            steps = [(operation, argument)]
        records = [(self._keys.dumps([step, key]), dump(one)) for step, one in steps]
        self.write(self.codec.dump_key(key), _joined(map(dump, elements)), records)

    def replay(self, store: Store, records: Sequence[Write]) -> Iterable[Write]:
        """What records of the changelog make of a store. On the recovery's thread.

        Raises:
            NotImplementedError: an operation that Faust does not have either.
        """
        changed: dict[bytes, set[bytes]] = {}
        for tagged, raw in records:
            operation, payload = self._keys.loads(tagged)
            key = self._keys.dumps(payload)
            if key not in changed:
                changed[key] = set(_split(store.get(key) or b""))
            elements = changed[key]
            if operation == OPERATION_ADD:
                elements.add(self._again(raw))
            elif operation == OPERATION_DISCARD:
                elements.discard(self._again(raw))
            elif operation == OPERATION_UPDATE:
                added, removed = self._values.loads(raw)
                elements |= set(map(self._values.dumps, added))
                elements -= set(map(self._values.dumps, removed))
            else:
                raise NotImplementedError(f"Unknown operation {operation} in the changelog of {self._name!r}")
        return [(key, _joined(elements)) for key, elements in changed.items()]

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """All keys with their sets, as they are now."""
        return ((key, TableSet(self, key)) for key in self)

    # -- bytes: what is the same is the same bytes, whichever library has written it

    def _again(self, raw: bytes | None) -> bytes:
        return raw or b"" if self._values_are_raw else bytes(self._values.dumps(self._values.loads(raw)))

    @cached_property
    def _keys(self) -> Any:
        return get_codec(self._table.key_serializer or "raw")

    @cached_property
    def _values(self) -> Any:
        return get_codec(self._table.value_serializer or "raw")

    @property
    def _values_are_raw(self) -> bool:
        return self._values is get_codec("raw")


def _joined(elements: Iterable[bytes]) -> bytes:
    """Elements, each behind its length."""
    return b"".join(part for one in sorted(elements) for part in (_LENGTH.pack(len(one)), one))


def _split(raw: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(raw):
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size + length
        yield raw[at - length : at]
