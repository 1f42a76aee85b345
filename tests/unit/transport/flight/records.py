"""Stand-ins for librdkafka's messages."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE


@dataclass
class Record:
    """What admission asks of librdkafka's message."""

    at: int
    name: bytes | None = None
    stamp: tuple[int, int] = (TIMESTAMP_NOT_AVAILABLE, 0)

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.name

    def timestamp(self) -> tuple[int, int]:
        return self.stamp
