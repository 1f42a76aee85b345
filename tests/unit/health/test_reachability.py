"""A dependency counts as gone after two questions without an answer, and as back after the first with one."""

from __future__ import annotations

import asyncio

import pytest

from streamproc.health import reachability
from streamproc.health.reachability import EVERY_S, MISSES, TIMEOUT_S, Reachability


class Dependency:
    """Stands in for Kafka or the registry."""

    def __init__(self) -> None:
        self.way = "answers"

    async def ask(self) -> None:
        """What a client does."""
        if self.way == "refuses":
            raise ConnectionRefusedError
        if self.way == "is silent":
            await asyncio.Event().wait()


@pytest.mark.parametrize("way", ["refuses", "is silent"])
async def test_one_missing_answer_is_no_outage_and_two_are(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "TIMEOUT_S", 0.01)
    dependency = Dependency()
    found = Reachability(dependency.ask)
    assert found.answers, "before anybody asked"
    dependency.way = way
    await found.look()
    assert found.answers
    await found.look()
    assert not found.answers
    dependency.way = "answers"
    await found.look()
    assert found.answers


async def test_missing_answers_count_only_in_a_row() -> None:
    dependency = Dependency()
    found = Reachability(dependency.ask)
    for way in ("refuses", "answers", "refuses"):
        dependency.way = way
        await found.look()
    assert found.answers


async def test_it_asks_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "EVERY_S", 0.0)
    asked = 0
    often = asyncio.Event()

    async def ask() -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            often.set()
        raise ConnectionRefusedError

    watching = asyncio.create_task(Reachability(ask).watch())
    await often.wait()
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_an_outage_is_known_within_ten_seconds() -> None:
    assert MISSES * (EVERY_S + TIMEOUT_S) <= 10
