"""Dead letters as they are read back, and which of them are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message

from streamproc.deadletter.envelope import PREFIX, Headers, replays_of, split_headers
from streamproc.deadletter.times import timestamp_of
from streamproc.kafka.places import OffsetRange, Position
from streamproc.transport.headers import headers_of, shown_headers_of

FOREIGN = "(no dead letter)"
"""What stands for the code of a record that no worker has written, or whose error cannot be read."""

STUB_MARK = "original.sha256"
"""The field that only a stub has."""


_CODE = f"{PREFIX}code"


class StaysOpen(Exception):  # noqa: N818 - reads as what it says
    """Nothing is done to a letter, and the others are gone on with; the message says why."""


class Letter:
    """A dead letter. A scan looks at millions: everything is fetched from the record when it is first asked for."""

    __slots__ = ("_error", "_message", "_original", "_raw")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._raw: dict[str, bytes | None] | None = None
        self._original: Headers | None = None
        self._error: dict[str, str] = {}

    @property
    def partition(self) -> int:
        """Its partition in the dead letter topic."""
        return self._message.partition() or 0

    @property
    def offset(self) -> int:
        """Its offset in the dead letter topic."""
        return self._message.offset() or 0

    @property
    def position(self) -> Position:
        """Where it is in the dead letter topic."""
        return Position(self.partition, self.offset)

    @property
    def timestamp_ms(self) -> int | None:
        """When it was written, in ms since 1970; None: the record does not say."""
        return timestamp_of(self._message)

    @property
    def key(self) -> bytes | None:
        """The original record's key."""
        return _bytes(self._message.key())

    @property
    def value(self) -> bytes | None:
        """The original record's value."""
        return _bytes(self._message.value())

    @property
    def code(self) -> str:
        """The error code, or what stands for it."""
        return self.error.get("code") or FOREIGN

    @property
    def is_stub(self) -> bool:
        """Whether the original was too large for a letter, and has to be read from its source."""
        return STUB_MARK in self.error

    @property
    def replays(self) -> int:
        """How often its event has been replayed."""
        return replays_of(self.original_headers)

    @property
    def headers(self) -> Headers:
        """All headers, the original record's and the error's, with names that can be shown and sent."""
        return shown_headers_of(self._message)

    @property
    def raw(self) -> Mapping[str, bytes | None]:
        """The headers by name. Of a repeated name the last value counts: the error's, as its block comes last."""
        if self._raw is None:
            self._raw = dict(headers_of(self._message) or ())
        return self._raw

    @property
    def error(self) -> Mapping[str, str]:
        """The error's fields, by the names in ``envelope.FIELDS``; empty for a record that is no dead letter."""
        self._split()
        return self._error

    @property
    def original_headers(self) -> Headers:
        """The headers of the original record."""
        return self._split()

    def _split(self) -> Headers:
        if self._original is None:
            self._original, self._error = split_headers(self.headers)
        return self._original


def _bytes(content: Any) -> bytes | None:
    return content if content is None or isinstance(content, bytes) else str(content).encode()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant: those that match one value of every field that is given; times in ms since 1970."""

    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Field of the envelope -> accepted values."""
    since_ms: int | None = None
    until_ms: int | None = None
    spans: tuple[OffsetRange, ...] = ()
    """Where to look; none: everywhere."""
    without: frozenset[str] = frozenset()
    """Codes that are not meant."""

    def matcher(self) -> Matcher:
        """What tells a matching record from the others."""
        return Matcher(
            tuple((PREFIX + name, frozenset(v.encode() for v in values)) for name, values in self.fields.items()),
            self.since_ms,
            self.until_ms,
            frozenset(code.encode() for code in self.without),
        )


@dataclass(frozen=True, slots=True)
class Matcher:
    """A selection made ready for a scan: it looks at raw headers, for speed."""

    _fields: tuple[tuple[str, frozenset[bytes]], ...]
    _since_ms: int | None
    _until_ms: int | None
    _without: frozenset[bytes] = frozenset()

    def __call__(self, letter: Letter) -> bool:
        """Whether the letter is meant."""
        if (self._since_ms is not None or self._until_ms is not None) and not self._in_time(letter.timestamp_ms):
            return False
        if not self._fields and not self._without:
            return True
        raw = letter.raw
        return raw.get(_CODE) not in self._without and all(raw.get(name) in values for name, values in self._fields)

    def _in_time(self, time_ms: int | None) -> bool:
        if time_ms is None:  # Nothing says that it is another time's.
            return True
        after = self._since_ms is None or time_ms >= self._since_ms
        return after and (self._until_ms is None or time_ms < self._until_ms)
