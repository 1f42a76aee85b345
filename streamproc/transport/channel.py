"""Faust's topic: what an agent sends goes to its event by the shortest way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

import faust
from faust.app.base import App
from faust.types import RecordMetadata

from streamproc.transport.message import current_delivery
from streamproc.transport.monitor import Monitor
from streamproc.transport.outcomes import Outcome

if TYPE_CHECKING:
    from streamproc.transport.producer import Producer


class Topic(faust.Topic):
    """A topic of an app with this transport."""

    async def send(self, *, force: bool = False, **options: Any) -> Awaitable[RecordMetadata]:
        """As Faust's. ``force``: not tied to the event that is worked on; the record joins the next transaction."""
        if force:
            token = current_delivery.set(None)
            try:
                return await super().send(force=True, **options)
            finally:
                current_delivery.reset(token)
        bound = self._bind(**options)
        return bound if bound is not None else await super().send(**options)

    def send_soon(self, *, force: bool = False, **options: Any) -> Any:
        """As Faust's; bound to the event that is worked on, like ``send``."""
        if not force:
            eager = options.pop("eager_partitioning", False)
            bound = None if eager else self._bind(**options)
            if bound is not None:
                return bound
            options["eager_partitioning"] = eager
        return super().send_soon(force=force, **options)

    def _bind(
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
    ) -> asyncio.Future[RecordMetadata] | None:
        """Hand the record over to the current event; None when only Faust's own way will do."""
        message = current_delivery.get()
        if message is None or callback is not None or self._observed:
            return None
        open_headers: Any = self.prepare_headers(headers)
        # Faust's serializers leave bytes as they are, after a dozen calls.
        if schema is not None or type(self.schema) is not faust.Schema or not (key is None or type(key) is bytes):
            key, open_headers = self.prepare_key(key, key_serializer, schema, open_headers)
        if schema is not None or type(self.schema) is not faust.Schema or type(value) is not bytes:
            value, open_headers = self.prepare_value(value, value_serializer, schema, open_headers)
        milliseconds = None if timestamp is None else round(timestamp * 1000)
        outcome = Outcome(self.get_topic_name(), key, value, partition, milliseconds, _pairs(open_headers))
        return cast("Producer", self.app.producer).hold(message, outcome)

    @property
    def _observed(self) -> bool:
        """Whether somebody wants to hear of every record that is sent."""
        app = cast(App, self.app)
        sensors: set[Any] = app.sensors._sensors  # type: ignore[attr-defined]
        return len(sensors) > 1 or not all(isinstance(sensor, Monitor) for sensor in sensors)


def _pairs(headers: Any) -> list[tuple[str, str | bytes | None]] | None:
    if not headers:
        return None
    return list(headers.items()) if isinstance(headers, dict) else list(headers)
