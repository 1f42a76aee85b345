"""The worker's pages: liveness, readiness and metrics, on Faust's web server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from faust import App
from faust.web import Request, Response, View

from streamproc.contracts.plan import versions_read
from streamproc.telemetry import metrics


def add_pages(
    app: App, ready: Callable[[], bool], paused: Callable[[], list[str]], stalled: Callable[[], float | None]
) -> None:
    """Add /health/live, /health/ready, /metrics and /contracts.

    Args:
        app: the worker's Faust app.
        ready: whether the worker has joined its group.
        paused: why it does not begin new events (a dependency, "quarantine"); empty while it does.
        stalled: seconds for which it has got nowhere with the events that it has; None while it does get on.

    /health/ready answers 503 while the worker is not ready, is paused or is stalled.
    """

    async def live(self: View, request: Request) -> Response:
        return self.json({"status": "live"})

    async def readiness(self: View, request: Request) -> Response:
        if not ready():
            return self.json({"status": "starting"}, status=503)
        if reasons := paused():
            return self.json({"status": "paused", "reasons": reasons}, status=503)
        if (seconds := stalled()) is not None:
            return self.json({"status": "stalled", "seconds": round(seconds)}, status=503)
        return self.json({"status": "ready"})

    async def exposition(self: View, request: Request) -> Response:
        body, content_type = metrics.exposition()
        return self.bytes(body, content_type=content_type.split(";")[0])

    async def contracts(self: View, request: Request) -> Response:
        return self.json(versions_read())

    pages: dict[str, Any] = {
        "/health/live": live,
        "/health/ready": readiness,
        "/metrics": exposition,
        "/contracts": contracts,
    }
    for path, page in pages.items():
        app.page(path)(page)
