"""W3C's trace context in and out of headers: https://www.w3.org/TR/trace-context/."""

from __future__ import annotations

import random
from collections.abc import Iterable

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceFlags, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from streamproc.tracing.conventions import TRACEPARENT, TRACESTATE

_propagator = TraceContextTextMapPropagator()
_LONGEST = 512
"""Characters of a header that is looked at: who publishes chooses them."""


def extracted(headers: Iterable[tuple[str, bytes | None]]) -> Context:
    """The context that a record's headers carry; an empty one where they carry none that is well-formed."""
    carrier = {
        name: value.decode("ascii", "replace")
        for name, value in headers
        if name in (TRACEPARENT, TRACESTATE) and value is not None and len(value) <= _LONGEST
    }
    return _propagator.extract(carrier, context=Context()) if TRACEPARENT in carrier else Context()


def span_context(context: Context) -> SpanContext | None:
    """The span in a context; None: there is none."""
    found = get_current_span(context).get_span_context()
    return found if found.is_valid else None


def traceparent(context: SpanContext) -> str:
    """The header of that name."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def carried(context: SpanContext) -> list[tuple[str, bytes]]:
    """The headers of a record that a span sends."""
    headers = [(TRACEPARENT, traceparent(context).encode())]
    if context.trace_state:
        headers.append((TRACESTATE, context.trace_state.to_header().encode()))
    return headers


def new_trace_id() -> int:
    """A random one, never 0."""
    return random.getrandbits(128) or 1


def new_span_id() -> int:
    """A random one, never 0."""
    return random.getrandbits(64) or 1


def child_of(parent: SpanContext, *, sampled: bool) -> SpanContext:
    """The context of a new span in the same trace."""
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(parent.trace_id, new_span_id(), False, flags, parent.trace_state)
