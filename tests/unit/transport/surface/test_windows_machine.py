"""One worker's windows and timers through anything that can happen to it, against a batch computation over the log.

Whatever is finished in whatever order, refused, torn, given up and done again: a window is published once, with what a
batch makes of the log; what is late is so by the log alone; and a timer is carried out once.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection
from typing import cast
from unittest.mock import Mock, patch

import pytest
from faust.types import TP
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from streamproc.transport.flight.entries import FINISHED, Entry
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.flight.state.due import Due
from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.flight.state.versions import TableState
from streamproc.transport.flight.timers import Timer, due_timers
from streamproc.transport.surface.delivery import Delivery

from .test_progress_machine import PARTITIONS, Machine, Record, picks

SIZE, GRACE, DELAY = 10, 5, 7


def window_due(key: bytes, _value: bytes) -> Due | None:
    """A window's key is its start."""
    return Due(int(key) + SIZE + GRACE)


def timer_due(_key: bytes, value: bytes) -> Due | None:
    """A timer's value is its due time and the key of the event that has set it."""
    at, gate = value.split(b"|")
    return Due(int(at), gate or None)


TABLES = {"windows": window_due, "timers": timer_due}


@dataclasses.dataclass
class TimedRecord(Record):
    """With a timestamp."""

    time: int = 0

    def timestamp(self) -> tuple[int, int]:
        return (1, self.time)


class WindowsMachine(Machine):
    """One worker with windows and timers, again and again."""

    def __init__(self) -> None:
        self.changelogs: dict[TP, list[tuple[str, bytes, bytes | None]]] = {tp: [] for tp in PARTITIONS}
        #: Committed: windows with what was in them, late events, timers.
        self.closed: defaultdict[tuple[TP, int], list[bytes]] = defaultdict(list)
        self.late: Counter[tuple[TP, int]] = Counter()
        self.fired: Counter[tuple[TP, int]] = Counter()
        #: Events that were refused, and replaced by on_refused, which writes to no table.
        self.replaced: set[tuple[TP, int]] = set()
        self.seed = 0
        self.resting = False
        super().__init__()

    @initialize(
        ordering=st.sampled_from(["key", "partition", "unordered"]),
        metadata=st.sampled_from([4000, 4000, 110]),
        seed=st.integers(0, 1000),
    )
    def begin(self, ordering: str, metadata: int, seed: int = 0) -> None:
        """As the other machine's, with room at least for what stands beside the progress."""
        self.ordering, self.seed = ordering, seed
        self.limit = patch("streamproc.transport.flight.progress.METADATA_LIMIT", metadata)
        self.limit.start()
        self.start_worker()

    def start_worker(self) -> None:
        self.ready: list[Entry] = []
        self.timers: list[tuple[Delivery, bytes | None]] = []
        super().start_worker()
        self.consumer.inbox.firing = Mock(put=self.ready.append, take_back=self.take_back_timers)

    def take_back_timers(self, entries: Collection[Entry]) -> None:
        self.ready[:] = [timer for timer in self.ready if timer not in entries]

    def assign(self, tp: TP) -> None:
        super().assign(tp)
        assignment = self.readers[tp].assignment
        assignment.span.timed = True
        for name, due_of in TABLES.items():
            store = MemoryStore()
            store.apply((key, value) for of, key, value in self.changelogs[tp] if of == name)
            assignment.states[name] = TableState(name, f"{name}-changelog", tp.partition, store, due_of=due_of)

    # -- the log

    def publish(self, tp: TP, keys: list[bytes | None], gap: int) -> None:
        """Timestamps go up, and back by as much as a few windows."""
        log = self.logs[tp]
        for key in keys:
            chance = zlib.crc32(b"%d %d %d" % (self.seed, tp.partition, log.end))
            back = (chance >> 8) % 40 if chance % 3 == 0 else chance % 4
            log.records[log.end] = TimedRecord(tp, log.end, key, time=max(0, 5 * log.end - back))
            log.end += 1
        log.end += gap

    def stream_time(self, tp: TP, end: int) -> int:
        """The newest timestamp below an offset."""
        records = self.logs[tp].records
        return max((cast(TimedRecord, one).time for at, one in records.items() if at < end), default=-1)

    def counting(self, tp: TP) -> dict[int, TimedRecord]:
        """The records that write."""
        records = self.logs[tp].records.items()
        return {at: cast(TimedRecord, one) for at, one in records if (tp, at) not in self.replaced}

    def is_late(self, record: TimedRecord) -> bool:
        return self.stream_time(record.tp, record.at + 1) >= start_of(record) + SIZE + GRACE

    # -- what events do

    def finish(self, count: int, pick: int) -> None:
        for _ in range(min(count, len(self.started))):
            message = self.started[pick % len(self.started)]
            if message.current and not message.acked:
                self.write(message)
            super().finish(1, pick)
        if self.resting:
            self.carry_out(1000, 1000, 0)

    def write(self, message: Delivery) -> None:
        entry, record = message.entry, cast(TimedRecord, message.record)
        span, states = entry.assignment.span, entry.assignment.states
        access = self.ledger.tables.access(entry)
        span.tables |= {state.checksum for state in states.values()}
        start = start_of(record)
        if max(span.time_at(record.at), record.time) >= start + SIZE + GRACE:
            entry.hold(Outcome("late", b"%d" % record.at, None, record.tp.partition, None, None))
        else:
            before = access.read(states["windows"], b"%d" % start) or b""
            access.write(states["windows"], b"%d" % start, before + b"%d," % record.at)
        due = b"%d|%s" % (record.time + DELAY, record.name or b"")
        access.write(states["timers"], b"%d" % record.at, due)

    @rule(size=st.integers(2, 4), pick=picks)
    def take_as_a_batch(self, size: int, pick: int = 0) -> None:
        """Of one partition, as apps with tables do."""
        tp = PARTITIONS[pick % len(PARTITIONS)]
        alone = [one for one in self.started if one.current and one.entry.joint is None and one.tp == tp]
        self.consumer.desk.join(alone[-size:])

    # -- what timers do

    @rule(begun=st.integers(0, 4), ended=st.integers(0, 4), pick=picks)
    def carry_out(self, begun: int, ended: int, pick: int) -> None:
        """Timers that are due begin, and others end."""
        for assignment in self.ledger.assignments.values():
            self.ready += [timer for timer in due_timers(assignment, 0) if self.consumer._admission.admit_timer(timer)]
        for _ in range(min(begun, len(self.ready))):
            timer = self.ready.pop(pick % len(self.ready))
            if timer.ready:
                delivery = Delivery(self.consumer.desk, timer)
                delivery.refcount = 1
                timer.hand_over(delivery)
                if timer.start(delivery):
                    self.timers.append((delivery, self.read(cast(Timer, timer))))
        for _ in range(min(ended, len(self.timers))):
            delivery, value = self.timers.pop(pick % len(self.timers))
            timer = cast(Timer, delivery.entry)
            if delivery.current and value is not None:
                self.ledger.tables.access(timer).write(timer.table, timer.name, None)
                timer.hold(Outcome(timer.table.name, timer.name, value, timer.table.partition, None, None))
            delivery.ack(self.consumer)

    def read(self, timer: Timer) -> bytes | None:
        return self.ledger.tables.access(timer).read(timer.table, timer.name)

    # -- transactions

    def take_effect(self, batch: Batch) -> None:
        rest = []
        for assignment, offer in batch.offers:
            entries = assignment.entries
            self.replaced |= {(assignment.tp, one) for one in offer.finished if entries[one].access is None}
            stream = offer.progress.stream
            assert stream is not None
            assert stream.time == self.stream_time(assignment.tp, offer.progress.base)
        tps = {assignment.tp for assignment, _ in batch.offers}
        for entry, outcome in batch.outcomes:
            tp = entry.assignment.tp
            assert tp in tps, "what fences it is an offset of its partition"
            key, value = cast(bytes, outcome.key), cast(bytes, outcome.value)
            if outcome.topic.endswith("-changelog"):
                self.changelogs[tp].append((outcome.topic[: -len("-changelog")], key, outcome.value))
            elif outcome.topic == "late":
                self.late[tp, int(key)] += 1
            elif outcome.topic == "windows":
                self.closed[tp, int(key)].append(value)
            elif outcome.topic == "timers":
                self.fired[tp, int(key)] += 1
            else:
                rest.append((entry, outcome))
        super().take_effect(dataclasses.replace(batch, outcomes=rest))

    def refuse(self, entry: Entry) -> None:
        if entry.is_timer:
            if entry.live and entry.state is FINISHED:
                self.ledger.refuse(entry, replacing=False)
                self.consumer.desk.withdraw([entry])
                self.consumer.desk.redo([entry])
            return
        together = list(entry.joint or [entry])
        super().refuse(entry)
        self.consumer.desk.withdraw(together)

    # -- what must hold

    @invariant()
    def a_window_is_closed_once_with_what_a_batch_makes_of_the_log(self) -> None:
        for (tp, start), values in self.closed.items():
            assert len(values) == 1
            assert offsets(values[0]) == self.batch_of(tp).get(start)

    @invariant()
    def late_is_what_the_log_says(self) -> None:
        for (tp, offset), times in self.late.items():
            assert times == 1
            assert self.is_late(cast(TimedRecord, self.logs[tp].records[offset]))

    @invariant()
    def a_timer_is_carried_out_once_and_when_it_is_due(self) -> None:
        for (tp, offset), times in self.fired.items():
            assert times == 1
            due = cast(TimedRecord, self.logs[tp].records[offset]).time + DELAY
            assert self.stream_time(tp, self.logs[tp].end) >= due

    def batch_of(self, tp: TP) -> dict[int, list[int]]:
        """All windows of a partition, with the offsets of what is not late for them."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for offset, record in self.counting(tp).items():
            if not self.is_late(record):
                found[start_of(record)].append(offset)
        return found

    def come_to_rest(self) -> None:
        self.resting = True
        while self.timers:
            self.carry_out(0, 1000, 0)
        super().come_to_rest()
        for tp in PARTITIONS:
            now = self.stream_time(tp, self.logs[tp].end)
            windows = self.batch_of(tp)
            assert {start for of, start in self.closed if of == tp} == {
                start for start in windows if start + SIZE + GRACE <= now
            }
            records = self.counting(tp)
            assert {at for of, at in self.late if of == tp} == {at for at, one in records.items() if self.is_late(one)}
            due = {at for at, one in records.items() if one.time + DELAY <= now}
            assert {at for of, at in self.fired if of == tp} == due
            states = self.readers[tp].assignment.states
            left = {int(key): offsets(value) for key, value in states["windows"].store.items()}
            assert left == {start: found for start, found in windows.items() if start + SIZE + GRACE > now}
            assert {int(key) for key, _ in states["timers"].store.items()} == records.keys() - due
            assert not self.readers[tp].assignment.fired


def start_of(record: TimedRecord) -> int:
    return record.time // SIZE * SIZE


def offsets(value: bytes) -> list[int]:
    return sorted(map(int, value.split(b",")[:-1]))


@pytest.mark.timeout(3_600)
class TestWindows(WindowsMachine.TestCase):  # type: ignore[misc,valid-type]
    """Runs the machine."""

    settings = settings(stateful_step_count=60)
