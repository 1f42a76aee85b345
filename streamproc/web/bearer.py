"""Who has the token: asked of whatever shows children's data or changes something. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping


class RequestRefused(Exception):  # noqa: N818 - reads as what it says
    """The request is refused with this HTTP status; the message says why and what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def check_bearer(headers: Mapping[str, str], token: bytes, setting: str) -> None:
    """Refuse a request without the token; the comparison takes as long whatever is wrong (RFC 6750).

    Args:
        headers: the request's, in any case.
        token: empty: nobody has it.
        setting: what sets it, for messages.

    Raises:
        RequestRefused: 403 where none is set, else 401.
    """
    if not token:
        raise RequestRefused(403, f"no token is set: {setting} on this worker")
    kind, _, given = headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(errors="replace"), token):
        raise RequestRefused(401, f"this takes the token ({setting} of this worker)")
