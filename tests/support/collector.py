"""Stands in for a collector: takes metrics and spans by OTLP over HTTP, or refuses them.

`make test-operate` has the real one.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def collector(status: int = 200, signal: str = "metrics") -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers with this status; its address for metrics or traces, and the bodies it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/{signal}", bodies
    finally:
        server.shutdown()
        server.server_close()


def received(body: bytes) -> Any:
    """What was sent. It needs streamproc[otlp], as the worker that sends it does."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    return ExportMetricsServiceRequest.FromString(body)


def total(body: bytes, name: str) -> int:
    """The sum of a counter's points in what was sent."""
    return sum(
        point.as_int
        for resource in received(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.sum.data_points
    )


@dataclass(frozen=True)
class Span:
    """A span as a collector has it; ids in hexadecimal digits, times in nanoseconds since 1970."""

    name: str
    trace: str
    span: str
    parent: str
    kind: int
    began: int
    ended: int
    attributes: dict[str, str | int]
    links: list[tuple[str, str]]
    events: list[str]
    failed: bool
    resource: dict[str, str | int]


def spans_of(bodies: Iterable[bytes]) -> list[Span]:
    """All spans in what was sent. It needs streamproc[otlp]."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return [
        Span(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.kind,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            _values(span.attributes),
            [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
            [event.name for event in span.events],
            span.status.code == 2,
            _values(resource.resource.attributes),
        )
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, str | int]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in attributes}
