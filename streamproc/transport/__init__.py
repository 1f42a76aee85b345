"""``rdkafka://``: a Faust transport on librdkafka, exactly-once for asynchronous work that finishes out of order."""

from streamproc.transport.agent import each
from streamproc.transport.driver import RefusedHandler, Transport
from streamproc.transport.errors import (
    HandlerFailed,
    OffsetOutOfRange,
    OutcomeRefused,
    SentAfterAck,
    TransportError,
    Unsupported,
)
from streamproc.transport.settings import TransportSettings

__all__ = [
    "HandlerFailed",
    "OffsetOutOfRange",
    "OutcomeRefused",
    "RefusedHandler",
    "SentAfterAck",
    "Transport",
    "TransportError",
    "TransportSettings",
    "Unsupported",
    "each",
]
