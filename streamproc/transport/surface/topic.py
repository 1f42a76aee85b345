"""Faust's topic: what an agent sends goes to its event by the shortest way."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cached_property
from typing import Any

import faust
from faust.types import RecordMetadata

from streamproc.transport.flight.sendable import Outcome, outcome_of
from streamproc.transport.surface.delivery import current_delivery
from streamproc.transport.surface.producer import Producer


class Topic(faust.Topic):
    """A topic of an app with this transport."""

    app: Any  # Faust's type does not know our producer

    async def send(
        self,
        *,
        key: Any = None,
        value: Any = None,
        partition: int | None = None,
        timestamp: float | None = None,
        headers: Any = None,
        schema: Any = None,
        key_serializer: Any = None,
        value_serializer: Any = None,
        callback: Any = None,
        force: bool = False,
    ) -> Awaitable[RecordMetadata]:
        """As Faust's. ``force``: not tied to the event that is worked on; the record joins the next transaction."""
        delivery = None if force or callback is not None else current_delivery.get()
        if delivery is not None:
            producer: Producer = self.app.producer
            if not producer.observed:
                outcome = self._outcome(
                    key, value, partition, timestamp, headers, schema, key_serializer, value_serializer
                )
                if outcome.partition:
                    await producer.find_partition(outcome)
                delivery.hold(outcome)
                return producer.answers[outcome.topic, outcome.partition]
        # Hidden from the producer while the record passes on to it.
        hidden = current_delivery.set(None) if force else None
        try:
            return await super().send(
                key=key,
                value=value,
                partition=partition,
                timestamp=timestamp,
                headers=headers,
                schema=schema,
                key_serializer=key_serializer,
                value_serializer=value_serializer,
                callback=callback,
                force=force,
            )
        finally:
            if hidden is not None:
                current_delivery.reset(hidden)

    def send_soon(self, *, force: bool = False, eager_partitioning: bool = False, **options: Any) -> Any:
        """As Faust's; bound to the event that is worked on, like ``send``."""
        delivery = None if force or eager_partitioning or options.get("callback") else current_delivery.get()
        if delivery is None:
            return super().send_soon(force=force, eager_partitioning=eager_partitioning, **options)
        names = ("key", "value", "partition", "timestamp", "headers", "schema", "key_serializer", "value_serializer")
        outcome = self._outcome(*map(options.get, names))
        delivery.hold(outcome)
        producer: Producer = self.app.producer
        return producer.answers[outcome.topic, outcome.partition]

    def _outcome(
        self,
        key: Any,
        value: Any,
        partition: Any,
        timestamp: Any,
        headers: Any,
        schema: Any,
        key_serializer: Any,
        value_serializer: Any,
    ) -> Outcome:
        open_headers: Any = self.prepare_headers(headers) if headers is not None else None
        # Faust's serializers leave bytes as they are, after a dozen calls.
        plain = schema is None and type(self.schema) is faust.Schema
        if not plain or not (key is None or type(key) is bytes):
            key, open_headers = self.prepare_key(key, key_serializer, schema, open_headers or {})
        if not plain or type(value) is not bytes:
            value, open_headers = self.prepare_value(value, value_serializer, schema, open_headers or {})
        return outcome_of(self._name, key, value, partition, timestamp, open_headers)

    @cached_property
    def _name(self) -> str:
        return self.get_topic_name()
