"""How the worker's pages are served: by Faust's web server, within limits, and without Faust's own pages."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp.web import AppRunner, TCPSite
from aiohttp.web_protocol import RequestHandler
from faust.web.drivers.aiohttp import Web

from streamproc.settings import WebSettings

LONGEST_LINE = 4096
LONGEST_HEADER = 8190
MOST_HEADERS = 64
"""Bytes of a request's first line and of one header, and how many headers: what is beyond is answered with 400."""
KEPT_ALIVE_S = 75.0
"""Seconds for which a connection that has been used is kept for the next request."""


class WorkerWeb(Web):
    """Faust's web server with limits.

    Args:
        app: the worker's.
        settings: where, how many connections, whether Faust's own pages are served too: router, tables, statistics.
    """

    def __init__(self, app: Any, settings: WebSettings) -> None:
        self._settings = settings
        super().__init__(app)
        self._runner = AppRunner(
            self.web_app,
            access_log=None,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_HEADER,
            max_headers=MOST_HEADERS,
            keepalive_timeout=KEPT_ALIVE_S,
        )

    def _enabled_blueprints(self) -> list[Any]:
        found: list[Any] = super()._enabled_blueprints()
        return found if self._settings.faust_pages else []

    def _new_transport_tcp(self) -> TCPSite:
        return BoundedSite(self._runner, self._settings.host, self._settings.port, self._settings.connections)


class BoundedSite(TCPSite):
    """Listens, and keeps so many connections at most: beyond that a new one costs the one that was opened first.

    A new one is never refused: whoever opens many and says nothing must not keep a supervisor from asking for health.
    """

    __slots__ = ("_connections",)

    def __init__(self, runner: AppRunner, host: str, port: int, connections: int) -> None:
        super().__init__(runner, host, port)
        self._connections = connections

    async def start(self) -> None:
        """Listen."""
        await super(TCPSite, self).start()
        self._server = await asyncio.get_running_loop().create_server(
            self._protocol, self._host, self._port, backlog=self._backlog
        )

    def _protocol(self) -> RequestHandler:
        server = self._runner.server
        assert server is not None
        open_ones = server.connections
        for handler in open_ones[: max(0, len(open_ones) - self._connections + 1)]:
            if handler.transport is not None:
                handler.transport.abort()
        return server()
