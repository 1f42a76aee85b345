"""What requests carry and answers hold: JSON, of a bounded length."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

LONGEST_BODY = 64 * 1024


def json_answer(values: Any, status: int = 200) -> web.Response:
    """An answer."""
    body = json.dumps(values, separators=(",", ":")).encode()
    return web.Response(body=body, status=status, content_type="application/json")


async def json_of(request: web.Request) -> Any:
    """What a request carries; None: no JSON, whatever else it is."""
    if request.content_type != "application/json":
        return None
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError):
        return None
