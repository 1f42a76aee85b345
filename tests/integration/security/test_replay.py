"""``streamproc replay`` with the documented permissions, which reach nothing of the live workers, and without each."""

from __future__ import annotations

import json
import subprocess

import pytest
from support.activities import activity, clip, inline, phrase
from support.worker_process import run

from streamproc.client import ActivityPublisher

from .acls import Permission, documented
from .secured import RESULTS, Secured

PERMISSIONS = [permission for permission in documented() if permission.user == "replayer"]


@pytest.fixture(scope="module")
def published(secured: Secured) -> None:
    """There is something to score again."""
    with ActivityPublisher(secured.connection("publisher"), source="/tests") as publisher:
        publisher.send(activity(phrase(inline(clip(0.5))))).result(30)


def replay(secured: Secured, triton_url: str, name: str, results: str) -> subprocess.CompletedProcess[str]:
    """All that a replay may do: results, dead letters, and state of its own."""
    settings = {
        **secured.environment("replayer"),
        "STREAMPROC_KAFKA__PARTITIONS": "1",
        "STREAMPROC_PROGRESS__ENABLED": "true",
        "STREAMPROC_TRITON__URLS": triton_url,
    }
    done = run(settings, "replay", name, "--from", "1h", "--results", results, "--json")
    secured.assert_silent(done.stdout + done.stderr)
    return done


@pytest.mark.usefixtures("published")
def test_documented_permissions_suffice_and_reach_nothing_of_the_live_workers(
    secured: Secured, triton_url: str
) -> None:
    before = len(secured.read(RESULTS))
    done = replay(secured, triton_url, "whole", "streamproc.replay.whole")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["left"] == 0
    assert len(secured.read("streamproc.replay.whole")) >= 1
    assert len(secured.read(RESULTS)) == before

    elsewhere = replay(secured, triton_url, "elsewhere", "reading.result.elsewhere")
    assert elsewhere.returncode == 2
    error = json.loads(elsewhere.stdout)["error"]
    assert error["code"] == "KAFKA_REFUSED"
    assert "reading.result.elsewhere" in error["message"]


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("permission", PERMISSIONS, ids=Permission.__str__)
def test_without_one_of_them_it_says_which_and_ends(secured: Secured, triton_url: str, permission: Permission) -> None:
    name = f"without-{PERMISSIONS.index(permission)}"
    with secured.without(permission):
        done = replay(secured, triton_url, name, f"streamproc.replay.{name}")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    said = done.stdout + done.stderr
    assert f"{permission.operation} on {permission.kind}" in said or "uthorization failed" in said, said[-2000:]
