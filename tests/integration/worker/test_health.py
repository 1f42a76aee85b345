"""The health of a real worker: its pages, also under a thousand idle connections, and their limits."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.activities import activity, clip, inline, phrase, value
from support.topics_of_test import Record, TestTopics
from support.worker_process import WorkerProcess


def answer(worker: WorkerProcess, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", worker.port, timeout=5)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_worker_that_reads_is_live_started_and_ready(worker: WorkerProcess) -> None:
    for page, word in ("live", "live"), ("started", "started"):
        status, body = answer(worker, f"/health/{page}")
        assert (status, json.loads(body)) == (200, {"status": word})
    status, body = answer(worker, "/health/ready")
    assert (status, json.loads(body)) == (
        200,
        {"status": "ready", "checks": {"kafka": True, "registry": True, "engine": True, "joined": True}},
    )


@pytest.mark.parametrize("page", ["/", "/router/", "/table/", "/graph", "/stats/", "/performance"])
def test_fausts_own_pages_are_not_there(worker: WorkerProcess, page: str) -> None:
    assert answer(worker, page)[0] == 404


def test_they_are_if_that_is_asked_for(settings: dict[str, str], schema_id: int, tmp_path: Path) -> None:
    worker = WorkerProcess({**settings, "STREAMPROC_WEB__FAUST_PAGES": "true"}, tmp_path / "worker.log")
    try:
        worker.wait_ready()
        assert answer(worker, "/router/")[0] == 200
    finally:
        worker.kill()


def test_headers_beyond_the_limits_are_refused_and_the_worker_goes_on(worker: WorkerProcess) -> None:
    assert answer(worker, "/health/live", {"x": "a" * 8_000})[0] == 200
    assert answer(worker, "/health/live", {"x": "a" * 9_000})[0] == 400
    assert answer(worker, "/health/live?" + "a" * 5_000)[0] == 400
    assert answer(worker, "/health/live", {f"x-{number}": "a" for number in range(100)})[0] == 400
    assert answer(worker, "/health/live")[0] == 200


@pytest.fixture
def idle(worker: WorkerProcess) -> Iterator[list[socket.socket]]:
    """A thousand connections on which nobody says anything, or half a request."""
    with ExitStack() as stack:
        opened = []
        for number in range(1_000):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", worker.port), timeout=10))
            if number % 2:
                one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            opened.append(one)
        yield opened


def test_a_thousand_idle_connections_hurt_nobody(
    worker: WorkerProcess, idle: list[socket.socket], topics: TestTopics, schema_id: int
) -> None:
    before = worker.metric("streamproc_transport_events_total")
    good = value(activity(phrase(inline(clip(0.5)))), schema_id)
    topics.publish([Record(b"learner-%d" % number, good, []) for number in range(10)])
    for _ in range(20):
        assert answer(worker, "/health/live")[0] == 200
    worker.wait_for(lambda: worker.metric("streamproc_transport_events_total") == before + 10, "all outcomes", 30)
    worker.wait_for(lambda: _open(worker) <= 512, "as few connections as are allowed", 10)


def _open(worker: WorkerProcess) -> int:
    """Connections that others have opened to the worker, as the system sees them."""
    port = f":{worker.port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[1].endswith(port) and line.split()[3] == "01" for line in lines)
