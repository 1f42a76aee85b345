"""``streamproc health`` asks the worker of this machine and says by its exit code what it heard."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner

from streamproc.cli import cli

PAGES = {"/health/live": (200, {"status": "live"}), "/health/ready": (503, {"status": "paused", "reasons": ["x"]})}


class _Pages(BaseHTTPRequestHandler):
    """Stands in for a worker's web server that is live and paused."""

    def do_GET(self) -> None:
        status, said = PAGES[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("STREAMPROC_WEB__PORT", str(server.server_port))
    monkeypatch.setenv("STREAMPROC_WEB__HOST", "0.0.0.0")
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("port")
def test_a_live_worker_that_is_paused_is_healthy_and_not_ready() -> None:
    live = CliRunner().invoke(cli, ["health"])
    assert (live.exit_code, live.stdout) == (0, "live\n")
    ready = CliRunner().invoke(cli, ["health", "--ready", "--json"])
    assert ready.exit_code == 1
    assert json.loads(ready.stdout) == {"status": "paused", "reasons": ["x"]}


def test_nobody_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_WEB__PORT", "1")
    done = CliRunner().invoke(cli, ["health"])
    assert done.exit_code == 1
    assert "no worker answers on 127.0.0.1:1" in done.output
