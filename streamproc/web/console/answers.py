"""What requests carry and answers hold: JSON, of a bounded length."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

LONGEST_BODY = 64 * 1024
"""Bytes of a request's body."""


def json_answer(values: Any, status: int = 200) -> web.Response:
    """An answer."""
    body = json.dumps(values, separators=(",", ":")).encode()
    return web.Response(body=body, status=status, content_type="application/json")


async def json_of(request: web.Request) -> Any:
    """What a request carries; None: no JSON, whatever else it is.

    Raises:
        HTTPRequestEntityTooLarge: it has more than LONGEST_BODY bytes.
    """
    if request.content_type != "application/json":
        return None
    # The limit of an application within another one does not hold: the outer one's, a megabyte, does.
    body = await request.read()
    if len(body) > LONGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(LONGEST_BODY, len(body))
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
