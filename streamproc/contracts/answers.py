"""Answers from outside, read with a bound: whoever answers, nobody makes this process hold more than it asked for."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator

MAX_BYTES = 4 << 20
"""Longest answer, in bytes: a registry's longest schemas have some thousands, its lists of versions less."""


class AnswerTooLongError(Exception):
    """The other side has sent more than it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the answer has more than {limit} bytes")


async def limited(
    chunks: AsyncIterable[bytes], limit: int = MAX_BYTES, seconds: float | None = None
) -> AsyncIterator[bytes]:
    """Pass an answer's chunks on: no more than ``limit`` bytes, for no longer than ``seconds`` in all.

    How long one chunk is waited for is the transport's own bound.

    Raises:
        AnswerTooLongError: more has come; what is left is not read.
        TimeoutError: it comes too slowly.
    """
    left, began = limit, time.monotonic()
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise AnswerTooLongError(limit)
        if seconds is not None and time.monotonic() - began > seconds:
            raise TimeoutError(f"the answer takes more than {seconds:g} s")
        yield chunk


async def read_limited(chunks: AsyncIterable[bytes], limit: int = MAX_BYTES) -> bytes:
    """An answer's whole body.

    Raises:
        AnswerTooLongError: it has more than ``limit`` bytes.
    """
    return b"".join([chunk async for chunk in limited(chunks, limit)])
