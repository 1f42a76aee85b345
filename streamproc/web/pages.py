"""The worker's pages: liveness, readiness and metrics, on Faust's web server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from faust import App
from faust.web import Request, Response, View

from streamproc.contracts.plan import versions_read
from streamproc.health.readiness import Readiness
from streamproc.telemetry import metrics


def add_pages(app: App, readiness: Readiness, started: Callable[[], bool]) -> None:
    """Add /health/live, /health/started, /health/ready, /metrics and /contracts.

    Args:
        app: the worker's Faust app.
        readiness: whether it should be given work; while it should not, /health/ready answers 503.
        started: whether it has ever joined its group; until then /health/started answers 503.

    That /health/live is answered at all says that the event loop turns.
    """

    async def live(self: View, request: Request) -> Response:
        return self.json({"status": "live"})

    async def start(self: View, request: Request) -> Response:
        return self.json({"status": "started"}) if started() else self.json({"status": "starting"}, status=503)

    async def ready(self: View, request: Request) -> Response:
        is_ready, said = readiness.answer()
        return self.json(said, status=200 if is_ready else 503)

    async def exposition(self: View, request: Request) -> Response:
        body, content_type = metrics.exposition()
        return self.bytes(body, content_type=content_type.split(";")[0])

    async def contracts(self: View, request: Request) -> Response:
        return self.json(versions_read())

    pages: dict[str, Any] = {
        "/health/live": live,
        "/health/started": start,
        "/health/ready": ready,
        "/metrics": exposition,
        "/contracts": contracts,
    }
    for path, page in pages.items():
        app.page(path)(page)
