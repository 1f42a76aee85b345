"""Clips behind HTTP: servers that answer nonsense, or never end, and what is not told to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from support.holes import hole

from streamproc.audio import http
from streamproc.audio.fetch import ClipFetcher
from streamproc.audio.stores import READ_SECONDS
from streamproc.contracts.generated.events import Audio
from streamproc.errors import ErrorCode, StreamprocError

LIMIT = 100

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """An HTTP server that says whatever it is told to, byte for byte; 404 for what it is not told about."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Answer] = {}
        self.asked: list[bytes] = []
        """Whole requests."""
        self.address = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer once and hang up."""
        try:
            request = await reader.readexactly(3)
            if request != b"GET":
                return
            request += await reader.readuntil(b"\r\n\r\n")
            self.asked.append(request)
            path = request.split()[1].decode().removeprefix(self.address)
            answer = self.answers.get(path, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()


@asynccontextmanager
async def fetching(prefix: str) -> AsyncIterator[ClipFetcher]:
    fetcher = ClipFetcher((prefix,), LIMIT)
    try:
        yield fetcher
    finally:
        await fetcher.close()


async def code_of(answer: bytes | Answer) -> ErrorCode:
    async with serving() as server, fetching(f"{server.address}/clips/") as fetcher:
        server.answers["/clips/a"] = answer
        with pytest.raises(StreamprocError) as caught:
            await fetcher.fetch(Audio(uri=f"{server.address}/clips/a", sample_rate=16_000))
    return caught.value.code


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@hole("C4")
@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: -5\r\n\r\nhello",
        OK + b"Content-Length: abc\r\n\r\nhello",
        OK + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK + b"X: " + b"a" * 20_000 + b"\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello\r\nzz\r\n",
        CHUNKED + b"10\r\nhello\r\n",
        OK + b"Content-Length: 50\r\n\r\nhello",
        b"hello\r\n\r\n",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=range(13),
)
async def test_nonsense_is_the_objects_fault(answer: bytes) -> None:
    assert await code_of(answer) is ErrorCode.AUDIO_OBJECT_FAILED


@hole("C4")
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 503 No\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n"])
async def test_silence_and_requests_for_patience_are_the_objects_fault_only_after_the_events_time(
    answer: bytes,
) -> None:
    assert await code_of(answer) is ErrorCode.AUDIO_OBJECT_BUSY


@hole("C4")
@pytest.mark.parametrize("head", [CHUNKED, OK + b"Connection: close\r\n\r\n"])
async def test_a_body_without_end_is_read_up_to_the_limit(head: bytes) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(head)
        while sent < 100_000_000:
            writer.write(b"10\r\n0123456789abcdef\r\n" * 100)
            sent += 1600
            await writer.drain()

    assert await code_of(endless) is ErrorCode.AUDIO_TOO_LARGE
    assert sent < 20_000_000, "more was taken than sockets hold"


@hole("C4")
async def test_a_body_that_drips_ends_with_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    assert http._READ.total == READ_SECONDS
    monkeypatch.setattr(http, "_READ", aiohttp.ClientTimeout(total=0.3))

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"Content-Length: 50\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    assert await code_of(drip) is ErrorCode.AUDIO_OBJECT_BUSY


@hole("C4")
@pytest.mark.parametrize("prefix", ["http://127.0.0.1:1/", "http://no-such-host.invalid/", "https://127.0.0.1:1/"])
async def test_a_store_that_cannot_be_reached_is_waited_for(prefix: str) -> None:
    async with fetching(prefix) as fetcher:
        with pytest.raises(StreamprocError) as caught:
            await fetcher.fetch(Audio(uri=f"{prefix}a", sample_rate=16_000))
    assert caught.value.code is ErrorCode.AUDIO_STORE_UNAVAILABLE


@hole("C4")
async def test_a_store_that_does_not_speak_tls_is_waited_for() -> None:
    async with serving() as server:
        prefix = server.address.replace("http:", "https:") + "/"
        async with fetching(prefix) as fetcher:
            with pytest.raises(StreamprocError) as caught:
                await fetcher.fetch(Audio(uri=f"{prefix}a", sample_rate=16_000))
    assert caught.value.code is ErrorCode.AUDIO_STORE_UNAVAILABLE


async def requests(answer: bytes = OK + b"Set-Cookie: a=b\r\nContent-Length: 4\r\n\r\nclip") -> list[bytes]:
    async with serving() as server, fetching(f"{server.address}/clips/") as fetcher:
        server.answers["/clips/a"] = answer
        for _ in range(2):
            assert await fetcher.fetch(Audio(uri=f"{server.address}/clips/a", sample_rate=16_000)) == b"clip"
    return server.asked


@hole("F1")
async def test_nobodys_credentials_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\ndefault login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    first, second = await requests()
    for request in (first, second):
        assert b"authorization" not in request.lower()
        assert b"cookie" not in request.lower()


@hole("F1")
async def test_the_proxy_of_the_environment_is_used_and_told_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving() as proxy:
        proxy.answers["http://clips.invalid/a"] = OK + b"Content-Length: 4\r\n\r\nclip"
        monkeypatch.setenv("http_proxy", proxy.address)
        monkeypatch.delenv("no_proxy", raising=False)
        async with fetching("http://clips.invalid/") as fetcher:
            assert await fetcher.fetch(Audio(uri="http://clips.invalid/a", sample_rate=16_000)) == b"clip"
        assert b"authorization" not in proxy.asked[0].lower()
        monkeypatch.setenv("no_proxy", "clips.invalid")
        async with fetching("http://clips.invalid/") as fetcher:
            with pytest.raises(StreamprocError):
                await fetcher.fetch(Audio(uri="http://clips.invalid/a", sample_rate=16_000))
        assert len(proxy.asked) == 1
