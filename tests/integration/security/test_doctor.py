"""The doctor with the worker's own permissions, and with none."""

from __future__ import annotations

import json

from support.worker_process import run

from .secured import Secured


def test_it_sees_what_the_user_may_do(secured: Secured, triton_url: str) -> None:
    found = {}
    for user in ("worker", "nobody"):
        settings = {**secured.environment(user, "SCRAM-SHA-256"), "STREAMPROC_TRITON__URLS": triton_url}
        told = run(settings, "doctor", "--json")
        secured.assert_silent(told.stdout + told.stderr)
        found[user] = {check["name"]: check for check in json.loads(told.stdout)["checks"]}
    assert found["worker"]["kafka"]["state"] == "ok"
    assert found["worker"]["acls"]["state"] == "ok"
    refused = found["nobody"]["acls"]
    assert refused["state"] == "fail"
    assert "KAFKA_REFUSED" in refused["detail"]
    assert "Read on topic" in refused["detail"]
    assert "permission" in refused["remedy"]
