"""Timers of an app: when they are due, that they are carried out once, and what undoes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from faust.types import TP
from support.table_worker import SOURCE
from support.timed_worker import TimedWorker

from streamproc.transport import OutsideEvent, Unsupported
from streamproc.transport.errors import OutcomeRefused
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.flight.timers import Timer
from streamproc.transport.surface.delivery import current_delivery
from streamproc.transport.surface.tables.timers import Timers


class TimerWorker(TimedWorker):
    """With timers whose work counts, and tells what it was called with."""

    def __init__(self, ordering: str = "key", **settings: Any) -> None:
        super().__init__(ordering, **settings)
        self.counts: Any = self.app.Table("counts", default=int)
        self.timers = Timers(self.app, "timers", self.on_due)
        self.fired: list[tuple[Any, float]] = []
        self.again = asyncio.Event()
        self.work: Callable[[Any], Any] = self.count

    async def on_due(self, key: Any, due: float) -> None:
        self.fired.append((key, due))
        if len(self.fired) > 1:
            self.again.set()
        result = self.work(key)
        if asyncio.iscoroutine(result):
            await result

    def count(self, key: Any) -> None:
        self.counts[key] += 1
        delivery = current_delivery.get()
        assert delivery is not None
        delivery.hold(Outcome("out", str(key).encode(), b"%d" % self.counts[key], None, None, None))

    async def due(self) -> list[Any]:
        """Whose timers are carried out when all is committed."""
        before = len(self.fired)
        await self.pass_time()
        return [key for key, _ in self.fired[before:]]


@pytest.fixture
async def worker() -> TimerWorker:
    worker = TimerWorker()
    worker.assign()
    return worker


async def test_a_timer_is_due_when_the_time_of_events_has_passed_it(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 60))
    assert await worker.due() == []
    await worker.event(59)
    assert await worker.due() == []
    await worker.event(60)
    assert await worker.due() == ["ann"]
    assert worker.fired == [("ann", 60.0)]
    await worker.event(500)
    assert await worker.due() == []


async def test_what_it_writes_and_sends_is_in_one_transaction_with_its_deletion(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    worker.commit()
    await worker.turn()
    batch = worker.form()
    assert batch is not None
    written = {(outcome.topic, outcome.value) for _, outcome in batch.outcomes}
    assert written == {("tables-timers-changelog", None), ("tables-counts-changelog", b"1"), ("out", b"1")}
    [(assignment, offer)] = batch.offers
    assert assignment.tp == SOURCE, "the generation fences it by an offset of its partition"
    assert offer.finished == ()
    worker.ledger.settle(batch)
    assert worker.counts["ann"] == 1
    assert worker.form() is None


async def test_it_waits_for_every_event_before_the_one_that_passed_its_time(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 60))
    slow = await worker.begin(SOURCE, None, 11_000)
    await worker.event(70)
    await worker.event(80)
    assert await worker.due() == []
    assert worker.end(slow)
    assert await worker.due() == ["ann"]


async def test_the_event_that_passed_its_time_may_still_be_worked_on(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 60))
    slow = await worker.begin(SOURCE, None, 70_000)
    assert await worker.due() == ["ann"]
    assert worker.end(slow)


async def test_a_timer_that_is_set_too_late_is_due_at_once(worker: TimerWorker) -> None:
    slow = await worker.begin(SOURCE, None, 10_000)
    await worker.event(100)
    assert await worker.due() == []
    worker.do(slow, lambda: worker.timers.set("ann", 60))
    assert worker.end(slow)
    assert await worker.due() == ["ann"]


async def test_the_last_due_time_counts(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 60))
    await worker.event(20, lambda: worker.timers.set("ann", 90))
    await worker.event(70)
    assert await worker.due() == []
    await worker.event(90)
    assert await worker.due() == ["ann"]


async def test_a_timer_that_is_moved_when_it_is_due_already_is_not_carried_out_before(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 60))
    await worker.event(70, lambda: worker.timers.set("ann", 90))
    assert await worker.due() == []
    await worker.event(91)
    assert await worker.due() == ["ann"]


async def test_a_timer_can_be_cancelled(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 60))
    await worker.event(20, lambda: worker.timers.cancel("ann"))
    await worker.event(70)
    assert await worker.due() == []


async def test_a_timer_may_set_itself_again(worker: TimerWorker) -> None:
    def again(key: str) -> None:
        worker.count(key)
        worker.timers.set(key, worker.timers.now() + 60)

    worker.work = again
    await worker.event(10, lambda: worker.timers.set("ann", 60))
    await worker.event(130)
    await worker.pass_time()
    assert worker.fired == [("ann", 60.0), ("ann", 120.0)]
    assert worker.counts["ann"] == 2


async def test_one_that_is_committed_is_not_carried_out_by_the_next_worker(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    assert await worker.due() == ["ann"]
    assert await worker.restart().due() == []


async def test_one_that_is_not_committed_is_carried_out_by_the_next_worker(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    worker.commit()
    await worker.turn()
    assert worker.fired == [("ann", 20.0)]
    other = worker.restart()
    assert await other.due() == ["ann"], "the time that was passed is committed with the offset"
    assert other.counts["ann"] == 1


async def test_a_transaction_in_doubt_is_told_by_its_turn(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    worker.commit()
    await worker.turn()
    lost, [assignment] = worker.form(), worker.assignments.values()
    assert lost is not None
    worker.ledger.adopt({SOURCE: assignment.span.committed}, lost)
    again = worker.form()
    assert worker.outcomes(again) == [(b"ann", b"1")], "it took no effect: the same once more"
    assert again is not None
    worker.ledger.adopt({SOURCE: again.offers[0][1].progress}, again)
    assert worker.form() is None, "it took effect"
    assert worker.counts["ann"] == 1


async def test_one_whose_partition_goes_is_not_committed(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    worker.commit()
    await worker.turn()
    worker.lose(SOURCE)
    assert worker.form() is None


async def test_it_is_not_carried_out_at_the_same_time_as_an_event_of_its_key(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 20), b"k")
    slow = await worker.begin(SOURCE, b"k", 30_000)
    assert await worker.due() == []
    assert worker.end(slow)
    assert await worker.due() == ["ann"]


async def test_an_event_of_its_key_waits_for_it(worker: TimerWorker) -> None:
    gate = asyncio.Event()

    async def wait(key: str) -> None:
        await gate.wait()

    worker.work = wait
    await worker.event(10, lambda: worker.timers.set("ann", 20), b"k")
    await worker.event(30)
    assert await worker.due() == ["ann"]
    await worker.take_in(b"k", 40_000)
    assert worker.delivered() == []
    gate.set()
    await worker.turn()
    assert len(worker.delivered()) == 1


async def test_what_it_has_read_is_still_so_at_its_end(worker: TimerWorker) -> None:
    gate = asyncio.Event()

    async def count(key: str) -> None:
        count = worker.counts[key]
        await gate.wait()
        worker.counts[key] = count + 1

    def count_at_once() -> None:
        worker.counts["ann"] += 1

    worker.work = count
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    await worker.pass_time()
    await worker.event(40, count_at_once)
    gate.set()
    await worker.pass_time()
    assert worker.counts["ann"] == 2
    assert [key for key, _ in worker.fired] == ["ann", "ann"]


async def test_it_is_undone_with_what_it_has_read(worker: TimerWorker) -> None:
    """An event wrote something, the timer builds upon it, and then the event's outcome is refused."""

    def write() -> None:
        worker.counts["ann"] = 10

    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    worker.commit()
    wrote = await worker.event(40, write)
    await worker.turn()
    assert worker.outcomes(worker.form()) == [(b"ann", b"11")]
    worker.ledger.refuse(wrote.entry, replacing=True)
    worker.consumer.desk.withdraw([wrote.entry])
    await worker.turn()
    assert worker.outcomes(worker.form()) == [(b"ann", b"1")]


@pytest.mark.parametrize("policy", ["skip", "retry", "stop"])
async def test_when_its_work_raises_the_policy_decides(policy: str) -> None:
    worker = TimerWorker(on_raise=policy, retry_backoff=0.001)
    worker.assign()
    crashes: list[BaseException] = []
    worker.app.transport.on_crash = crashes.append
    left = [ValueError("a fault")]

    def work(key: str) -> None:
        worker.count(key)
        if left:
            raise left.pop()

    worker.work = work
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    await worker.pass_time()
    if policy == "retry":
        await asyncio.wait_for(worker.again.wait(), 30)
        await worker.pass_time()
    assert worker.counts["ann"] == (1 if policy == "retry" else 0)
    assert bool(crashes) == (policy == "stop")
    [assignment] = worker.assignments.values()
    assert len(assignment.states["timers"].store) == (1 if policy == "stop" else 0)
    assert await worker.due() == []


async def test_what_is_sent_in_the_place_of_a_refused_outcome_ends_it(worker: TimerWorker) -> None:
    told: list[str] = []

    async def on_refused(event: Any, error: OutcomeRefused) -> None:
        told.append(str(error))
        assert event.value is None
        event.message.hold(Outcome("out", b"ann", b"too large", None, None, None))

    worker.app.transport.on_refused = on_refused
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    worker.commit()
    await worker.turn()
    batch = worker.form()
    assert batch is not None
    timer = next(entry for entry, _ in batch.outcomes)
    assert isinstance(timer, Timer)
    worker.consumer._refused_outcomes.refused(timer, OutcomeRefused("MSG_SIZE_TOO_LARGE", "out", timer.where))
    await worker.turn()
    assert worker.outcomes(worker.form()) == [(b"ann", b"too large")]
    worker.commit()
    assert worker.counts["ann"] == 0
    assert len(told) == 1
    assert "ann" not in told[0], "a key may be somebody's name"
    assert await worker.due() == []


async def test_many_of_one_time_are_carried_out_in_several_transactions(worker: TimerWorker) -> None:
    def set_many() -> None:
        for number in range(50):
            worker.timers.set(number, 20)

    await worker.event(10, set_many)
    await worker.event(30)
    worker.commit()
    await worker.turn()
    sizes = []
    while batch := worker.form(records=8):
        sizes.append(len(batch.timers))
        worker.ledger.settle(batch)
        await worker.turn()
    assert sum(sizes) == 50
    assert max(sizes) == 8
    assert sorted(key for key, _ in worker.fired) == list(range(50))


async def test_only_an_event_sets_one(worker: TimerWorker) -> None:
    with pytest.raises(OutsideEvent):
        worker.timers.set("ann", 20)
    with pytest.raises(OutsideEvent):
        worker.timers.now()


async def test_an_idle_partition_stays_where_it_is(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    worker.now = 1_000_000
    assert await worker.due() == []


async def test_in_an_idle_partition_time_passes_when_it_is_set_so() -> None:
    worker = TimerWorker(idle_time=30)
    assignment = worker.assign()
    worker.now = 1000
    await worker.event(1000, lambda: worker.timers.set("ann", 1005))
    assignment.end = 1
    assert await worker.due() == []
    worker.now = 1029
    assert await worker.due() == []
    worker.now = 1036
    assert await worker.due() == ["ann"]
    assert assignment.span.committed.stream is not None
    assert assignment.span.committed.stream.time == 1_006_000, "the next owner goes on from there"


async def test_a_partition_with_something_left_is_not_idle() -> None:
    worker = TimerWorker(idle_time=30)
    assignment = worker.assign()
    await worker.event(1000, lambda: worker.timers.set("ann", 1005))
    worker.commit()
    slow = await worker.begin(SOURCE, None, 1_001_000)
    assignment.end = 2
    for worker.now in (1000, 2000):
        assert await worker.due() == []
    assert worker.end(slow)


async def test_events_of_two_topics_do_not_set_the_same_timers(worker: TimerWorker) -> None:
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    with pytest.raises(Unsupported, match="stream time of its own"):
        worker.timers._table.use("other")


async def test_only_the_partition_whose_events_have_set_them_carries_them_out(worker: TimerWorker) -> None:
    """Of two topics either could have the table: before an event uses it, both have its state."""
    await worker.event(10, lambda: worker.timers.set("ann", 20))
    await worker.event(30)
    worker.commit()
    stores = {name: state.store for name, state in worker.assignments[SOURCE].states.items()}
    other = TimerWorker()
    other.assign(TP("other", 0), stores)
    await other.begin(TP("other", 0), None, 90_000)
    assert await other.due() == []
