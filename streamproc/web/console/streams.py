"""Server-sent events: the same picture for all who look on, made once a second while there are any.

Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

MOST_STREAMS = 64
"""At once; whoever comes then asks for the picture every few seconds instead."""

EVERY_S = 1.0
_SLOW_S = 5.0
"""Whoever takes nothing for so long is let go."""


class Streams:
    """Sends what ``picture`` returns.

    Args:
        picture: JSON values; asked once a second, whoever looks on, and not at all while nobody does.
        every: seconds from one to the next.
    """

    def __init__(self, picture: Callable[[], Any], every: float = EVERY_S) -> None:
        self._picture = picture
        self._every = every
        self._latest: asyncio.Future[bytes | None] | None = None
        self._painter: asyncio.Task[None] | None = None
        self.count = 0
        """Streams that are open."""

    @property
    def full(self) -> bool:
        """Whether no more may be opened."""
        return self.count >= MOST_STREAMS

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Send to one who looks on, until he goes or the worker stops; ``full`` was asked before."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        self.count += 1
        try:
            await response.prepare(request)
            picture: bytes | None = _event(self._picture())
            while picture is not None:
                async with asyncio.timeout(_SLOW_S):
                    await response.write(picture)
                # Shielded: it is everybody's, and one of them may be cancelled.
                picture = await asyncio.shield(self._next())
        except (ConnectionResetError, TimeoutError):
            pass  # gone, or too slow
        finally:
            self.count -= 1
        return response

    def close(self) -> None:
        """The worker stops: end them all, or the server would wait for them."""
        if self._painter is not None:
            self._painter.cancel()
            self._painter = None
        if self._latest is not None and not self._latest.done():
            self._latest.set_result(None)

    def _next(self) -> asyncio.Future[bytes | None]:
        if self._latest is None or self._latest.done():
            self._latest = asyncio.get_running_loop().create_future()
        if self._painter is None or self._painter.done():
            self._painter = asyncio.create_task(self._paint())
        return self._latest

    async def _paint(self) -> None:
        while self.count:
            await asyncio.sleep(self._every)
            latest = self._latest
            if latest is None or latest.done():
                continue
            try:
                latest.set_result(_event(self._picture()))
            except Exception as error:  # noqa: BLE001 - whoever waits is told, and the worker goes on
                latest.set_exception(error)


def _event(picture: Any) -> bytes:
    return b"data: " + json.dumps(picture, separators=(",", ":")).encode() + b"\n\n"
