"""A registry gets the credentials of the settings, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from support.holes import hole

from streamproc.contracts.registry import Registry
from streamproc.settings import RegistrySettings


@hole("F1")
@pytest.mark.parametrize(
    ("username", "password", "sent"), [("", "", None), ("us", "ours", "Basic dXM6b3Vycw==")], ids=["none", "ours"]
)
async def test_what_netrc_says_is_not_sent(
    username: str, password: str, sent: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\ndefault login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    asked: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization"))
        return web.json_response({"schema": '"string"'})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    registry = Registry(RegistrySettings.model_validate({"url": url, "username": username, "password": password}))
    try:
        await registry.schema(1)
    finally:
        await registry.close()
        await runner.cleanup()
    assert set(asked) == {sent}
