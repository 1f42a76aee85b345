"""Which activities are read again, and how quickly."""

from __future__ import annotations

import asyncio

import pytest

from streamproc.agents.backfill import Backfill


def test_what_is_read_of_a_partition_ends_where_the_part_does() -> None:
    backfill = Backfill("a", {0: 10, 1: 0})
    assert [backfill.end(0), backfill.end(1), backfill.end(2)] == [10, 0, 0]


async def test_activities_begin_no_quicker_than_the_rate_and_none_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    backfill = Backfill("a", {}, 4.0, lambda: now)
    assert not backfill.begun.is_set()
    begun = []
    for pause in (0, 0, 0, 3, 0, 0):
        now += pause
        await backfill.paced()
        begun.append(now - 100)
    assert begun == [0, 0.25, 0.5, 3.5, 3.75, 4.0]
    assert backfill.begun.is_set()


async def test_without_a_rate_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: pytest.fail(f"waited {seconds} s"))
    backfill = Backfill("a", {}, None, lambda: 5.0)
    for _ in range(3):
        await backfill.paced()
