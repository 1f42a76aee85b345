"""Spans sent to a collector: OTLP over HTTP, from a bounded queue.

The collector may be slow or down, and the worker must not feel it: to put spans into the queue never waits, what it has
no room for is dropped and counted, and one thread of its own makes the spans and sends them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import structlog
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter_provider
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status, StatusCode

from streamproc import __version__
from streamproc.telemetry.catalogue import named
from streamproc.telemetry.otlp import LAST_S, TIMEOUT_S, exporter_for
from streamproc.telemetry.resource import resource
from streamproc.tracing.event import SpanNote

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

log = structlog.get_logger(__name__)

BATCH = 512
"""Spans in one sending, at most."""
EVERY_S = 1.0
"""Seconds that a span waits for others, at most, while the collector keeps up."""

_SCOPE = InstrumentationScope("streamproc", __version__)


class SpanQueue:
    """Takes notes of spans on the event loop, and sends them from a thread.

    Args:
        exporter: sends; may block for TIMEOUT_S.
        limit: notes that wait, at most.
        described: what the spans' process is.
    """

    def __init__(self, exporter: SpanExporter, limit: int, described: Resource) -> None:
        self._exporter = exporter
        self._limit = limit
        self._resource = described
        self._waiting: deque[SpanNote] = deque()
        self._wake = threading.Event()
        self._closing = False
        # Each has one writer: the thread the first and the last, the event loop the other.
        self.sent = self.dropped = self.failed = 0
        """Spans that the collector took, those that the queue had no room for, and those that were not taken."""
        self._thread = threading.Thread(target=self._run, name="otlp-spans", daemon=True)
        self._thread.start()

    def put(self, notes: Sequence[SpanNote]) -> None:
        """Have these sent; whatever the queue has no room for is dropped. Never waits."""
        room = self._limit - len(self._waiting)
        self._waiting.extend(notes[: max(0, room)])
        self.dropped += max(0, len(notes) - room)
        if len(self._waiting) >= BATCH:
            self._wake.set()

    def count_in(self, provider: MeterProvider | None = None) -> None:
        """Show how the sendings go among the metrics, of the process' own provider by default."""

        def spans(_: CallbackOptions) -> Iterable[Observation]:
            for outcome in ("sent", "dropped", "failed"):
                yield Observation(getattr(self, outcome), {"outcome": outcome})

        name, unit, meaning = named("streamproc_trace_spans")
        meter = (provider or get_meter_provider()).get_meter("streamproc")
        meter.create_observable_counter(name, [spans], unit, meaning)

    def close(self) -> None:
        """Send the last spans, if that is soon done. It may wait for LAST_S."""
        self._closing = True
        self._wake.set()
        self._thread.join(LAST_S)
        if self._thread.is_alive():
            log.warning("spans are not sent", reason="the collector does not answer in time")
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(EVERY_S)
            self._wake.clear()
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while self._waiting:
            self._send()

    def _send(self) -> None:
        notes = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        try:
            result = self._exporter.export([span_of(note, self._resource) for note in notes])
            reason = "" if result.name == "SUCCESS" else "the collector does not take them"
        except Exception as error:  # noqa: BLE001 - whatever it is, readings are scored
            reason = type(error).__name__
        if reason:
            self.failed += len(notes)
            log.warning("spans are not sent", reason=reason)
        else:
            self.sent += len(notes)


def span_of(note: SpanNote, described: Resource) -> ReadableSpan:
    """What exporters take; ``described``: what the span's process is."""
    return ReadableSpan(
        name=note.name,
        context=note.context,
        parent=note.parent,
        resource=described,
        attributes=note.attributes,
        events=[Event(name, attributes, when) for name, when, attributes in note.moments],
        links=[Link(context) for context in note.links],
        kind=note.kind,
        status=Status(StatusCode.ERROR, note.error) if note.error else Status(StatusCode.UNSET),
        start_time=note.began,
        end_time=note.ended,
        instrumentation_scope=_SCOPE,
    )


def spans_to(endpoint: str, limit: int, environment: str = "") -> SpanQueue:
    """Send to a collector's URL. OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE and the like hold for it.

    Raises:
        StreamprocError: SETTINGS_INVALID, where the exporter is not installed.
    """
    with exporter_for("STREAMPROC_TRACING__ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    return SpanQueue(OTLPSpanExporter(endpoint=endpoint, timeout=TIMEOUT_S), limit, resource(environment))
