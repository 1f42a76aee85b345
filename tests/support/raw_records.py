"""Records that confluent-kafka cannot send: header names that are not UTF-8, timestamps beyond any calendar."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as bytes."""

    key: bytes | None = None
    value: bytes | None = b""
    headers: Sequence[tuple[bytes, bytes | None]] = ()
    timestamp: int | None = None
    """Milliseconds since the epoch, or whatever number is to stand there; None: now."""
    partition: int = 0
    compressed: bool = False
    """With gzip."""


def send_raw(bootstrap: str, topic: str, records: Iterable[RawRecord]) -> list[tuple[int, int]]:
    """Write records as they are. Returns their partitions and offsets."""
    return asyncio.run(_send_all(bootstrap, topic, list(records)))


async def _send_all(bootstrap: str, topic: str, records: list[RawRecord]) -> list[tuple[int, int]]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=1 << 25) as producer:
        places = []
        for record in records:
            sent = await producer.send_batch(_Batch(record), topic, partition=record.partition)
            places.append((record.partition, (await sent).offset))
        return places


class _Bytes(str):
    """A header's name that is these bytes, whatever they are."""

    _content: bytes

    def __new__(cls, content: bytes) -> _Bytes:
        name = super().__new__(cls)
        name._content = content
        return name

    def encode(self, *_: Any, **__: Any) -> bytes:
        return self._content


class _Batch(BatchBuilder):  # type: ignore[misc]
    """One record."""

    def __init__(self, record: RawRecord) -> None:
        super().__init__(1 << 25, 0)
        # The one that is written in Python asks a name for its bytes.
        self._builder = _DefaultRecordBatchBuilderPy(2, int(record.compressed), 0, -1, -1, 0, 1 << 25)
        headers = [(_Bytes(name), value) for name, value in record.headers]
        timestamp = int(time.time() * 1000) if record.timestamp is None else record.timestamp
        self.append(timestamp=timestamp, key=record.key, value=record.value, headers=headers)
