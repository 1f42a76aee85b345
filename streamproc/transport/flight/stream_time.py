"""How far the clock of a partition's events has come, as it is committed beside an offset. Pure.

Stream time is the newest timestamp of a partition's records, in the order of the log: at an offset it is the same for
every owner, whatever was finished in which order. So the stream time below a committed offset belongs to that offset,
and stands in its metadata: both are committed by one request, or neither is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

#: Before any record.
NEVER = -1

_LAYOUT = struct.Struct(">qI")
_TABLE = struct.Struct(">I")
_TURNS = 1 << 32


@dataclass(frozen=True, slots=True)
class StreamTime:
    """Of one partition, at a committed offset.

    ``time``: the newest timestamp of its records below that offset, in milliseconds since 1970. ``turn``: counts the
    transactions that carried timers, as an offset that stays where it was does not tell whether one took effect.
    ``tables``: whose timers are this partition's, as checksums of their names.
    """

    time: int = NEVER
    turn: int = 0
    tables: frozenset[int] = field(default_factory=frozenset)

    def next_turn(self) -> int:
        """The turn of one more transaction with timers."""
        return (self.turn + 1) % _TURNS

    def encode(self) -> bytes:
        """12 bytes, and 4 for each table."""
        return _LAYOUT.pack(self.time, self.turn) + b"".join(map(_TABLE.pack, sorted(self.tables)))

    @classmethod
    def decode(cls, data: bytes) -> StreamTime | None:
        """What ``encode`` has written; None: something else, or nothing."""
        size = len(data) - _LAYOUT.size
        if size < 0 or size % _TABLE.size:
            return None
        time, turn = _LAYOUT.unpack_from(data)
        return cls(time, turn, frozenset(table for (table,) in _TABLE.iter_unpack(data[_LAYOUT.size :])))
