"""``streamproc replay`` as a user of its own, with the permissions that its page names and without some of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.activities import activity, clip, inline, phrase
from support.worker_process import run

from streamproc.client import ActivityPublisher

from .acls import PAGE, Permission, documented
from .secured import Secured

INTO = "reading.result.model-3"
PERMISSIONS = [one for one in documented(PAGE.with_name("score-history-again.md")) if one.user == "replay"]
COUNT = 5


@pytest.fixture(scope="module")
def settings(secured: Secured, triton_url: str) -> dict[str, str]:
    secured.acls.grant(PERMISSIONS)
    with ActivityPublisher(secured.connection("publisher", "SCRAM-SHA-256"), source="/tests") as publisher:
        for future in [publisher.send(activity(phrase(inline(clip(0.5))))) for _ in range(COUNT)]:
            future.result(30)
    return {**secured.environment("replay", "SCRAM-SHA-256"), "STREAMPROC_TRITON__URLS": triton_url}


def test_they_suffice(secured: Secured, settings: dict[str, str], tmp_path: Path) -> None:
    before = {record.offset() for record in secured.read("reading.activity.v1")}
    done = run(settings, "replay", "model-3", "--from", "1d", "--results", INTO)
    assert done.returncode == 0, done.stderr
    assert len(secured.read(INTO)) + len(secured.read(f"{INTO}.dlq")) == len(before)


@pytest.mark.parametrize(
    "permission", [one for one in PERMISSIONS if one.operation in ("Read", "Write")], ids=Permission.__str__
)
def test_without_one_it_says_which_is_missing(
    secured: Secured, settings: dict[str, str], permission: Permission
) -> None:
    with secured.without(permission):
        refused = run(settings, "replay", permission.name, "--from", "1d", "--results", INTO)
    assert refused.returncode == 2, refused.stderr
    assert "KAFKA_REFUSED" in refused.stderr
    secured.assert_silent(refused.stderr)
