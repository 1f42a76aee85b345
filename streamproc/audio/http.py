"""Clips behind http:// and https:// URIs, asked for where the URI says and nowhere else.

Whoever answers could name any other address, that of a cloud's metadata service for one, in a redirect: it is refused.
No credentials are sent: neither cookies nor those of ~/.netrc. What the environment says about proxies holds.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from streamproc.audio.stores import (
    BUSY,
    PROBE_NAME,
    PROBE_SECONDS,
    READ_SECONDS,
    TooLargeError,
    UnclearError,
    check_status,
)
from streamproc.contracts.uris import segments
from streamproc.errors import ErrorCode, StreamprocError

_READ = aiohttp.ClientTimeout(total=READ_SECONDS, sock_connect=5)
_PROBE = aiohttp.ClientTimeout(total=PROBE_SECONDS)

_RESERVED = "%:/?#[]@!$&'()*+,;=~"
"""What has a meaning in a URI already (RFC 3986): escaping again would ask for another object, or spoil a signature."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class HttpClips:
    """Reads clips by GET, one attempt each. Belongs to one event loop; ``close`` it.

    Args:
        prefix: ends in '/', so that a URI's host is the prefix's.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._session: aiohttp.ClientSession | None = None
        self._served = f"{prefix}{PROBE_NAME}"
        host = urlsplit(prefix)
        self._proxy = None if proxy_bypass(host.hostname or "") else getproxies().get(host.scheme)

    async def close(self) -> None:
        """See ClipStore."""
        if self._session is not None:
            await self._session.close()

    async def read(self, uri: str, most: int) -> bytes:
        """See ClipStore."""
        _check_name(uri.removeprefix(self._prefix))
        try:
            async with self._get(uri, _READ) as answer:
                check_status(answer.status)
                body = await _body(answer, most)
        except (aiohttp.InvalidURL, ValueError):
            raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, "the URI is no object's name") from None
        except aiohttp.ClientResponseError:
            # A negative length, chunks without a size, headers without an end: the server is there, and says nonsense.
            raise StreamprocError(ErrorCode.AUDIO_OBJECT_FAILED, "the object store's answer is not HTTP") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            code = ErrorCode.AUDIO_OBJECT_FAILED
            if not isinstance(error, aiohttp.ClientPayloadError):
                code = ErrorCode.AUDIO_OBJECT_BUSY
            raise UnclearError(code, f"the object store failed: {type(error).__name__}") from None
        self._served = uri
        return body

    async def answers(self) -> bool:
        """See ClipStore."""
        try:
            async with self._get(self._served, _PROBE) as answer:
                return answer.status < 500 and answer.status not in BUSY
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _get(self, uri: str, timeout: aiohttp.ClientTimeout) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # The clip's own bytes: a small answer must not unpack to a large one.
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                # It would send the credentials of ~/.netrc to whoever a URI names.
                trust_env=False,
            )
        url = URL(quote(uri, _RESERVED), encoded=True)
        return self._session.get(url, allow_redirects=False, proxy=self._proxy, timeout=timeout)


async def _body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    if (answer.content_length or 0) > most:
        raise TooLargeError
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > most:
            raise TooLargeError
    return bytes(body)


def _check_name(name: str) -> None:
    """Names that a server could take for those of other objects are refused, however they are escaped."""
    try:
        segments(re.split("[?#]", name, maxsplit=1)[0])
    except ValueError:
        plain = False
    else:
        plain = _CONTROL.search(unquote(name)) is None
    if not plain:
        raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, "the URI names no object under the allowed prefix")
