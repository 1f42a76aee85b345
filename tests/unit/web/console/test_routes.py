"""The page's paths, without a worker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.control_events import control_event

from streamproc.contracts.generated.events_control import ControlKind
from streamproc.routing.control import ControlChange, Fate
from streamproc.settings import Settings
from streamproc.web.console.answers import LONGEST_BODY
from streamproc.web.console.routes import add_console
from streamproc.web.console.steered import Steered

TOKEN = "token-of-these-tests"


CHANGES = [
    ControlChange(1, control_event(ControlKind.CANARY, by="ada", reason="first look"), Fate.OBEYED),
    ControlChange(2, control_event(ControlKind.CANARY, share=1.01), Fate.REFUSED, "not 101 %"),
]
NOBODY: Any = SimpleNamespace(id="aaaaaaaa", steered=Steered(changes=lambda: CHANGES))
"""Stands in for a worker, where nothing is asked of it but what was changed."""


@pytest.mark.parametrize(
    ("path", "status", "at"),
    [
        ("/console", 200, "/console/"),
        ("/console/letters", 200, "/console/letters"),
        ("/console/static/page.css", 200, "/console/static/page.css"),
        ("/console/static/routes.py", 404, "/console/static/routes.py"),
        ("/consoles", 404, "/consoles"),
        ("/console/api/letters", 403, "/console/api/letters"),
        ("/console/api/changes", 403, "/console/api/changes"),
    ],
)
async def test_paths(path: str, status: int, at: str) -> None:
    server = web.Application()
    add_console(server, Settings(), NOBODY)
    async with TestClient(TestServer(server)) as client, client.get(path) as answer:
        assert (answer.status, answer.url.path) == (status, at)
        if at.startswith("/console/"):
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_who_has_changed_the_models_is_told_to_those_with_the_token() -> None:
    server = web.Application()
    add_console(server, Settings.model_validate({"console": {"token": TOKEN}}), NOBODY)
    async with TestClient(TestServer(server)) as client:
        async with client.get("/console/api/changes") as answer:
            assert answer.status == 401
        async with client.get("/console/api/changes", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            newest, before = (await answer.json())["changes"]
    assert (newest["fate"], newest["why"], newest["what"]) == ("refused", "not 101 %", "canary phonemes/2 101 %")
    assert (before["by"], before["reason"], before["offset"]) == ("ada", "first look", 1)


async def test_a_request_that_is_too_long_is_refused() -> None:
    server = web.Application()
    add_console(server, Settings.model_validate({"console": {"token": TOKEN}}), NOBODY)
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Streamproc-Action": "1", "Content-Type": "application/json"}
    async with TestClient(TestServer(server)) as client:
        for length, status in ((LONGEST_BODY, 400), (LONGEST_BODY + 1, 413)):
            async with client.post("/console/api/letters/replay", data=b"[" * length, headers=headers) as answer:
                assert answer.status == status
