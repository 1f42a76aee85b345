"""The section of traces."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from streamproc.settings.sections import Count, Endpoint, Seconds, Section


class TracingSettings(Section):
    """Traces: what happened to one event, and how long each part of it took."""

    endpoint: Endpoint = ""
    """Collector that spans are sent to by OTLP over HTTP, for example http://collector:4318/v1/traces; empty: nothing
    is traced. Needs streamproc[otlp]; OTEL_EXPORTER_OTLP_HEADERS and the like hold for it."""
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the events that are traced, of those whose traceparent says nothing of it: with one, the publisher's
    decision holds. Dead letters, events that were tried again and slow ones are kept in any case."""
    slow: Seconds = 5.0
    """Seconds of work from which on an event is slow; waiting to be begun does not count."""
    creation: Literal["link", "parent"] = "link"
    """What the publisher's span is to the worker's: link, as the conventions say: each has a trace of its own; parent:
    one trace from the publisher to the result."""
    queue: Count = 8192
    """Spans that wait to be sent, at most; more are dropped and counted."""
