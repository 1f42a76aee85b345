"""Fixtures of the web pages' tests: a worker whose operator's page has a token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from support.worker_fixtures import clips, schema_id, topics, worker
from support.worker_fixtures import settings as worker_settings
from support.worker_process import WorkerProcess

__all__ = ["clips", "schema_id", "topics", "worker", "worker_settings"]

TOKEN = "token-of-the-page-tests"


@pytest.fixture(scope="module")
def settings(worker_settings: dict[str, str]) -> dict[str, str]:
    """A worker's environment."""
    return {**worker_settings, "STREAMPROC_CONSOLE__TOKEN": TOKEN}


@pytest.fixture
async def page(worker: WorkerProcess) -> AsyncIterator[ClientSession]:
    """A client of the worker's page, without the token."""
    async with ClientSession(f"http://127.0.0.1:{worker.port}") as session:
        yield session


@pytest.fixture
def token() -> dict[str, str]:
    """The header of who knows the token."""
    return {"Authorization": f"Bearer {TOKEN}"}
