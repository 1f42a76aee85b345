"""What lasts as long as the engine outlives connections that are closed beneath it, and what nobody foresaw.

The server accepts connections and says nothing, as one that hangs does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.scripted_stream import until

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference import channel, handshake
from streamproc.inference.channel import Certificates, Channel
from streamproc.inference.endpoint import Endpoint
from streamproc.inference.health import HealthCheck
from streamproc.inference.limiter import Limiter
from streamproc.inference.served import built_in
from streamproc.inference.tls import TlsFiles, read
from streamproc.inference.triton import TritonServer
from streamproc.localstack.security import make_authority, make_certified_key


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_whoever_asks_for_the_load_of_a_server_that_is_let_go_is_not_cancelled() -> None:
    async with silent() as address:
        server = TritonServer(address, built_in("m", ""), 30)
        await server.open()
        asking = asyncio.create_task(server.load(30))
        await asyncio.sleep(0.1)
        await server.close()
        assert await asyncio.wait_for(asking, 10) is None


@pytest.mark.parametrize("trials", [1, 2])
async def test_a_channel_may_be_closed_while_new_certificates_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: int
) -> None:
    """An endpoint goes while the new connection is tried, or the old one; whoever reads certificates reads on."""
    pair = tmp_path / "client.pem"
    authority = make_authority(tmp_path / "ca.pem")
    make_certified_key(pair, "worker", *authority)
    files = TlsFiles(tmp_path / "ca.pem", pair, pair)
    tried: list[object] = []
    lives = channel._lives

    async def noted(client: object) -> bool:
        tried.append(client)
        if len(tried) < trials:
            return False
        return await lives(client)

    async def watch_nothing(self: Certificates) -> None:
        """The test renews by itself."""

    monkeypatch.setattr(Certificates, "_watch", watch_nothing)
    monkeypatch.setattr(channel, "_lives", noted)
    monkeypatch.setattr(channel, "TRY_S", 0.5 if trials == 1 else 30.0)
    async with silent() as address:
        spoken = Channel(address, Certificates(files), 1.0)
        await spoken.open()
        make_certified_key(pair, "worker", *authority)
        renewing = asyncio.create_task(spoken.renew(read(files)))
        await until(lambda: len(tried) == trials)
        await asyncio.sleep(0.1)
        await spoken.close()
        assert await asyncio.wait_for(renewing, 10) is False


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", "nothing listens there"), ("no.such.invalid", "no host")])
async def test_nobody_is_told_in_words(host: str, told: str) -> None:
    async with silent() as address:
        port = address.rpartition(":")[2]
    server = TritonServer(f"{host}:{port}", built_in("m", ""), 30, Certificates(allow_plaintext=True))
    await server.open()
    with pytest.raises(StreamprocError, match=told):
        await server.ready(20)
    await server.close()


async def test_a_host_that_is_no_name_is_nobody() -> None:
    files = TlsFiles()
    with pytest.raises(handshake.UnreachableError):
        await handshake.examine(64 * "a" + ":1", files, read(files))
    assert not await handshake.speaks_tls(64 * "a" + ":1")


async def test_a_proof_has_its_own_time_whatever_hangs() -> None:
    class Hanging:
        """A client whose server never says what its model is like."""

        async def get_model_config(self, *_: Any, **__: Any) -> None:
            """Never."""
            await asyncio.sleep(3600)

    server = TritonServer("127.0.0.1:1", built_in("m", ""), 60)
    server._channel.client = Hanging()
    with pytest.raises(StreamprocError) as caught:
        await asyncio.wait_for(server.prove(0.1), 10)
    assert caught.value.code is ErrorCode.INFERENCE_TIMEOUT


async def test_a_look_that_goes_wrong_is_not_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.inference.health.EVERY_S", 0.0)

    class Odd(TritonServer):
        looked = 0

        async def ready(self, within: float) -> bool:
            """A bug."""
            self.looked += 1
            if self.looked < 3:
                raise ZeroDivisionError
            raise StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "refused")

    server = Odd("a:1", built_in("m", ""), 1)
    endpoint = Endpoint("a:1", server, Limiter(asyncio.get_running_loop().time, least=1, most=1, start=1))
    looking = asyncio.create_task(HealthCheck(endpoint, slowly=False).run())
    await until(lambda: server.looked > 3)
    assert not looking.done()
    looking.cancel()
