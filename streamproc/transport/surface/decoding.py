"""From a record to Faust's event, without looking settings up again for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faust
from faust.serializers.codecs import get_codec
from faust.types import EventT

from streamproc.transport.surface.delivery import Delivery

Decode = Callable[[Delivery], EventT[Any]]


def decoder(app: faust.App, channel: Any) -> Decode | None:
    """How a channel's records become events; None when only its own ``decode``, a coroutine, knows.

    What is returned raises KeyDecodeError or ValueDecodeError, as the app's serializers do.
    """
    schema = channel.schema
    if type(schema).compile is not faust.Schema.compile:
        return None
    loads_key = _unchanged(app, schema.key_type, schema.key_serializer, app.serializers.key_serializer)
    loads_value = _unchanged(app, schema.value_type, schema.value_serializer, app.serializers.value_serializer)
    key_is_bytes = loads_key and type(schema).loads_key is faust.Schema.loads_key
    value_is_bytes = loads_value and type(schema).loads_value is faust.Schema.loads_value
    load_key, load_value, allow_empty = schema.loads_key, schema.loads_value, schema.allow_empty
    make: Any = app.conf.Event if type(app).create_event is faust.App.create_event else None

    def decode(message: Delivery) -> EventT[Any]:
        key = message.key if key_is_bytes else load_key(app, message)
        value = message.value
        if not value_is_bytes and not (value is None and allow_empty):
            value = load_value(app, message)
        event: EventT[Any] = (
            app.create_event(key, value, message.headers, message)
            if make is None
            else make(app, key, value, message.headers, message)
        )
        return event

    return decode


def _unchanged(app: faust.App, wanted: Any, *serializers: Any) -> bool:
    """Whether Faust's registry would answer the bytes that it is given."""
    serializer = next((name for name in serializers if name), None)
    if serializer is not None and get_codec(serializer) is not get_codec("raw"):
        return False
    return wanted is None or wanted is bytes
