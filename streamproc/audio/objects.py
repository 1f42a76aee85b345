"""Clips in an object store that obstore knows: s3://, gs://, az:// and others, with the credentials of their tools."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING, Any

from streamproc.audio.stores import BUSY, PROBE_NAME, PROBE_SECONDS, READ_SECONDS, TooLargeError, UnclearError
from streamproc.contracts.uris import segments
from streamproc.errors import ErrorCode, StreamprocError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_CLIENT_OPTIONS: ClientConfig = {"connect_timeout": "5s", "timeout": f"{READ_SECONDS:g}s"}
_RETRY_CONFIG: RetryConfig = {"max_retries": 0}
"""One attempt: the event's own retries know how long to go on, and what to do then."""

_CHUNK_BYTES = 1024 * 1024

_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
"""Variables that say where s3:// is, when it is not Amazon's."""

_STATUS = re.compile(r"status code: ([45]\d\d)")
"""The HTTP status in obstore's message."""


class ObjectClips:
    """Reads clips of one bucket.

    Args:
        prefix: ends in '/'.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._served = PROBE_NAME
        self._opened: Any = None

    async def read(self, uri: str, most: int) -> bytes:
        """See ClipStore."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        name = uri.removeprefix(self._prefix)
        try:
            segments(name)
            async with asyncio.timeout(READ_SECONDS):
                answer = await self._store().get_async(name)
                if int(answer.meta["size"]) > most:
                    raise TooLargeError
                body = bytearray()
                async for chunk in answer.stream(_CHUNK_BYTES):
                    body += chunk
                    if len(body) > most:
                        raise TooLargeError
        except FileNotFoundError:
            raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND) from None
        except ValueError:
            raise StreamprocError(
                ErrorCode.AUDIO_URI_REFUSED, "the URI names no object under the allowed prefix"
            ) from None
        except (PermissionDeniedError, UnauthenticatedError):
            raise StreamprocError(ErrorCode.AUDIO_FORBIDDEN) from None
        except (BaseError, TimeoutError) as error:
            raise _failure(error) from None
        self._served = name
        return bytes(body)

    async def answers(self) -> bool:
        """See ClipStore."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._store().get_async(self._served)
        except (FileNotFoundError, PermissionDeniedError, UnauthenticatedError):
            return True
        except (BaseError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """obstore closes its connections by itself."""

    def _store(self) -> Any:
        from obstore.store import from_url

        if self._opened is None:
            self._opened = from_url(
                self._prefix.rstrip("/"), client_options=_client_options(), retry_config=_RETRY_CONFIG
            )
        return self._opened


def _failure(error: Exception) -> StreamprocError:
    found = _STATUS.search(str(error))
    status = int(found[1]) if found else 0
    if 400 <= status < 500 and status not in BUSY:
        return StreamprocError(ErrorCode.AUDIO_NOT_FOUND, f"the object store refuses the URI: HTTP status {status}")
    code = ErrorCode.AUDIO_OBJECT_FAILED if status and status not in BUSY else ErrorCode.AUDIO_OBJECT_BUSY
    return UnclearError(code, f"the object store failed: {type(error).__name__}")


def _client_options() -> ClientConfig:
    """obstore follows redirects: without plain HTTP none leads to a cloud's metadata service, or inside unencrypted.

    An operator's own store may speak it.
    """
    plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
    return {**_CLIENT_OPTIONS, "allow_http": plain}
