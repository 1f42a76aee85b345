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
    from streamproc.transport.surface.deduplicator import Deduplicator, Seen
    from streamproc.transport.surface.each import each
    from streamproc.transport.surface.tables.timers import Timers

__all__ = [
    "Deduplicator",
    "HandlerFailed",
    "OffsetOutOfRange",
    "OutcomeRefused",
    "OutsideEvent",
    "RefusedHandler",
    "Seen",
    "SentAfterAck",
    "Timers",
    "Transport",
    "TransportError",
    "TransportSettings",
    "Unsendable",
    "Unsupported",
    "each",
]

_ROOMS = {
    "Deduplicator": "surface.deduplicator",
    "RefusedHandler": "shared",
    "Seen": "surface.deduplicator",
    "Timers": "surface.tables.timers",
    "Transport": "driver",
    "TransportSettings": "settings",
    "each": "surface.each",
}


def __getattr__(name: str) -> Any:
    # Faust and librdkafka take half a second to import: who only reads settings does not wait for them.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS.get(name, 'errors')}"), name)
