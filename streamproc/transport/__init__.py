"""``rdkafka://``: a Faust transport on librdkafka, exactly-once for asynchronous work that finishes out of order."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamproc.transport.driver import Transport
    from streamproc.transport.errors import (
        HandlerFailed,
        OffsetOutOfRange,
        OutcomeRefused,
        OutsideEvent,
        SentAfterAck,
        TransportError,
        Unsendable,
        Unsupported,
    )
    from streamproc.transport.settings import TransportSettings
    from streamproc.transport.shared import RefusedHandler
    from streamproc.transport.surface.each import each

__all__ = [
    "HandlerFailed",
    "OffsetOutOfRange",
    "OutcomeRefused",
    "OutsideEvent",
    "RefusedHandler",
    "SentAfterAck",
    "Transport",
    "TransportError",
    "TransportSettings",
    "Unsendable",
    "Unsupported",
    "each",
]

_ROOMS = {"each": "surface.each", "RefusedHandler": "shared", "Transport": "driver", "TransportSettings": "settings"}


def __getattr__(name: str) -> Any:
    # Faust and librdkafka take half a second to import: who only reads settings does not wait for them.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'errors')}"), name)
