"""Keys and values of a table as bytes and back, as they stand in its changelog: Faust reads it, and could write it."""

from __future__ import annotations

from typing import Any, NamedTuple

import faust
from faust.exceptions import KeyDecodeError, ValueDecodeError
from faust.serializers.codecs import get_codec


class _Record(NamedTuple):
    """What a schema looks at in a record of the changelog."""

    key: bytes | None
    value: bytes | None
    headers: tuple[()] = ()


class TableCodec:
    """One table's."""

    def __init__(self, table: Any) -> None:
        """``table``: Faust's, whose types, serializers and schema count."""
        self._table = table
        self._app: faust.App = table.app
        self._topic = table.changelog_topic
        schema = self._topic.schema
        plain = type(schema) is faust.Schema
        json = get_codec("json")
        numbers = table.value_type in (None, int)
        #: Plain numbers and names in JSON are made by hand: Faust's registry takes longer than all the rest of a read.
        self._quick_value = plain and numbers and get_codec(table.value_serializer or "raw") is json
        self._names: dict[str, bytes] = {}
        self._windowed = table.window is not None
        self._places: dict[tuple[Any, float, float], bytes] = {}
        self._quick_key = plain and table.key_type in (None, str) and get_codec(table.key_serializer or "raw") is json

    def dump_key(self, key: Any) -> bytes:
        """Raises TypeError for None, and whatever the serializer raises."""
        if type(key) is str and self._quick_key:
            known = self._names.get(key)
            if known is None:
                if len(self._names) >= 10_000:
                    self._names.clear()
                known = self._names[key] = self._dump_key(key)
            return known
        if self._windowed and type(key) is tuple and len(key) == 2:
            return self._dump_window(*key)
        return self._dump_key(key)

    def _dump_window(self, key: Any, window: Any) -> bytes:
        """Of one window there is one form, whatever arithmetic has named it."""
        start, end = window
        place = (key, float(start), float(end))
        quick = type(key) is str and self._quick_key
        known = self._places.get(place) if quick else None
        if known is None:
            known = self._dump_key((key, (round(place[1], 3), round(place[2], 3))))
            if quick:
                if len(self._places) >= 10_000:
                    self._places.clear()
                self._places[place] = known
        return known

    def _dump_key(self, key: Any) -> bytes:
        if key is None:
            raise TypeError("Table key cannot be None")
        dumped, _ = self._topic.prepare_key(key, self._table.key_serializer)
        return bytes(dumped)

    def load_key(self, raw: bytes) -> Any:
        """As Faust gives it back from a changelog: lists, which no dict could have as keys, are tuples.

        Of a windowed table: the key, as its type says, and its window.
        """
        if self._windowed:
            codec = get_codec(self._table.key_serializer or "raw")
            found = codec.loads(raw)
            if isinstance(found, list | tuple) and len(found) == 2:
                key, window = found
                return self._load_key(bytes(codec.dumps(key))), tuple(window)
        return self._load_key(raw)

    def _load_key(self, raw: bytes) -> Any:
        try:
            key = self._topic.schema.loads_key(self._app, _Record(raw, None))
        except KeyDecodeError:
            if self._table.key_type is not None:
                raise
            key = raw  # Faust's serializers leave bytes as they are: it was given as such
        return self._table.to_key(key)

    def dump_value(self, value: Any) -> bytes:
        """Raises TypeError for bytes that would not be read back, and whatever the serializer raises."""
        if type(value) is int and self._quick_value:
            return b"%d" % value
        dumped, _ = self._topic.prepare_value(value, self._table.value_serializer)
        if dumped is None:
            raise TypeError(f"The table {self._table.name!r} has a serializer that knows no None")
        if isinstance(value, bytes):
            try:
                self.load_value(dumped)
            except ValueDecodeError:
                raise TypeError(
                    f"The table {self._table.name!r} was given bytes that are nothing in its serializer, and could not "
                    "be read back: make it with value_type=bytes"
                ) from None
        return bytes(dumped)

    def load_value(self, raw: bytes) -> Any:
        """A copy of its own for whoever asks."""
        if self._quick_value and raw.isdigit() and (raw[0] != 48 or len(raw) == 1):
            return int(raw)
        return self._table.to_value(self._topic.schema.loads_value(self._app, _Record(None, raw)))
