"""The encoded bytes of a clip: inline in the event, or behind a URI under an allowed prefix."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from streamproc.audio.http import HttpClips
from streamproc.contracts.events import Audio
from streamproc.errors import ErrorCode, StreamprocError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_CLIENT_OPTIONS: ClientConfig = {"connect_timeout": "5s", "timeout": "30s"}
_RETRY_CONFIG: RetryConfig = {"max_retries": 0}
"""One attempt: the event's own retries know how long to go on, and what to do then."""

_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
"""Variables that say where s3:// is, when it is not Amazon's."""

_REFUSAL = re.compile(r"status code: (4(?!08|25|29)\d\d)")
"""HTTP statuses that trying again does not change: 4xx but 408, 425 and 429, in obstore's message."""


class ClipFetcher:
    """Reads clips; claim checks only under prefixes that the operator allows.

    Args:
        allowed_prefixes: URI prefixes, each ending in '/'; file://, http://, https://, s3://, gs:// and what else
            obstore knows.
        max_bytes: largest clip behind a URI.
    """

    def __init__(self, allowed_prefixes: tuple[str, ...], max_bytes: int) -> None:
        self._prefixes = tuple(prefix if prefix.endswith("/") else f"{prefix}/" for prefix in allowed_prefixes)
        self._max_bytes = max_bytes
        self._stores: dict[str, ObjectStore] = {}
        self._http = HttpClips(self._check_size)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def fetch(self, audio: Audio) -> bytes:
        """The clip's encoded bytes.

        Raises:
            StreamprocError: AUDIO_MISSING, AUDIO_AMBIGUOUS, AUDIO_URI_REFUSED, AUDIO_NOT_FOUND, AUDIO_TOO_LARGE,
                or AUDIO_STORE_UNAVAILABLE (transient).
        """
        if audio.data is not None and audio.uri is not None:
            raise StreamprocError(ErrorCode.AUDIO_AMBIGUOUS)
        if audio.data is not None:
            return audio.data
        if audio.uri is None:
            raise StreamprocError(ErrorCode.AUDIO_MISSING)
        prefix = self._allowed_prefix(audio.uri)
        scheme = urlsplit(prefix).scheme
        if scheme == "file":
            return await asyncio.to_thread(self._read_file, audio.uri, prefix)
        if scheme in ("http", "https"):
            return await self._http.read(audio.uri, prefix)
        return await self._read_object(audio.uri, prefix)

    def _allowed_prefix(self, uri: str) -> str:
        # The prefix ends in '/': "s3://clips" must not allow "s3://clips-of-others".
        for prefix in self._prefixes:
            if uri.startswith(prefix):
                return prefix
        scheme = urlsplit(uri).scheme
        raise StreamprocError(
            ErrorCode.AUDIO_URI_REFUSED,
            f"a {scheme or 'scheme-less'} URI outside the allowed prefixes (STREAMPROC_AUDIO__ALLOWED_PREFIXES)",
        )

    def _read_file(self, uri: str, prefix: str) -> bytes:
        folder = Path(unquote(urlsplit(prefix).path)).resolve()
        path = Path(unquote(urlsplit(uri).path))
        try:
            # After following every symbolic link and "..", the file itself must lie in the folder.
            real = path.resolve()
            # Asked first: whether a file outside the folder exists is nobody's business.
            if not real.is_relative_to(folder):
                raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, "the file lies outside the allowed folder")
            if not real.is_file():
                raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND, "the URI names no regular file")
            with real.open("rb") as file:
                encoded = file.read(self._max_bytes + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND) from None
        except (OSError, ValueError, RuntimeError) as error:
            # A loop of links, a name with a NUL, no permission: the event's fault as far as this worker can tell.
            raise StreamprocError(
                ErrorCode.AUDIO_NOT_FOUND, f"the file cannot be read: {type(error).__name__}"
            ) from None
        self._check_size(len(encoded))
        return encoded

    async def _read_object(self, uri: str, prefix: str) -> bytes:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
        from obstore.store import from_url

        name = uri.removeprefix(prefix)
        if not name or ".." in name.split("/"):
            raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, "the URI names no object under the allowed prefix")
        try:
            store: Any = self._stores.get(prefix)
            if store is None:
                store = self._stores[prefix] = from_url(
                    prefix.rstrip("/"), client_options=_client_options(), retry_config=_RETRY_CONFIG
                )
            answer = await store.get_async(name)
            self._check_size(int(answer.meta["size"]))
            return bytes(await answer.bytes_async())
        except FileNotFoundError:
            raise StreamprocError(ErrorCode.AUDIO_NOT_FOUND) from None
        except ValueError:
            raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, "the URI is no object's name") from None
        except (PermissionDeniedError, UnauthenticatedError):
            raise StreamprocError(ErrorCode.AUDIO_FORBIDDEN) from None
        except BaseError as error:
            if (status := _REFUSAL.search(str(error))) is not None:
                raise StreamprocError(
                    ErrorCode.AUDIO_NOT_FOUND, f"the object store refuses the URI: HTTP status {status[1]}"
                ) from None
            raise StreamprocError(
                ErrorCode.AUDIO_STORE_UNAVAILABLE, f"the object store failed: {type(error).__name__}"
            ) from None

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise StreamprocError(
                ErrorCode.AUDIO_TOO_LARGE, f"more than {self._max_bytes} bytes (STREAMPROC_AUDIO__MAX_BYTES)"
            )


def _client_options() -> ClientConfig:
    """obstore follows redirects: without plain HTTP none leads to a cloud's metadata service, or inside unencrypted.

    An operator's own store may speak it.
    """
    plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
    return {**_CLIENT_OPTIONS, "allow_http": plain}
