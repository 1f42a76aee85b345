"""A server whose answers do not end; it stops by itself, lest a test of a missing bound fill the machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

OWN_LIMIT = 256 << 20


@dataclass
class Endless:
    """Where it is, and how much it has sent."""

    url: str = ""
    sent: int = 0
    connections: int = 0


@asynccontextmanager
async def endless(begin: bytes, more: bytes, pause: float = 0.0, limit: int = OWN_LIMIT) -> AsyncIterator[Endless]:
    """Answer every connection with ``begin``, then with ``more`` again and again, ``pause`` seconds between."""
    state = Endless()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        with suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            part = begin
            while state.sent < limit:
                writer.write(part)
                await writer.drain()
                state.sent += len(part)
                part = more
                await asyncio.sleep(pause)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    state.url = f"http://{host}:{port}"
    try:
        yield state
    finally:
        server.close()


def chunks(body: bytes) -> bytes:
    """A chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(body), body)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BLOCK = b"1" * (1 << 20)

FAST: dict[str, tuple[bytes, bytes]] = {
    "a body in chunks": (CHUNKED, chunks(BLOCK)),
    "a body of 3 GB": (HEAD + b"Content-Length: 3000000000\r\n\r\n", BLOCK),
    "a body up to the end": (HEAD + b"Connection: close\r\n\r\n", BLOCK),
    "an error's body": (b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n", chunks(BLOCK)),
    "headers": (HEAD, b"X-More: " + b"x" * 1000 + b"\r\n"),
    "one header": (HEAD + b"X-More: ", b"x" * 1000),
    "one chunk's size": (CHUNKED, b"0" * 1000),
    "trailers": (CHUNKED + b"0\r\n", b"X-More: " + b"x" * 1000 + b"\r\n"),
}
"""What never ends -> its beginning, and what follows."""

SLOW: dict[str, tuple[bytes, bytes]] = {
    "a body": (CHUNKED, chunks(b"1")),
    "headers": (HEAD, b"X: y\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
