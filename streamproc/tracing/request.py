"""A request that is made for several events at once, and the trace context that it carries.

It can have one parent: the first event whose trace is kept. To the others its span is linked. Events of which none is
kept have no span for it, their stages tell how long it took.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.trace import SpanKind

from streamproc.tracing.context import traceparent
from streamproc.tracing.conventions import ERROR_TYPE, TRACEPARENT
from streamproc.tracing.event import Attributes, EventTrace, SpanNote, failure_name

_carried: ContextVar[dict[str, str] | None] = ContextVar("streamproc_request", default=None)


def metadata() -> dict[str, str] | None:
    """What the request that is being made carries; None: nothing."""
    return _carried.get()


@contextmanager
def request(name: str, traces: Iterable[EventTrace | None], attributes: Attributes) -> Iterator[None]:
    """Note a span for what is asked inside the block, which carries its context.

    Args:
        name: of the span.
        traces: of the events that it is made for.
        attributes: of the span.
    """
    kept = list(dict.fromkeys(trace for trace in traces if trace is not None and trace.kept))
    if not kept:
        yield
        return
    first, above = kept[0], kept[0].active
    context, began = first.child(), first.clock()
    links = [trace.active for trace in kept[1:]]
    token, failed = _carried.set({TRACEPARENT: traceparent(context)}), ""
    try:
        yield
    except BaseException as error:
        failed = failure_name(error)
        raise
    finally:
        _carried.reset(token)
        told = {**attributes, **({ERROR_TYPE: failed} if failed else {})}
        first.note(
            SpanNote(name, context, above, began, first.clock(), SpanKind.CLIENT, told, links=links, error=failed)
        )
