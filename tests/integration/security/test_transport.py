"""A plain Faust app over TLS with a login: exactly-once, and refused at the start where it is not let in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from support.fleet import Fleet
from support.plan import new_plan
from support.waiting import wait_for

from .acls import Permission
from .killed import each_event_once
from .secured import Secured

USER = "app"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_worker_that_is_killed_in_its_commit_does_each_event_once(
    secured: Secured, tmp_path: Path, mechanism: str
) -> None:
    direct = secured.part.address
    plan = new_plan(direct, f"secured-{mechanism.lower()}", {"session_timeout": 3.0})
    secured.acls.grant(
        [
            Permission(USER, "topic", plan.source, prefixed=False, operation="Read"),
            Permission(USER, "topic", plan.sink, prefixed=False, operation="Write"),
            Permission(USER, "group", plan.group, prefixed=False, operation="Read"),
            Permission(USER, "transactional id", plan.group, prefixed=True, operation="Write"),
        ]
    )
    login = transport_settings(secured, mechanism)
    plan = dataclasses.replace(plan, bootstrap=secured.part.secured, settings={**plan.settings, **login})
    secured.assert_silent(each_event_once(plan, direct, tmp_path))


@pytest.mark.parametrize(
    ("guarantee", "changed", "said"),
    [
        ("exactly_once", {"sasl_password": "guessed"}, "SASL authentication error"),
        ("at_least_once", {"ca_file": ""}, "certificate verify failed"),
    ],
)
def test_an_app_that_is_not_let_in_stops_and_says_why(
    secured: Secured, tmp_path: Path, guarantee: str, changed: dict[str, str], said: str
) -> None:
    plan = new_plan(secured.part.address, "refused", guarantee=guarantee)
    login = {**transport_settings(secured, "SCRAM-SHA-256"), **changed}
    plan = dataclasses.replace(plan, bootstrap=secured.part.secured, settings={**plan.settings, **login})
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        wait_for(lambda: not member.process.alive(), "the end of the worker", 30)
        log = member.log_text()
    assert said in log
    assert "sasl_password, and ssl.certificate.location" in log
    assert "guessed" not in log
    secured.assert_silent(log)


def transport_settings(secured: Secured, mechanism: str) -> dict[str, Any]:
    """The transport's settings of this app."""
    return {
        "security_protocol": "sasl_ssl",
        "ca_file": secured.ca_file,
        "sasl_mechanism": mechanism,
        "sasl_username": USER,
        "sasl_password": secured.passwords[USER],
    }
