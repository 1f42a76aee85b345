"""The trace of one event: its spans are noted as they end, and made only if the trace is kept.

Whether it is kept is known at its end alone: a dead letter, a retry or a slow event is, whatever the sampling said at
its beginning. Ids are given at the beginning, for headers and log lines that name them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType

from opentelemetry.trace import SpanContext, SpanKind

from streamproc.errors import StreamprocError
from streamproc.tracing.context import child_of
from streamproc.tracing.conventions import ERROR_TYPE

Attributes = Mapping[str, str | int | float | bool]
Moment = tuple[str, int, Attributes]
"""Something that happened within a span: what, when (nanoseconds since 1970), and more about it."""

MOST_NOTED = 128
"""Spans and moments of one event, each; an event that is tried again for hours has no more of them."""


@dataclass(slots=True)
class SpanNote:
    """A span that is over. Times are nanoseconds since 1970."""

    name: str
    context: SpanContext
    parent: SpanContext | None
    began: int
    ended: int
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Attributes = field(default_factory=dict)
    links: Sequence[SpanContext] = ()
    moments: Sequence[Moment] = ()
    error: str = ""
    """What it failed of, a code; empty: it did not."""


class EventTrace:
    """What is noted of one event. Belongs to the event loop.

    Args:
        context: of the span that all others are below.
        parent: of that span; None: it is the first of its trace.
        links: what it is linked to.
        began: nanoseconds since 1970: when it was received; now by default.
        clock: nanoseconds since 1970.
    """

    __slots__ = ("active", "began", "clock", "context", "kept", "links", "moments", "notes", "parent", "started")

    def __init__(
        self,
        context: SpanContext,
        parent: SpanContext | None = None,
        links: Sequence[SpanContext] = (),
        began: int | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.context = self.active = context
        self.parent = parent
        self.links = links
        self.clock = clock
        self.started = clock()
        """When the work on it began."""
        self.began = self.started if began is None else began
        self.kept = "sampled" if context.trace_flags.sampled else ""
        """Why it is kept; empty: it is not, for all that is known yet."""
        self.notes: list[SpanNote] = []
        self.moments: list[Moment] = []

    def keep(self, why: str) -> None:
        """It is kept, whatever was decided before."""
        self.kept = self.kept or why

    def child(self, parent: SpanContext | None = None) -> SpanContext:
        """The context of a span to come; ``parent``: what it is below, the span that is active by default."""
        return child_of(parent or self.active, sampled=bool(self.kept))

    def note(self, note: SpanNote) -> None:
        """A span is over."""
        if len(self.notes) < MOST_NOTED:
            self.notes.append(note)

    def moment(self, name: str, attributes: Attributes) -> None:
        """Something happened."""
        if len(self.moments) < MOST_NOTED:
            self.moments.append((name, self.clock(), attributes))


@dataclass(slots=True)
class EventScope:
    """The event that a task works on."""

    correlation_id: str
    """What those who published it call it: from its headers, or its place in Kafka."""
    activity_id: str | None = None
    """None: it is not decoded."""
    trace: EventTrace | None = None
    """None: nothing is traced."""


current: ContextVar[EventScope | None] = ContextVar("streamproc_event", default=None)
"""Of the task that runs, and of the threads that it waits for."""


def current_trace() -> EventTrace | None:
    """Of the event that is being worked on."""
    scope = current.get()
    return None if scope is None else scope.trace


def failure_name(error: BaseException) -> str:
    """What a span says of an error: its code, or its type, never its text, which may quote the event."""
    return error.code.name if isinstance(error, StreamprocError) else type(error).__name__


class stage:  # noqa: N801 - reads as a statement
    """``with stage("decode"):`` notes a span of the event that is worked on, below the active one; free without."""

    __slots__ = ("_above", "_began", "_context", "_name", "_trace")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        trace = self._trace = current_trace()
        if trace is not None:
            self._above = trace.active
            self._context = trace.active = trace.child()
            self._began = trace.clock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        trace = self._trace
        if trace is not None:
            trace.active = self._above
            failed = "" if error is None else failure_name(error)
            attributes = {ERROR_TYPE: failed} if failed else {}
            trace.note(
                SpanNote(
                    self._name,
                    self._context,
                    self._above,
                    self._began,
                    trace.clock(),
                    attributes=attributes,
                    error=failed,
                )
            )
