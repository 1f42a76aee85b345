"""Clips behind http:// and https:// URIs, asked for where the URI says and nowhere else.

Whoever answers could name any other address, that of a cloud's metadata service for one, in a redirect: it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote

import aiohttp
from yarl import URL

from streamproc.errors import ErrorCode, StreamprocError

_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
_PASSING = {408, 425, 429}
"""Statuses below 500 that trying again may change."""

_RESERVED = "%:/?#[]@!$&'()*+,;=~"
"""What has a meaning in a URI already (RFC 3986): escaping again would ask for another object, or spoil a signature."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class HttpClips:
    """Reads clips by GET, one attempt each. Belongs to one event loop; ``close`` it.

    Args:
        check_size: raises where an object may not have so many bytes; asked before they are read, and while they are.
    """

    def __init__(self, check_size: Callable[[int], None]) -> None:
        self._check_size = check_size
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def read(self, uri: str, prefix: str) -> bytes:
        """The object's bytes.

        Args:
            uri: under ``prefix``.
            prefix: ends in '/', so that the URI's host is the prefix's.

        Raises:
            StreamprocError: AUDIO_URI_REFUSED, AUDIO_FORBIDDEN, AUDIO_NOT_FOUND, AUDIO_STORE_UNAVAILABLE (transient),
                and what ``check_size`` raises.
        """
        _check_name(uri.removeprefix(prefix))
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_TIMEOUT,
                # The clip's own bytes: a small answer must not unpack to a large one.
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,
            )
        try:
            async with self._session.get(URL(quote(uri, _RESERVED), encoded=True), allow_redirects=False) as answer:
                _check_status(answer)
                return await self._body(answer)
        except aiohttp.InvalidURL:
            raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, "the URI is no object's name") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise StreamprocError(
                ErrorCode.AUDIO_STORE_UNAVAILABLE, f"the object store failed: {type(error).__name__}"
            ) from None

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        self._check_size(answer.content_length or 0)
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            self._check_size(len(body))
        return bytes(body)


def _check_name(name: str) -> None:
    """Names that a server could take for those of other objects are refused, however they are escaped."""
    path = unquote(re.split("[?#]", name, maxsplit=1)[0])
    if _CONTROL.search(unquote(name)) or any(part in ("", ".", "..") for part in re.split(r"[/\\]", path)):
        raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, "the URI names no object under the allowed prefix")


def _check_status(answer: aiohttp.ClientResponse) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    if status in (401, 403):
        raise StreamprocError(ErrorCode.AUDIO_FORBIDDEN)
    if status == 404:
        raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND)
    if 300 <= status < 400:
        raise StreamprocError(
            ErrorCode.AUDIO_URI_REFUSED, f"the object store redirects to another address: HTTP status {status}"
        )
    if 400 <= status < 500 and status not in _PASSING:
        raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND, f"the object store refuses the URI: HTTP status {status}")
    raise StreamprocError(ErrorCode.AUDIO_STORE_UNAVAILABLE, f"the object store failed: HTTP status {status}")
