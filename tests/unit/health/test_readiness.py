"""A worker is ready when nothing is missing, and says in one word what is."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.health.readiness import Readiness


def worker(**missing: Any) -> Readiness:
    """One that lacks nothing but what is said."""
    state = {
        "schemas": True,
        "kafka": True,
        "registry": True,
        "engine": True,
        "joined": True,
        "stopping": False,
        "paused": [],
        "stalled": None,
        **missing,
    }
    asked: dict[str, Any] = {name: lambda value=value: value for name, value in state.items()}
    return Readiness(**asked)


def test_who_lacks_nothing_is_ready() -> None:
    checks = {"kafka": True, "registry": True, "engine": True, "joined": True}
    assert worker().answer() == (True, {"status": "ready", "checks": checks})


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"schemas": False}, {"status": "starting"}),
        ({"kafka": False, "joined": False, "paused": ["REGISTRY_UNAVAILABLE"]}, {"status": "no kafka"}),
        ({"registry": False}, {"status": "no registry"}),
        ({"joined": False}, {"status": "starting"}),
        ({"engine": False}, {"status": "no engine"}),
        ({"stopping": True, "paused": ["stopping"]}, {"status": "stopping"}),
        (
            {"paused": ["REGISTRY_UNAVAILABLE"], "engine": False},
            {"status": "paused", "reasons": ["REGISTRY_UNAVAILABLE"]},
        ),
        ({"stalled": 121.4}, {"status": "stalled", "seconds": 121}),
    ],
)
def test_whoever_lacks_something_says_what(missing: dict[str, Any], said: dict[str, Any]) -> None:
    ready, answer = worker(**missing).answer()
    assert not ready
    assert {name: value for name, value in answer.items() if name != "checks"} == said
