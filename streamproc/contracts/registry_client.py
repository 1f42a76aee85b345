"""Confluent's asynchronous client of a registry, with bounds that it does not have.

It is imported late: it costs as much as the rest of the worker's own modules together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from confluent_kafka.schema_registry import AsyncSchemaRegistryClient

# The HTTP library that the client itself has chosen.
from confluent_kafka.schema_registry.common._httpx_compat import httpx

from streamproc.contracts.answers import limited


class BoundedRegistryClient(AsyncSchemaRegistryClient):
    """Reads no answer beyond ``answers.MAX_BYTES`` or ``timeout``, and takes none from an HTTP cache on the way.

    An answer that is too long ends the call with AnswerTooLongError, one that trickles in with TimeoutError, a
    compressed one, which may unpack to anything, with ValueError; none of them is asked for again.
    """

    def __init__(self, configuration: dict[str, Any]) -> None:
        super().__init__(configuration)
        self._timeout: float = configuration["timeout"]
        session = self._rest_client.session
        session.headers.update({"Accept-Encoding": "identity", "Cache-Control": "no-cache"})
        session.event_hooks = {"response": [self._bound]}

    async def _bound(self, answer: Any) -> None:
        """Called when the head of an answer has come, before its body is read."""
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise ValueError("the answer is compressed, unasked")
        answer.stream = _Bounded(answer.stream, self._timeout)


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: Any, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in limited(self._stream, seconds=self._seconds):
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
