"""Which activities are read again, and how quickly."""

from __future__ import annotations

import asyncio

import pytest

from streamproc.agents.backfill import Backfill


def test_it_holds_what_lies_before_the_ends_and_nothing_else() -> None:
    backfill = Backfill({0: 10, 1: 0})
    assert [backfill.holds(0, 9), backfill.holds(0, 10), backfill.holds(1, 0), backfill.holds(2, 0)] == [
        True, False, False, False,
    ]  # fmt: skip


async def test_activities_begin_no_quicker_than_the_rate_and_none_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    backfill = Backfill({}, 4.0, lambda: now)
    assert not backfill.begun.is_set()
    begun = []
    for pause in (0, 0, 0, 3, 0, 0):
        now += pause
        await backfill.paced()
        begun.append(now - 100)
    assert begun == [0, 0.25, 0.5, 3.5, 3.75, 4.0]
    assert backfill.begun.is_set()


async def test_what_is_passed_over_takes_nobodys_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    backfill = Backfill({}, 4.0, lambda: now)
    for _ in range(1000):
        await backfill.paced()
        backfill.passed_over()
    await backfill.paced()
    assert now == 100, "what lies behind the part has slowed it down"
    await backfill.paced()
    assert now == 100.25


async def test_without_a_rate_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: pytest.fail(f"waited {seconds} s"))
    backfill = Backfill({}, None, lambda: 5.0)
    for _ in range(3):
        await backfill.paced()
