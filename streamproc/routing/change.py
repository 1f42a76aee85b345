"""Changing what the control topic says: read it, write one event, read on to see whether it counts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc.contracts.cloudevents import CONTROL_TYPE, event_headers
from streamproc.contracts.codec import ControlEncoder
from streamproc.contracts.generated.events_control import ControlEvent, ControlKind
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.reading import TIMEOUT
from streamproc.kafka.refusals import WORKER, Refusals
from streamproc.routing.control import NOTHING, ControlChange, ControlState
from streamproc.routing.log import PARTITION, ControlLog
from streamproc.routing.reading import ControlFold
from streamproc.routing.rules import faults
from streamproc.settings import Settings


class RuleError(Exception):
    """An event that nobody would obey: it is not written. The message says what is wrong."""


def new_event(kind: ControlKind, by: str, reason: str, **fields: Any) -> ControlEvent:
    """An event of now; which revision it follows, `change` knows."""
    return ControlEvent(
        change_id=str(uuid.uuid4()),
        expected_revision=NOTHING,
        at=datetime.now(UTC),
        by=by,
        reason=reason,
        kind=kind,
        **fields,
    )


async def read_all(settings: Settings, registry: Registry) -> ControlFold:
    """The state as of now, with every change that led to it.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, REGISTRY_UNAVAILABLE.
    """
    fold = ControlFold(registry, settings.kafka.control_topic, told=False)
    log = await asyncio.to_thread(ControlLog, settings)
    try:
        await fold.take(await asyncio.to_thread(log.to_end))
    finally:
        await asyncio.to_thread(log.close)
    return fold


async def change(
    settings: Settings, registry: Registry, make: Callable[[ControlState], ControlEvent | None]
) -> tuple[ControlState, ControlChange | None]:
    """Write one event that follows the state as of now; the state after it, and what the event came to.

    Args:
        settings, registry: where the topic and its schema are.
        make: the event, made of the state; None: nothing is to be changed. Its expected_revision is set here.

    Raises:
        RuleError: the event breaks a rule.
        StreamprocError: TOPIC_MISSING; CONTROL_SCHEMA_MISSING; KAFKA_UNAVAILABLE, after which the event may be there
            or not; KAFKA_REFUSED; REGISTRY_UNAVAILABLE.
    """
    topic = settings.kafka.control_topic
    fold = ControlFold(registry, topic, told=False)
    log = await asyncio.to_thread(ControlLog, settings)
    try:
        if not log.exists:
            raise StreamprocError(ErrorCode.TOPIC_MISSING, f"{topic}: run 'streamproc topics create'")
        await fold.take(await asyncio.to_thread(log.to_end))
        event = make(fold.state)
        if event is None:
            return fold.state, None
        event = replace(event, expected_revision=fold.state.revision)
        if wrong := "; ".join(faults(event)):
            raise RuleError(wrong)
        encoder = ControlEncoder(registry, topic)
        await encoder.start()
        offset = await asyncio.to_thread(_write, settings, event, encoder.encode(event))
        silent = 0
        while not fold.has(offset):
            if silent == 3:
                told = f"{topic}: revision {offset} is written, and cannot be read back: see 'streamproc models status'"
                raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, told)
            records, at_end = await asyncio.to_thread(log.poll, TIMEOUT)
            silent = 0 if records or at_end else silent + 1
            await fold.take(records)
        return fold.state, next(one for one in fold.changes if one.offset == offset)
    finally:
        await asyncio.to_thread(log.close)


def _write(settings: Settings, event: ControlEvent, value: bytes) -> int:
    """Write the event's record; its offset."""
    refusals = Refusals(WORKER)
    topic = settings.kafka.control_topic
    configuration: dict[str, Any] = {
        **settings.transport.client(settings.kafka.bootstrap_servers),
        "enable.idempotence": True,
        "message.timeout.ms": int(3 * TIMEOUT * 1000),
        "log_level": 0,
        "error_cb": refusals.heard,
    }
    written: list[tuple[KafkaError | None, int]] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        written.append((error, message.offset() or 0))

    headers: Any = event_headers(CONTROL_TYPE, event.change_id, "/streamproc", event.change_id, event.at)
    try:
        producer = Producer(configuration)
        producer.produce(
            topic,
            value=value,
            key=event.change_id.encode(),
            partition=PARTITION,
            headers=headers,
            on_delivery=delivered,
        )
        producer.flush(4 * TIMEOUT)
    except KafkaException as error:
        raise refusals.failure(error.args[0], f"writing to {topic}") from None
    if not written:
        raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"{topic}: whether the event is written is not known")
    failed, offset = written[0]
    if failed is not None:
        raise refusals.failure(failed, f"writing to {topic}")
    return offset
