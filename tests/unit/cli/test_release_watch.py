"""A release is watched, and rolled back by a commit; a web server that answers as Prometheus does stands in for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from streamproc.cli.release_watch import ROLLED_BACK

from ..deployment.test_promotion import ONE, TWO, git, release, repository, runs

__all__ = ["repository"]

BURN = "StreamprocOutcomeBurnFast"


class Alerts(ThreadingHTTPServer):
    """Tells each list of alerts once, and the last one for ever; None: it says what is no HTTP."""

    def __init__(self) -> None:
        self.lists: list[list[str] | None] = [[]]
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """Prometheus' page."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Alerts)
        names = self.server.lists.pop(0) if len(self.server.lists) > 1 else self.server.lists[0]
        if names is None:
            self.wfile.write(b"what is this?\r\n\r\n")
            return
        body = json.dumps(
            {
                "data": {
                    "alerts": [{"state": "firing", "labels": {"alertname": name}} for name in names]
                    + [{"state": "pending", "labels": {"alertname": BURN}}]
                }
            }
        ).encode()
        self.send_response(200 if self.path == "/api/v1/alerts" else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def prometheus() -> Iterator[Alerts]:
    with Alerts() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def watched(repository: Path, url: str, *more: str, seconds: str = "30") -> tuple[int, dict[str, object], str]:
    arguments = ("--prometheus", url, "--for", seconds, "--every", "0.1", "--json")
    done = release(repository, "watch", "worker", "--in", "dev", *arguments, *more)
    lines = done.stdout.splitlines()
    return done.exit_code, json.loads(lines[-1]) if done.exit_code in (0, ROLLED_BACK) else {}, done.output


@pytest.fixture
def released(repository: Path) -> Path:
    release(repository, "set", "worker", ONE)
    release(repository, "set", "worker", TWO)
    return repository


def test_a_release_under_which_a_budget_burns_is_rolled_back(released: Path, prometheus: Alerts) -> None:
    prometheus.lists = [["StreamprocFallback"], [], [BURN]]
    code, told, _ = watched(released, prometheus.url)
    assert (code, told["verdict"], told["alerts"], told["runs"]) == (ROLLED_BACK, "rolled back", [BURN], ONE)
    assert runs(released, "dev") == ONE
    assert told["commit"] == git(released, "rev-parse", "HEAD").strip()
    assert f"{BURN} began to fire after the release." in git(released, "log", "-1", "--format=%b")


def test_a_release_under_which_none_burns_stays(released: Path, prometheus: Alerts) -> None:
    prometheus.lists = [[BURN], [BURN], ["StreamprocDeadLetters"]]
    code, told, _ = watched(released, prometheus.url, seconds="0.5")
    assert (code, told["verdict"], told["commit"]) == (0, "stays", None)
    assert runs(released, "dev") == TWO


def test_one_answer_that_is_none_ends_no_watch(released: Path, prometheus: Alerts) -> None:
    prometheus.lists = [[], None, [BURN]]
    code, told, output = watched(released, prometheus.url)
    assert "does not tell its alerts" in output
    assert (code, told["verdict"], runs(released, "dev")) == (ROLLED_BACK, "rolled back", ONE)


def test_the_commit_is_pushed_where_argo_reads_it(released: Path, prometheus: Alerts, tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    git(released, "clone", "--quiet", "--bare", ".", str(origin))
    git(released, "remote", "add", "origin", str(origin))
    git(released, "push", "--quiet", "--set-upstream", "origin", "HEAD")
    prometheus.lists = [[], [BURN]]
    code, told, output = watched(released, prometheus.url, "--push")
    assert code == ROLLED_BACK, output
    assert git(origin, "rev-parse", "HEAD").strip() == told["commit"]


def test_another_release_that_came_meanwhile_is_left_alone(
    released: Path, prometheus: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = "sha256:" + "3" * 64
    prometheus.lists = [[], [BURN]]
    # It comes between two looks.
    monkeypatch.setattr("time.sleep", lambda _: release(released, "set", "worker", three))
    code, _, output = watched(released, prometheus.url)
    assert code == 1
    assert "runs another worker by now; nothing was rolled back" in output
    assert runs(released, "dev") == three


def test_what_cannot_be_watched_is_told_at_once(repository: Path, prometheus: Alerts) -> None:
    release(repository, "set", "worker", ONE)
    code, _, output = watched(repository, prometheus.url)
    assert code == 1
    assert "there is nothing to go back to" in output
    code, _, output = watched(repository, "prometheus:9090")
    assert code == 2
    assert "--prometheus" in output
    code, _, output = watched(repository, prometheus.url, seconds="nan")
    assert code == 2
    assert "nan is no number" in output


def test_who_gets_no_answer_for_long_does_nothing_and_says_that_nobody_knows(
    released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.deployment.guard.BLIND_S", 0.3)
    code, _, output = watched(released, "http://127.0.0.1:9")
    assert code == 4
    assert output.count("does not tell its alerts: [Errno 111] Connection refused") == 1
    assert runs(released, "dev") == TWO
