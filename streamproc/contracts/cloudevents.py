"""CloudEvents' headers for our events: the Kafka protocol binding, binary mode.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md; the trace
context travels in W3C's ``traceparent`` header (https://www.w3.org/TR/trace-context/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from streamproc.tracing.conventions import TRACEPARENT, TRACESTATE

ACTIVITY_TYPE = "streamproc.reading.Activity"
RESULT_TYPE = "streamproc.reading.Result"
CONTROL_TYPE = "streamproc.control.ControlEvent"
PROGRESS_TYPE = "streamproc.reading.Progress"
CORRECTION_TYPE = "streamproc.reading.Correction"

Headers = list[tuple[str, bytes]]


def event_headers(event_type: str, event_id: str, source: str, activity_id: str, time: datetime) -> Headers:
    """Headers of an event.

    Args:
        event_type: one of the types above.
        event_id: unique within ``source``.
        source: who publishes, as a URI reference, for example "/streamproc".
        activity_id: the reading that the event is about, in ``ce_subject``.
        time: when it happened; aware.
    """
    fields = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": event_type,
        "ce_subject": activity_id,
        "ce_time": time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "content-type": "application/avro",
    }
    return [(name, value.encode()) for name, value in fields.items()]


def trace_context(headers: Iterable[tuple[str, bytes]] | Mapping[str, bytes] | None) -> Headers:
    """The trace context among a record's headers, to be passed on."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return [(name, value) for name, value in pairs if name in (TRACEPARENT, TRACESTATE)]
