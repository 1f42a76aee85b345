"""Which events are traced, what their spans say, and the spans of transactions."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from faust.types import TP
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from streamproc.tracing.context import extracted, new_span_id, new_trace_id, span_context
from streamproc.tracing.conventions import (
    ATTEMPTS,
    BATCH_COUNT,
    COMMIT,
    ERROR_TYPE,
    GROUP,
    KAFKA,
    KEPT,
    OFFSET,
    OPERATION_NAME,
    OPERATION_TYPE,
    OUTCOME,
    PARTITION,
    PROCESS,
    REASON,
    RECEIVE,
    SETTLE,
    SYSTEM,
    messaging,
    operation,
)
from streamproc.tracing.event import Attributes, EventTrace, SpanNote

MOST_UNCOMMITTED = 10_000
"""Traced events that wait for their transaction; of more the first are forgotten, and their transaction's span has no
link to them."""
MOST_LINKS = 128
"""Of one span, as OpenTelemetry's limit is by default."""


class Spans(Protocol):
    """Where notes of spans go."""

    def put(self, notes: Sequence[SpanNote]) -> None:
        """Never waits."""


class Tracing:
    """Begins and ends the traces of events. Belongs to one event loop.

    Args:
        spans: where they go.
        ratio: share of the events that are traced, of those whose publisher says nothing of it.
        slow: seconds; an event that takes as long is kept in any case. Waiting to be begun does not count: where there
            is more to do than can be done, all of them would be slow.
        as_parent: the publisher's span is the parent, not a link.
        group: the consumer group.
        clock: nanoseconds since 1970.
    """

    def __init__(
        self,
        spans: Spans,
        ratio: float,
        slow: float,
        *,
        as_parent: bool,
        group: str,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._spans = spans
        self._sampler = ParentBased(TraceIdRatioBased(ratio))
        self._slow_ns = round(slow * 1e9)
        self._as_parent = as_parent
        self._group = group
        self._clock = clock
        self._uncommitted: OrderedDict[tuple[TP, int], SpanContext] = OrderedDict()

    def begin(self, topic: str, headers: Iterable[tuple[str, bytes | None]], waited: float = 0.0) -> EventTrace:
        """An event is about to be worked on.

        Args:
            topic: where it comes from.
            headers: its record's.
            waited: seconds since it was received from Kafka.
        """
        context = extracted(headers)
        creation = span_context(context)
        parent = creation if self._as_parent else None
        trace_id = new_trace_id() if parent is None else parent.trace_id
        sampled = self._sampler.should_sample(context, trace_id, topic).decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        state = None if creation is None else creation.trace_state
        own = SpanContext(trace_id, new_span_id(), False, flags, state)
        links = () if creation is None or self._as_parent else (creation,)
        now = self._clock()
        trace = EventTrace(own, parent, links, now - round(waited * 1e9), self._clock)
        if waited > 0:
            attributes = messaging(RECEIVE, topic)
            trace.note(
                SpanNote(
                    operation(RECEIVE, topic), trace.child(), own, trace.began, now, SpanKind.CLIENT, attributes, links
                )
            )
        return trace

    def end(
        self, trace: EventTrace, tp: TP, offset: int, outcome: str, attempts: int, code: str, more: Attributes
    ) -> None:
        """It has its outcome, which is committed later, or it was given up.

        Args:
            trace: what ``begin`` gave.
            tp, offset: its record's place.
            outcome: COMPLETE, PARTIAL, dead_letter or given_up.
            attempts: as in dead letters.
            code: what it failed of; empty: it did not.
            more: attributes of its span.
        """
        now = self._clock()
        if attempts > 1:
            trace.keep("retry")
        if now - trace.started >= self._slow_ns:
            trace.keep("slow")
        if not trace.kept:
            return
        attributes: dict[str, str | int | float | bool] = {
            **messaging(PROCESS, tp.topic),
            PARTITION: str(tp.partition),
            OFFSET: offset,
            GROUP: self._group,
            OUTCOME: outcome,
            ATTEMPTS: attempts,
            KEPT: trace.kept,
            **more,
        }
        if code:
            attributes[ERROR_TYPE] = code
        self._uncommitted[tp, offset] = trace.context
        while len(self._uncommitted) > MOST_UNCOMMITTED:
            self._uncommitted.popitem(last=False)
        process = SpanNote(
            operation(PROCESS, tp.topic),
            trace.context,
            trace.parent,
            trace.began,
            now,
            SpanKind.CONSUMER,
            attributes,
            trace.links,
            trace.moments,
            code,
        )
        self._spans.put([process, *trace.notes])

    def transaction(self, outcome: str, reason: str, began: int, offsets: Mapping[TP, Sequence[int]]) -> None:
        """A transaction has ended: one span, linked to the traced events whose outcomes it holds; none without any.

        Args:
            outcome: committed, aborted, refused or in_doubt.
            reason: of one that was aborted.
            began: nanoseconds since 1970.
            offsets: the events, by partition.
        """
        if not self._uncommitted:
            return
        places = [(tp, offset) for tp, of_partition in offsets.items() for offset in of_partition]
        links = [self._uncommitted[place] for place in places if place in self._uncommitted]
        if outcome == "committed":
            for place in places:
                self._uncommitted.pop(place, None)
        if not links:
            return
        attributes: Attributes = {
            SYSTEM: KAFKA,
            OPERATION_TYPE: SETTLE,
            OPERATION_NAME: COMMIT,
            GROUP: self._group,
            BATCH_COUNT: len(places),
            OUTCOME: outcome,
            **({REASON: reason, ERROR_TYPE: reason} if reason else {}),
        }
        flags = TraceFlags(TraceFlags.SAMPLED)
        context = SpanContext(new_trace_id(), new_span_id(), False, flags)
        failed = "" if outcome == "committed" else reason or outcome
        self._spans.put(
            [
                SpanNote(
                    COMMIT,
                    context,
                    None,
                    began,
                    self._clock(),
                    SpanKind.CLIENT,
                    attributes,
                    links[:MOST_LINKS],
                    error=failed,
                )
            ]
        )
