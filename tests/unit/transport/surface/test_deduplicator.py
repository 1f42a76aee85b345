"""A key is found within the window if and only if its first event is committed; and what is kept is bounded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import faust
import pytest
from faust.types import TP
from support.table_worker import SOURCE, TableWorker

from streamproc.transport import Deduplicator, OutsideEvent, Seen
from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.surface import deduplicator

HOUR = 3_600_000
LATE = 600_000
NOW = 1_700_000_000_000


class Desk:
    """A worker whose events come with keys to be remembered."""

    def __init__(self, window: timedelta = timedelta(hours=1), **options: Any) -> None:
        self.worker = TableWorker()
        self.seen = Deduplicator(self.worker.app, "seen", window=window, **options)
        self.store = MemoryStore()
        self.worker.assign(stores={"seen": self.store})

    async def comes(self, *key: str, at: int | None = NOW, note: str = "") -> Seen | None:
        """An event of a key, worked on and committed; what it finds. If that is nothing, it is remembered."""
        delivery = await self.worker.begin(time_ms=at)
        found = self.worker.do(delivery, lambda: self.seen.find(*key))
        if found is None:
            self.worker.do(delivery, lambda: self.seen.remember(*key, note=note))
        assert self.worker.end(delivery)
        self.worker.commit()
        return found


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_the_second_of_a_key_finds_the_first_and_its_note(desk: Desk) -> None:
    assert await desk.comes("a", note="in/0/0") is None
    assert await desk.comes("b") is None
    assert await desk.comes("a", at=NOW + 5) == Seen(NOW, "in/0/0")


async def test_a_key_of_several_parts_is_not_the_parts_written_together(desk: Desk) -> None:
    assert await desk.comes("ab", "c") is None
    assert await desk.comes("a", "bc") is None
    assert await desk.comes("ab", "c") is not None


@pytest.mark.parametrize(("apart", "found"), [(HOUR, True), (-HOUR, True), (HOUR + 1, False), (-HOUR - 1, False)])
async def test_the_window_counts_in_the_records_time_before_and_after(desk: Desk, apart: int, found: bool) -> None:
    await desk.comes("a")
    assert (await desk.comes("a", at=NOW + apart) is not None) is found


async def test_the_window_is_counted_from_the_first_one_and_is_not_prolonged(desk: Desk) -> None:
    await desk.comes("a")
    assert await desk.comes("a", at=NOW + HOUR) == Seen(NOW, "")
    assert await desk.comes("a", at=NOW + HOUR + 1) is None


async def test_two_at_a_time_are_one_and_its_repetition(desk: Desk) -> None:
    """Both find nothing; the one that ends second is done again."""
    worker = desk.worker
    both = [await worker.begin(time_ms=NOW), await worker.begin(time_ms=NOW)]
    for delivery in both:
        assert worker.do(delivery, lambda: desk.seen.find("a")) is None
        worker.do(delivery, lambda: desk.seen.remember("a"))
    assert worker.end(both[1])
    assert not worker.end(both[0])
    [again] = worker.delivered()
    assert worker.do(again, lambda: desk.seen.find("a")) is not None


async def test_one_that_is_given_up_is_not_remembered(desk: Desk) -> None:
    """A worker that dies before the commit has remembered nothing."""
    delivery = await desk.worker.begin(time_ms=NOW)
    desk.worker.do(delivery, lambda: desk.seen.remember("a"))
    assert desk.worker.end(delivery)
    assert len(desk.store) == 0
    desk.worker.lose(SOURCE)
    desk.worker.assign(stores={"seen": desk.store})
    assert await desk.comes("a") is None


async def test_the_same_key_in_another_partition_is_not_found(desk: Desk) -> None:
    await desk.comes("a")
    other = TP("in", 1)
    desk.worker.assign(other)
    delivery = await desk.worker.begin(other, time_ms=NOW)
    assert desk.worker.do(delivery, lambda: desk.seen.find("a")) is None


async def test_a_record_without_a_time_finds_nothing_and_is_not_remembered(desk: Desk) -> None:
    assert await desk.comes("a", at=None) is None
    assert await desk.comes("a") is None
    assert await desk.comes("a", at=None) is None


async def test_a_late_record_forgets_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplicator, "_place", lambda key: (b"0000", key[0]))
    await desk.comes("a")
    await desk.comes("late", at=NOW - 3 * HOUR)
    assert await desk.comes("a") is not None


async def test_a_late_one_of_the_same_key_does_not_forget_the_one_that_came_first(desk: Desk) -> None:
    assert await desk.comes("a", note="first") is None
    assert await desk.comes("a", at=NOW - HOUR - 1, note="late") is None
    assert await desk.comes("a", at=NOW + 1) == Seen(NOW, "first")
    assert await desk.comes("a", at=NOW - HOUR - 2) == Seen(NOW - HOUR - 1, "late")


async def test_a_repetition_that_comes_ten_minutes_late_still_finds_the_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others of its slot, and the sweep, have passed the window's end meanwhile."""
    monkeypatch.setattr(deduplicator, "_place", lambda key: (b"0000", key[0]))
    await desk.comes("a")
    await desk.comes("b", at=NOW + HOUR + LATE)
    assert await desk.comes("a", at=NOW + HOUR) == Seen(NOW, "")
    assert await desk.comes("a", at=NOW + HOUR + 1) is None


async def test_one_that_is_far_ahead_forgets_nothing_that_an_event_in_flight_repeats(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where history is read, events that are worked on at the same time lie hours apart."""
    monkeypatch.setattr(deduplicator, "_place", lambda key: (b"0000", key[0]))
    await desk.comes("a")
    repeats = await desk.worker.begin(time_ms=NOW + 1)
    await desk.comes("b", at=NOW + 3 * HOUR)
    assert desk.worker.do(repeats, lambda: desk.seen.find("a")) == Seen(NOW, "")
    assert desk.worker.end(repeats)
    desk.worker.commit()
    await desk.comes("c", at=NOW + 3 * HOUR)
    assert await desk.comes("a", at=NOW + 1) is None


async def test_a_short_window_keeps_keys_for_twice_as_long_and_no_longer() -> None:
    desk = Desk(window=timedelta(seconds=1))
    await desk.comes("a")
    kept = dict(desk.store.items())
    for at, left in ((NOW + 2_000, True), (NOW + 2_001, False)):
        desk.store.apply(kept.items())
        await desk.comes("a", at=at)
        [(_, value)] = desk.store.items()
        assert (str(NOW).encode() in value) is left


async def test_what_is_over_is_dropped_where_it_lies_though_nobody_asks_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deduplicator, "SLOTS", 4)
    monkeypatch.setattr(deduplicator, "_place", lambda key: (key[0].encode(), key[0]))
    for slot in ("0000", "0001", "0002"):
        await desk.comes(slot)
    assert len(desk.store) == 3
    for _ in range(4):
        await desk.comes("0003", at=NOW + HOUR + LATE + 1)
        desk.store.apply([(b"0003", None)])
    assert len(desk.store) == 0


async def test_a_slot_that_is_full_forgets_its_oldest_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplicator, "_place", lambda key: (b"0000", key[0]))
    desk = Desk(capacity=1)
    for number in range(11):
        await desk.comes(f"key-{number}")
    kept = cast(bytes, desk.store.get(b"0000"))
    assert kept.count(b"key-") == 10
    assert await desk.comes("key-1") is not None
    assert await desk.comes("key-0") is None


async def test_a_key_takes_as_much_whatever_its_length_and_shows_nothing(desk: Desk) -> None:
    await desk.comes("ann" * 10_000)
    [(_, value)] = desk.store.items()
    assert len(value) < 60
    assert b"ann" not in value


async def test_outside_an_event_there_is_no_time(desk: Desk) -> None:
    with pytest.raises(OutsideEvent):
        desk.seen.find("a")
    with pytest.raises(OutsideEvent):
        desk.seen.remember("a")


async def test_a_note_is_short(desk: Desk) -> None:
    with pytest.raises(ValueError, match="257 characters, and 256"):
        await desk.comes("a", note="n" * 257)


async def test_what_makes_no_sense_is_refused() -> None:
    app = TableWorker().app
    with pytest.raises(ValueError, match="window"):
        Deduplicator(app, "none", window=timedelta(0))
    with pytest.raises(ValueError, match="capacity"):
        Deduplicator(app, "none", window=timedelta(1), capacity=0)
    with pytest.raises(TypeError, match="rdkafka"):
        Deduplicator(faust.App("plain", broker="kafka://"), "seen", window=timedelta(1))
