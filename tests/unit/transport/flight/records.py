"""Stand-ins for librdkafka's messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Record:
    """What admission asks of librdkafka's message."""

    at: int
    name: bytes | None = None

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.name
