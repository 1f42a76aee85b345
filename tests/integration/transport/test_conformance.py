"""Streams, agents and topics behave at the driver's desk, with a broker, as they do at the one in memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import faust
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from support.conformance import BEHAVIOURS, Behaviour, check
from support.plan import create_topics

from streamproc.transport import Transport, TransportSettings


class BrokerWorker:
    """An app in this process that reads one topic and sends to another."""

    def __init__(self, bootstrap: str, folder: Path, behaviour: Behaviour) -> None:
        name = f"conformance-{uuid.uuid4().hex[:8]}"
        self._bootstrap = bootstrap
        self._source, self._sink = f"{name}-in", f"{name}-out"
        app = self._app = faust.App(
            name,
            broker=f"rdkafka://{bootstrap}",
            processing_guarantee="exactly_once",
            topic_disable_leader=True,
            topic_allow_declare=False,
            web_enabled=False,
            datadir=str(folder),
            key_serializer="raw",
            value_serializer="raw",
        )
        app.in_worker = True
        cast(Transport, app.transport).settings = TransportSettings(
            on_raise=cast(Any, behaviour.on_raise),
            retry_backoff=0.01,
            commit_interval=0.02,
            stop_timeout=0.2,
        )
        sink = app.topic(self._sink)
        app.agent(app.topic(self._source))(lambda stream: behaviour.agent(stream, sink))

    async def __aenter__(self) -> BrokerWorker:
        create_topics(self._bootstrap, self._source, self._sink, partitions=1)
        await self._app.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._app.stop()

    async def feed(self, values: Sequence[bytes]) -> None:
        """Records, one of each key."""
        producer = Producer({"bootstrap.servers": self._bootstrap, "log_level": 0})
        for number, value in enumerate(values):
            producer.produce(self._source, key=b"key %d" % number, value=value)
        assert producer.flush(30) == 0

    async def finished(self) -> int:
        """How many events' transactions are committed."""
        return self._app.monitor.events_total

    async def outcomes(self) -> list[bytes | None]:
        """What a read_committed reader sees, to the end of the log."""
        reader = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "reader",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        reader.assign([TopicPartition(self._sink, 0, 0)])
        found: list[bytes | None] = []
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = reader.poll(0.1)
            if message is None:
                continue
            if (error := message.error()) is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    break
                continue
            found.append(message.value())
        reader.close()
        return found


@pytest.mark.parametrize("name", BEHAVIOURS)
async def test_behaviour(name: str, kafka_bootstrap: str, tmp_path: Path) -> None:
    behaviour = BEHAVIOURS[name]
    async with BrokerWorker(kafka_bootstrap, tmp_path, behaviour) as worker:
        await check(worker, behaviour)
