"""The encoded bytes of a clip: inline in the event, or behind a URI under an allowed prefix."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from streamproc.audio.files import FileClips
from streamproc.audio.http import HttpClips
from streamproc.audio.objects import ObjectClips
from streamproc.audio.stores import ClipStore, TooLargeError, UnclearError
from streamproc.contracts.generated.events import Audio
from streamproc.contracts.rules import nowhere
from streamproc.contracts.uris import problem_of
from streamproc.errors import ErrorCode, StreamprocError

SMALL_BYTES = 512 * 1024
"""As much as an event may carry inline. Nearly every clip is smaller: these need no place."""


def inline_bytes(audio: Audio) -> bytes | None:
    """The encoded bytes of a clip within the event; None where they are elsewhere, or nobody could say where."""
    return audio.data if nowhere(audio) is None else None


class ClipFetcher:
    """Reads clips; claim checks only under prefixes that the operator allows.

    Args:
        allowed_prefixes: URI prefixes, each ending in '/'; file://, http://, https://, s3://, gs:// and what else
            obstore knows.
        max_bytes: largest clip behind a URI.
        memory_bytes: for all clips of more than SMALL_BYTES together; at least one of them is read at a time.
    """

    def __init__(self, allowed_prefixes: tuple[str, ...], max_bytes: int, memory_bytes: int = 1 << 27) -> None:
        self._max_bytes = max_bytes
        self._large = asyncio.Semaphore(max(memory_bytes // max_bytes, 1))
        # A prefix ends in '/': "s3://clips" must not allow "s3://clips-of-others".
        prefixes = (prefix if prefix.endswith("/") else f"{prefix}/" for prefix in allowed_prefixes)
        self._stores = {prefix: self._store(prefix) for prefix in prefixes}

    async def close(self) -> None:
        """Close the connections."""
        for store in self._stores.values():
            await store.close()

    async def fetch(self, audio: Audio, held: AsyncExitStack | None = None) -> bytes:
        """The clip's encoded bytes.

        Args:
            audio: where they are.
            held: closed by the caller once it has let go of the bytes: a large clip keeps its place until then.

        Raises:
            StreamprocError: AUDIO_MISSING, AUDIO_AMBIGUOUS, AUDIO_URI_REFUSED, AUDIO_NOT_FOUND, AUDIO_FORBIDDEN,
                AUDIO_TOO_LARGE, AUDIO_OBJECT_FAILED, AUDIO_OBJECT_BUSY, or AUDIO_STORE_UNAVAILABLE (transient).
        """
        if (code := nowhere(audio)) is not None:
            raise StreamprocError(code)
        if audio.data is not None:
            return audio.data
        assert audio.uri is not None
        store = self._store_of(audio.uri)
        try:
            return await self._read(store, audio.uri, held)
        except UnclearError as failure:
            # A store that fails on everything is the world's fault and is waited for; an object that it always fails
            # on would be waited for in vain, and hold up the worker.
            code = failure.code if await store.answers() else ErrorCode.AUDIO_STORE_UNAVAILABLE
            raise StreamprocError(code, failure.message) from None

    async def _read(self, store: ClipStore, uri: str, held: AsyncExitStack | None) -> bytes:
        try:
            return await store.read(uri, min(SMALL_BYTES, self._max_bytes))
        except TooLargeError:
            if self._max_bytes <= SMALL_BYTES:
                raise self._too_large() from None
        async with AsyncExitStack() as reading:
            # Asked for anew: a store that is slow to send what is large holds up nobody who waits for a place.
            await (held or reading).enter_async_context(self._large)
            try:
                return await store.read(uri, self._max_bytes)
            except TooLargeError:
                raise self._too_large() from None

    def _store(self, prefix: str) -> ClipStore:
        scheme = urlsplit(prefix).scheme
        if scheme == "file":
            return FileClips(prefix)
        if scheme in ("http", "https"):
            return HttpClips(prefix)
        return ObjectClips(prefix)

    def _store_of(self, uri: str) -> ClipStore:
        if (problem := problem_of(uri)) is not None:
            raise StreamprocError(ErrorCode.AUDIO_URI_REFUSED, f"the URI {problem}")
        for prefix, store in self._stores.items():
            if uri.startswith(prefix):
                return store
        raise StreamprocError(
            ErrorCode.AUDIO_URI_REFUSED,
            f"a {urlsplit(uri).scheme} URI outside the allowed prefixes (STREAMPROC_AUDIO__ALLOWED_PREFIXES)",
        )

    def _too_large(self) -> StreamprocError:
        return StreamprocError(
            ErrorCode.AUDIO_TOO_LARGE, f"more than {self._max_bytes} bytes (STREAMPROC_AUDIO__MAX_BYTES)"
        )
