"""Answers from outside, read with a bound: whoever answers, nobody makes this process hold more than it asked for."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

MAX_BYTES = 4 << 20
"""Longest answer, in bytes: a registry's longest schemas have some thousands, its lists of versions less."""


class AnswerTooLongError(Exception):
    """The other side has sent more than it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the answer has more than {limit} bytes")


async def limited(chunks: AsyncIterable[bytes], limit: int = MAX_BYTES) -> AsyncIterator[bytes]:
    """Pass an answer's chunks on, up to ``limit`` bytes in all; the caller bounds the time, with asyncio.timeout.

    Raises:
        AnswerTooLongError: more has come; what is left is not read.
    """
    left = limit
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise AnswerTooLongError(limit)
        yield chunk


async def read_limited(chunks: AsyncIterable[bytes], limit: int = MAX_BYTES) -> bytes:
    """An answer's whole body.

    Raises:
        AnswerTooLongError: it has more than ``limit`` bytes.
    """
    return b"".join([chunk async for chunk in limited(chunks, limit)])
