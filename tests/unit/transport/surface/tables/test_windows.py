"""Windows of Faust's tables: what is written to which, when one closes, and what comes too late for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import faust
import pytest
from faust.types import TP
from faust.windows import HoppingWindow, SlidingWindow, TumblingWindow
from support.table_worker import SOURCE
from support.timed_worker import TimedWorker

from streamproc.transport import Unsupported
from streamproc.transport.flight.event_time import HEADER, with_time
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.surface.checks import check
from streamproc.transport.surface.delivery import current_delivery
from streamproc.transport.surface.tables.table import Table
from streamproc.transport.surface.tables.windows import unbounded

LATE = "tables-counts-late"


class WindowWorker(TimedWorker):
    """Counts by key in windows of a minute that stay open for ten seconds more."""

    def __init__(self, ordering: str = "key", **options: Any) -> None:
        self.kind = options.pop("kind", "tumbling")
        settings = {name: options.pop(name) for name in ("on_raise", "idle_time") if name in options}
        super().__init__(ordering, **settings)
        self.options |= {"kind": self.kind, **options}
        self.ledger.late_topics = {LATE: "counts"}
        self.closed: list[tuple[Any, Any]] = []
        self.table: Any = self.app.Table(
            "counts",
            default=options.pop("default", int),
            on_window_close=self.on_close,
            grace=options.pop("grace", None),
            key_type=options.pop("key_type", None),
        )
        options.setdefault("expires", 10)
        match self.kind:
            case "tumbling":
                self.counts: Any = self.table.tumbling(60, **options)
            case "hopping":
                self.counts = self.table.hopping(60, 30, **options)
            case "sliding":
                self.counts = self.table.using_window(SlidingWindow(5, 5, options["expires"]))

    def on_close(self, key: Any, value: Any) -> None:
        self.closed.append((key, value))
        delivery = current_delivery.get()
        assert delivery is not None
        delivery.hold(Outcome("out", str(key).encode(), str(value).encode(), None, None, None))

    def count(self, key: Any = "ann", times: int = 1) -> None:
        self.counts[key] += times

    def late(self) -> list[tuple[bytes | None, bytes | None, Any]]:
        return [(key, value, headers) for topic, key, value, headers in self.sent if topic == LATE]

    def windows(self) -> dict[Any, Any]:
        """What is open and committed."""
        return dict(self.table.items())


def window(start: float, size: float = 60) -> tuple[float, float]:
    """As Faust names it."""
    return (start, start + size - 0.1)


@pytest.fixture
async def worker() -> WindowWorker:
    worker = WindowWorker()
    worker.assign()
    return worker


async def test_an_event_counts_in_the_window_of_its_own_time(worker: WindowWorker) -> None:
    for time in (60, 70, 119, 65):
        await worker.event(time, worker.count)
    await worker.event(125, worker.count)
    await worker.pass_time()
    assert worker.windows() == {("ann", window(60)): 4, ("ann", window(120)): 1}
    assert worker.closed == []


async def test_a_window_closes_when_the_stream_time_has_passed_its_end_and_grace(worker: WindowWorker) -> None:
    await worker.event(60, worker.count)
    await worker.event(129.999)
    await worker.pass_time()
    assert worker.closed == []
    await worker.event(130)
    await worker.pass_time()
    assert worker.closed == [(("ann", window(60)), 1)]
    assert worker.windows() == {}
    await worker.event(500)
    await worker.pass_time()
    assert len(worker.closed) == 1


async def test_what_is_sent_at_the_close_is_in_one_transaction_with_the_tombstone(worker: WindowWorker) -> None:
    await worker.event(60, worker.count)
    await worker.event(200)
    worker.commit()
    await worker.turn()
    batch = worker.form()
    assert batch is not None
    assert {(made.topic, made.value) for _, made in batch.outcomes} == {
        ("tables-counts-changelog", None),
        ("out", b"1"),
    }
    assert [assignment.tp for assignment, _ in batch.offers] == [SOURCE]


async def test_a_time_far_ahead_of_the_clock_is_told_once_and_shown(
    worker: WindowWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """One record closes all windows up to its time, and all that follows is late: nobody would know why."""
    await worker.event(60, worker.count)
    await worker.event(3599, worker.count)
    await worker.pass_time()
    assert "ahead of the clock" not in caplog.text
    for time in (4_102_444_800, 4_102_444_801, 70):
        await worker.event(time, worker.count)
        await worker.pass_time()
    [told] = [record.message for record in caplog.records if "ahead of the clock" in record.message]
    assert "in[0] is 2100-01-01T00:00:00+00:00" in told
    assert "below offset 3" in told
    state = worker.app.monitor.transport
    state.read(worker.ledger)
    assert state.stream_time_ms == {SOURCE: 4_102_444_801_000}
    assert state.late == {"counts": 1}
    assert worker.app.monitor.asdict()["transport"]["stream_time_ms"] == {"in-0": 4_102_444_801_000}


async def test_a_time_beyond_all_calendars_is_told_too(worker: WindowWorker, caplog: pytest.LogCaptureFixture) -> None:
    """A publisher that takes nanoseconds for milliseconds."""
    await worker.event(60, worker.count)
    await worker.event(2**60 / 1000, worker.count)
    await worker.pass_time()
    assert worker.closed == [(("ann", window(60)), 1)]
    assert len(worker.windows()) == 1
    assert "is 9999-12-31" in caplog.text


async def test_a_late_event_is_set_aside_with_a_timestamp_that_brokers_take_and_keep(
    worker: WindowWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the future, refused there, would stop each worker; one of long ago would be gone at once."""
    now = 1_700_000_000
    monkeypatch.setattr("time.time", lambda: now)
    await worker.event(5_000_000_000, worker.count)
    for time in (4_102_444_800, now + 60, now - 3_600, 90, 0):
        await worker.event(time, worker.count)
    batch = worker.form()
    assert batch is not None
    aside = [made for _, made in batch.outcomes if made.topic == LATE]
    assert [made.timestamp for made in aside] == [None, (now + 60) * 1000, (now - 3_600) * 1000, None, None]
    told = [dict(made.headers or ()).get("late.timestamp") for made in aside]
    assert told == [b"4102444800000", None, None, b"90000", b"0"]


@pytest.mark.parametrize("window", [TumblingWindow(1, 5), TumblingWindow(60), HoppingWindow(60, 7.5, 10)])
def test_windows_are_as_many_at_all_times(window: Any) -> None:
    """Faust's compiled ones would be billions, from 2^31 steps on."""
    endless = unbounded(window)
    for time in (-0.001, 0.0, 59.9, 60.0, 1_700_000_000.123):
        assert endless.ranges(time) == window.ranges(time)
        assert endless.current(time) == window.current(time)
    most = len(window.ranges(1_700_000_000))
    for time in (4_102_444_800.0, 1.7e12, 1.7e15, 2**63 / 1000):
        assert len(endless.ranges(time)) <= most + 1
    assert unbounded(SlidingWindow(5, 5, 1)).ranges(9.0) == [(4.0, 14.0)]


async def test_an_event_out_of_order_counts_as_long_as_its_window_is_open(worker: WindowWorker) -> None:
    await worker.event(60, worker.count)
    await worker.event(129, lambda: worker.count("bob"))
    await worker.event(61, worker.count)
    await worker.event(131, lambda: worker.count("bob"))
    await worker.event(62, worker.count)
    await worker.pass_time()
    assert worker.closed == [(("ann", window(60)), 2)]
    assert len(worker.late()) == 1


async def test_an_event_is_late_from_the_moment_on_at_which_its_window_closes(worker: WindowWorker) -> None:
    await worker.event(129.999)
    await worker.event(61, worker.count)
    await worker.event(130)
    await worker.event(62, worker.count)
    await worker.pass_time()
    assert worker.closed == [(("ann", window(60)), 1)]
    assert len(worker.late()) == 1


async def test_whether_an_event_is_late_the_log_says_and_not_what_is_finished(worker: WindowWorker) -> None:
    early = await worker.begin(SOURCE, None, 60_000)
    passing = await worker.begin(SOURCE, None, 500_000)
    late = await worker.begin(SOURCE, None, 61_000)
    worker.do(late, worker.count)
    worker.do(passing, worker.count)
    assert worker.end(late)
    assert worker.end(passing)
    await worker.pass_time()
    assert worker.closed == []
    worker.do(early, worker.count)
    assert worker.end(early)
    await worker.pass_time()
    assert worker.closed == [(("ann", window(60)), 1)]
    assert len(worker.late()) == 1


async def test_a_late_event_goes_to_a_topic_of_its_own_with_the_reason(worker: WindowWorker) -> None:
    await worker.event(500, lambda: worker.count("bob"))
    late = await worker.begin(SOURCE, b"ann", 60_000)
    late.value, late.headers = b"text", [("trace", b"1")]
    worker.do(late, worker.count)
    worker.do(late, worker.count)
    assert worker.do(late, lambda: worker.counts["ann"].current()) == 0
    assert worker.do(late, worker.counts.is_late)
    assert worker.end(late)
    await worker.pass_time()
    [(key, value, headers)] = worker.late()
    assert (key, value) == (b"ann", b"text")
    assert dict(headers) == {
        "trace": b"1",
        "late.timestamp": b"60000",
        "late.reason": b"the window was closed: the stream time had passed its end and grace",
        "late.table": b"counts",
        "late.window": b"60.0,119.9",
        "late.closed": b"130000",
        "late.stream_time": b"500000",
        "late.topic": b"in",
        "late.partition": b"0",
        "late.offset": b"1",
    }
    assert ("ann", window(60)) not in worker.windows()
    assert worker.app.monitor.transport.late == {"counts": 1}
    assert worker.app.monitor.asdict()["transport"]["late"] == {"counts": 1}


async def test_what_is_late_is_committed_with_its_event_or_not_at_all(worker: WindowWorker) -> None:
    await worker.event(500)
    late = await worker.begin(SOURCE, None, 60_000)
    worker.do(late, worker.count)
    worker.consumer.desk.fail(late, asyncio.CancelledError())
    worker.commit()
    assert worker.late() == []
    [again] = worker.delivered()
    worker.do(again, worker.count)
    assert worker.end(again)
    worker.commit()
    assert len(worker.late()) == 1


async def test_hopping_windows_overlap_and_close_one_after_the_other() -> None:
    worker = WindowWorker(kind="hopping")
    worker.assign()
    await worker.event(65, worker.count)
    await worker.event(95, worker.count)
    await worker.pass_time()
    assert worker.windows() == {
        ("ann", window(30)): 1,
        ("ann", window(60)): 2,
        ("ann", window(90)): 1,
    }
    await worker.event(101)
    await worker.pass_time()
    assert worker.closed == [(("ann", window(30)), 1)]
    await worker.event(70, worker.count)
    await worker.event(131)
    await worker.pass_time()
    assert worker.closed[1:] == [(("ann", window(60)), 3)], "late for one of its windows, it counts in the other"
    assert len(worker.late()) == 1


async def test_a_sliding_window_is_that_of_one_event() -> None:
    worker = WindowWorker(kind="sliding", expires=0.5)
    worker.assign()
    await worker.event(10, worker.count)
    await worker.pass_time()
    assert worker.windows() == {("ann", (5.0, 15.0)): 1}
    await worker.event(15.6)
    await worker.pass_time()
    assert worker.closed == [(("ann", (5.0, 15.0)), 1)]


async def test_without_expires_and_grace_no_window_ever_closes() -> None:
    worker = WindowWorker(expires=None)
    worker.assign()
    await worker.event(60, worker.count)
    await worker.event(1e9)
    await worker.event(61, worker.count)
    await worker.pass_time()
    assert worker.windows() == {("ann", window(60)): 2}
    assert worker.closed == []
    assert worker.late() == []


async def test_grace_says_how_long_it_is_open_where_it_is_given() -> None:
    worker = WindowWorker(grace=timedelta(0), expires=1_000)
    worker.assign()
    await worker.event(60, worker.count)
    await worker.event(120)
    await worker.pass_time()
    assert worker.closed == [(("ann", window(60)), 1)]


async def test_what_is_read_of_windows(worker: WindowWorker) -> None:
    await worker.event(60, worker.count)
    await worker.event(125, lambda: worker.count("ann", 5))

    def read() -> tuple[Any, ...]:
        ann = worker.counts["ann"]
        relative = worker.counts.relative_to_stream()["ann"]
        return ann.current(), ann.value(), ann.delta(60), relative.value(), ann[window(60)], "ann" in worker.counts

    other = await worker.begin(SOURCE, None, 70_000)
    assert worker.do(other, read) == (1, 1, 0, 1, 1, True)
    last = await worker.begin(SOURCE, None, 126_000)
    assert worker.do(last, read) == (5, 5, 1, 5, 1, True)


async def test_now_is_the_stream_time(worker: WindowWorker) -> None:
    await worker.event(65, worker.count)
    await worker.event(125, lambda: worker.count("ann", 5))
    old = await worker.begin(SOURCE, None, 66_000)
    assert worker.do(old, lambda: worker.counts["ann"].now()) == 5
    assert worker.do(old, lambda: worker.counts.relative_to_now()["ann"].value()) == 5


async def test_the_time_may_be_that_of_a_field() -> None:
    class Reading(faust.Record):
        read_at: float

    worker = WindowWorker()
    worker.assign()
    counts = worker.table.tumbling(60, expires=10).relative_to_field(Reading.read_at)
    worker.assignments.clear()
    worker.assign()
    delivery = await worker.begin(SOURCE, None, 60_000)
    delivery.value = Reading(read_at=130.0)

    def count() -> None:
        counts["ann"] += 1

    worker.do(delivery, count)
    assert worker.end(delivery)
    await worker.pass_time()
    assert worker.windows() == {("ann", window(120)): 1}


async def test_keys_are_found_by_an_index(worker: WindowWorker) -> None:
    worker = WindowWorker(key_index=True)
    worker.assign()
    await worker.event(60, worker.count)
    await worker.event(65, lambda: worker.count("bob", 3))
    delivery = await worker.begin(SOURCE, None, 70_000)
    assert worker.do(delivery, lambda: dict(worker.counts.items())) == {"ann": 1, "bob": 3}
    assert worker.do(delivery, lambda: sorted(worker.counts.keys())) == ["ann", "bob"]
    assert worker.do(delivery, lambda: len(worker.counts)) == 2


async def test_keys_of_types_are_told_as_such() -> None:
    class Learner(faust.Record):
        name: str

        def __hash__(self) -> int:
            return hash(self.name)

    worker = WindowWorker(key_type=Learner)
    worker.assign()
    await worker.event(60, lambda: worker.count(Learner(name="ann")))
    await worker.event(500)
    await worker.pass_time()
    assert worker.closed == [((Learner(name="ann"), window(60)), 1)]


@pytest.mark.parametrize("key_type", [None, str])
async def test_keys_that_are_names(key_type: Any) -> None:
    worker = WindowWorker(key_type=key_type)
    worker.assign()
    await worker.event(60, lambda: worker.count("Zoë"))
    await worker.event(500)
    await worker.pass_time()
    assert worker.closed == [(("Zoë", window(60)), 1)]


async def test_one_window_has_one_key_whatever_arithmetic_names_it(worker: WindowWorker) -> None:
    dump = worker.table.data.codec.dump_key
    assert dump(("ann", (60, 119.9))) == dump(("ann", (60.0, 60 + 60 - 0.1))) == dump(("ann", [60.0, 119.90000001]))
    assert dump((1, (60.0, 119.9))) != dump(("1", (60.0, 119.9)))


async def test_windows_are_in_the_changelog_as_faust_would_write_them(worker: WindowWorker) -> None:
    await worker.event(60, worker.count)
    worker.commit()
    [(key, value)] = worker.records("counts")
    assert (key.replace(b" ", b""), value) == (b'["ann",[60.0,119.9]]', b"1")


async def test_sets_have_no_windows() -> None:
    app: Any = faust.App("sets", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
    app.SetTable("sets").tumbling(60)
    with pytest.raises(Unsupported, match="windows of sets"):
        check(app)


async def test_a_changelog_of_windows_is_compacted_only() -> None:
    """Faust lets its brokers delete what is older than expires; by the clock, that may be a window that is open."""
    worker = WindowWorker(expires=3600)
    assert isinstance(worker.table, Table)
    assert worker.table.changelog_topic.compacting
    assert not worker.table.changelog_topic.deleting


# -- public bugs of windows in Faust


async def test_expires_shorter_than_the_window_closes_it_that_long_after_its_end() -> None:
    """faust-streaming issue 118: with ``expires`` below the size a window closed at the wrong time."""
    worker = WindowWorker(expires=timedelta(seconds=10), default=list)
    worker.assign()

    def collect(value: int) -> None:
        worker.counts["values"] += [value]

    await worker.event(60, lambda: collect(1))
    await worker.event(119, lambda: collect(2))
    await worker.event(125, lambda: collect(3))
    await worker.event(118, lambda: collect(4))  # late, and yet within the ten seconds
    await worker.pass_time()
    assert worker.closed == []
    await worker.event(131, lambda: collect(5))
    await worker.pass_time()
    assert worker.closed == [(("values", window(60)), [1, 2, 4])]


async def test_windows_are_not_lost_when_a_worker_dies() -> None:
    """faust-streaming issue 193: what was open when a worker died was never given to ``on_window_close``."""
    worker = WindowWorker()
    worker.assign()
    await worker.event(60, worker.count)
    await worker.event(61, lambda: worker.count("bob"))
    worker.commit()
    await worker.event(500)
    worker.commit()
    await worker.turn()
    assert len(worker.closed) == 2, "at work, and not committed"
    other = worker.restart()
    await other.pass_time()
    assert sorted(other.closed) == [(("ann", window(60)), 1), (("bob", window(60)), 1)]
    last = other.restart()
    await last.event(900)
    await last.pass_time()
    assert last.closed == []


async def test_windows_that_were_restored_expire() -> None:
    """faust-streaming issue 385: after a recovery no window that was not written again ever expired."""
    worker = WindowWorker()
    worker.assign()
    for minute in range(5):
        await worker.event(60 + 60 * minute, worker.count)
    await worker.event(330, worker.count)
    await worker.pass_time()
    assert sorted(start for _, (start, _) in worker.windows()) == [300]
    other = worker.restart()
    await other.event(1000)
    await other.pass_time()
    assert other.windows() == {}
    assert other.closed == [(("ann", window(300)), 2)]


# -- behind group_by


async def test_windows_behind_a_group_by_are_those_of_the_events_time(worker: WindowWorker) -> None:
    few = TP("few", 0)
    worker.assign(few)

    async def passed_on(seconds: int) -> None:
        """Sent much later."""
        headers = with_time(None, "few", seconds * 1000)
        delivery = await worker.begin(few, b"ann", 9_000_000_000_000, headers)
        worker.do(delivery, worker.count)
        assert worker.end(delivery)
        await worker.pass_time()

    for seconds in (60, 129, 70):
        await passed_on(seconds)
    assert worker.windows() == {("ann", window(60)): 2, ("ann", window(120)): 1}
    await passed_on(130)
    assert worker.closed == [(("ann", window(60)), 2)]
    await passed_on(71)
    [(_, _, headers)] = worker.late()
    assert dict(headers)["late.timestamp"] == b"71000"
    assert HEADER not in dict(headers)
