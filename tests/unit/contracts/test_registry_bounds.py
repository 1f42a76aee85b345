"""No answer of a registry, however long or slow, takes more than its share of memory and time."""

from __future__ import annotations

import gzip
import json

import click
import pytest
from aiohttp import web
from support.endless import FAST, SLOW, endless
from support.fake_registry import serving
from support.holes import hole

from streamproc.cli.schemas import _ask_workers
from streamproc.contracts.answers import MAX_BYTES
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import RegistrySettings

pytestmark = hole("C6")

IN_FLIGHT = 16 << 20
"""What the sockets' buffers may hold beyond what is read."""


@pytest.mark.parametrize("what", FAST)
async def test_an_answer_that_does_not_end_is_left(what: str) -> None:
    async with endless(*FAST[what]) as server:
        registry = Registry(RegistrySettings(url=server.url, timeout=5))
        registry._configuration["max.retries"] = 0
        with pytest.raises(StreamprocError) as caught:
            await registry.schema(1)
        assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
        assert server.sent < MAX_BYTES + IN_FLIGHT
        await registry.close()


async def test_an_answer_that_is_too_long_is_not_asked_for_again() -> None:
    async with endless(*FAST["a body in chunks"]) as server:
        registry = Registry(RegistrySettings(url=server.url, timeout=5))
        with pytest.raises(StreamprocError, match="more than 4194304 bytes"):
            await registry.schema(1)
        assert server.connections == 1
        await registry.close()


@pytest.mark.parametrize("what", SLOW)
async def test_an_answer_that_trickles_in_is_left(what: str) -> None:
    async with endless(*SLOW[what], pause=0.02) as server:
        registry = Registry(RegistrySettings(url=server.url, timeout=0.1))
        registry._configuration["max.retries"] = 0
        with pytest.raises(StreamprocError) as caught:
            await registry.schema(1)
        assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
        await registry.close()


async def test_a_compressed_answer_is_not_unpacked() -> None:
    body = gzip.compress(json.dumps({"schema": '"string"'}).encode())
    async with serving() as fake:
        fake.faults.append(("ids/1", lambda: web.Response(body=body, headers={"Content-Encoding": "gzip"})))
        registry = Registry(fake.settings())
        with pytest.raises(StreamprocError, match="compressed") as caught:
            await registry.schema(1)
        assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
        await registry.close()


async def test_a_workers_page_that_does_not_end_is_left() -> None:
    async with endless(*FAST["a body in chunks"]) as server:
        with pytest.raises(click.ClickException, match="AnswerTooLong"):
            await _ask_workers((server.url,))
        assert server.sent < MAX_BYTES + IN_FLIGHT


@pytest.mark.parametrize("page", ["[]", '{"reading.activity": "2"}', "<html>"])
async def test_a_page_that_is_no_workers_is_no_answer(page: str) -> None:
    async with serving() as fake:
        fake.faults.append(("/contracts", lambda: web.Response(text=page)))
        with pytest.raises(click.ClickException, match="gives no answer"):
            await _ask_workers((fake.url,))
