"""Progress in the events of a worker whose transactions are formed by hand: committed with its result, or not."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from support.table_worker import SOURCE
from support.timed_worker import TimedWorker

from streamproc.agents.progress.keeper import ProgressKeeper
from streamproc.agents.progress.state import NotKept
from streamproc.contracts.codec import ProgressEncoder
from streamproc.contracts.generated.events import Verdict
from streamproc.contracts.generated.events_progress import Progress
from streamproc.contracts.synthetic import TENANT
from streamproc.settings import Settings
from streamproc.settings.progress import ProgressSettings
from streamproc.transport import OutsideEvent

from .results import BEGIN, overruled, read

FORGET_AFTER = timedelta(days=30)
SETTINGS = Settings().model_copy(
    update={"progress": ProgressSettings(enabled=True, readings=3, forget_after=FORGET_AFTER.total_seconds())}
)


class Told(ProgressEncoder):
    """Keeps what is to be published."""

    def __init__(self) -> None:
        self.events: list[Progress] = []

    def encode(self, event: Progress) -> bytes:
        self.events.append(event)
        return b"progress"


class Room:
    """A keeper in a worker that has one partition of activities."""

    def __init__(self) -> None:
        self.worker = TimedWorker()
        self.worker.now = BEGIN.timestamp()
        self.told = Told()
        kafka = SETTINGS.kafka.model_copy(update={"activity_topic": SOURCE.topic})
        settings = SETTINGS.model_copy(update={"kafka": kafka})
        topic: Any = self.worker.app.topic("reading.progress.v1")
        self.keeper = ProgressKeeper(self.worker.app, settings, topic, self.told)
        self.worker.assign()

    async def at(self, moment: timedelta) -> None:
        """So long after BEGIN, by the clock."""
        self.worker.now = (BEGIN + moment).timestamp()
        await self.worker.pass_time()

    def knows(self, learner: str = "learner-1", tenant: str = "school-1") -> bool:
        return self.keeper.find(tenant, learner) is not None

    async def scored(self, result: Any, commit: bool = True) -> Any:
        delivery = await self.worker.begin()
        record = self.worker.do(delivery, lambda: self.keeper.result(result, f"in/0/{delivery.entry.offset}"))
        assert self.worker.end(delivery)
        if commit:
            self.worker.commit()
        return record


@pytest.fixture
async def room() -> Room:
    return Room()


async def test_each_result_has_its_progress_under_an_id_of_its_own(room: Room) -> None:
    record = await room.scored(read("a", "the:C cat:M"))
    headers = dict(record.headers)
    assert headers["ce_id"] == b"in/0/0/progress"
    assert headers["ce_type"] == b"streamproc.reading.Progress"
    assert headers["ce_subject"] == b"a"
    await room.scored(read("b", "the:C", day=1))
    assert [event.revision for event in room.told.events] == [1, 2]
    assert room.keeper.find("school-1", "learner-1") == room.told.events[-1]


async def test_what_is_not_committed_is_not_told_to_who_asks(room: Room) -> None:
    await room.scored(read("a", "the:C"), commit=False)
    assert room.keeper.find("school-1", "learner-1") is None
    room.worker.commit()
    assert room.keeper.find("school-1", "learner-1") is not None


async def test_an_identifier_that_two_tenants_have_chosen_is_two_learners(room: Room) -> None:
    await room.scored(read("a", "the:C", tenant="school-1"))
    await room.scored(read("b", "the:M", tenant="school-2"))
    one, other = (room.keeper.find(f"school-{number}", "learner-1") for number in (1, 2))
    assert one is not None
    assert other is not None
    assert ([figures.activity_id for figures in one.readings], one.accuracy) == (["a"], 1)
    assert ([figures.activity_id for figures in other.readings], other.accuracy) == (["b"], 0)


@pytest.mark.parametrize(("tenant", "learner_id"), [(TENANT, "learner-1"), ("school-1", "")])
async def test_what_no_child_has_read_is_no_progress(room: Room, tenant: str, learner_id: str) -> None:
    assert await room.scored(read("a", "the:C", tenant=tenant, learner_id=learner_id)) is None
    assert room.worker.records("progress") == []


async def test_a_correction_is_told_once(room: Room) -> None:
    result = read("a", "the:C cat:M")
    await room.scored(result)
    correction = overruled(result, (0, 1), Verdict.CORRECT)
    for expected in (True, False):
        delivery = await room.worker.begin()
        record = room.worker.do(delivery, lambda: room.keeper.correction(correction, "corrections/0/7"))
        assert (record is not None) is expected
        assert room.worker.end(delivery)
    room.worker.commit()
    assert [(event.revision, event.accuracy) for event in room.told.events] == [(1, 0.5), (2, 1.0)]


async def test_two_of_a_learner_at_a_time_are_told_one_after_the_other(room: Room) -> None:
    worker = room.worker
    both = [await worker.begin(), await worker.begin()]
    for number, delivery in enumerate(both):
        worker.do(delivery, partial(room.keeper.result, read(f"r{number}", "the:C"), f"in/0/{number}"))
    assert worker.end(both[1])
    assert not worker.end(both[0])
    [again] = worker.delivered()
    worker.do(again, lambda: room.keeper.result(read("r0", "the:C"), "in/0/0"))
    assert worker.end(again)
    worker.commit()
    assert room.told.events[-1].revision == 2
    assert len(room.told.events[-1].readings) == 2


async def test_outside_an_event_nothing_is_changed(room: Room) -> None:
    with pytest.raises(OutsideEvent):
        room.keeper.result(read("a", "the:C"), "in/0/0")


async def test_who_has_not_read_for_long_is_forgotten_though_nobody_else_reads_either(room: Room) -> None:
    await room.scored(read("a", "the:C", scored=BEGIN))
    await room.scored(read("b", "the:C", learner_id="learner-2", scored=BEGIN + timedelta(days=1)))
    await room.at(FORGET_AFTER - timedelta(seconds=1))
    assert room.knows("learner-1")
    await room.at(FORGET_AFTER)
    assert (room.knows("learner-1"), room.knows("learner-2")) == (False, True)
    assert room.worker.records("progress")[2:] == [(b'["school-1","learner-1"]', None)]


async def test_each_reading_puts_that_off_and_neither_what_is_read_late_nor_a_correction_does(room: Room) -> None:
    first = read("a", "the:C cat:M", scored=BEGIN)
    await room.scored(first)
    # It was read long ago, and comes only now.
    await room.scored(read("b", "the:C", day=-300, offset=1, scored=BEGIN + timedelta(days=5)))
    # The teacher's clock is years ahead.
    delivery = await room.worker.begin()
    correction = overruled(first, (0, 1), Verdict.CORRECT, hours=90_000)
    assert room.worker.do(delivery, lambda: room.keeper.correction(correction, "corrections/0/7")) is not None
    assert room.worker.end(delivery)
    room.worker.commit()
    await room.at(FORGET_AFTER + timedelta(days=4))
    assert room.knows()
    await room.at(FORGET_AFTER + timedelta(days=5))
    assert not room.knows()


async def test_who_reads_again_after_that_begins_anew_and_corrections_of_before_change_nothing(room: Room) -> None:
    before = read("a", "the:C cat:M", scored=BEGIN)
    await room.scored(before)
    await room.at(FORGET_AFTER)
    again = read("b", "the:C", day=40)
    await room.scored(again)
    assert [event.revision for event in room.told.events] == [1, 1]
    assert [one.activity_id for one in room.told.events[-1].readings] == ["b"]
    delivery = await room.worker.begin()
    with pytest.raises(NotKept):
        room.worker.do(delivery, lambda: room.keeper.correction(overruled(before, (0, 1), Verdict.CORRECT), "c/0/1"))


async def test_one_learner_is_forgotten_when_somebody_says_so(room: Room) -> None:
    for tenant in ("school-1", "school-2"):
        await room.scored(read(f"of-{tenant}", "the:C", tenant=tenant))
    assert room.keeper.forget("school-1", "learner-1")
    assert room.knows(), "it is kept until its deletion is committed"
    await room.worker.pass_time()
    assert (room.knows(), room.knows(tenant="school-2")) == (False, True)
    assert not room.keeper.forget("school-1", "learner-1")
