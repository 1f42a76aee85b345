"""What windows must be, computed from the logs at once, against what workers have published of them."""

from __future__ import annotations

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

from confluent_kafka import Producer

from streamproc.transport.flight.event_time import time_of
from support.committed_topic import CommittedTopic

#: Seconds: of a window, between hopping ones, and for which one stays open after its end.
SIZE, STEP, GRACE = 60, 30, 120
#: An event that counts nothing: it only moves the time, so that all windows close.
FLUSH = b"flush"
#: Events come as late as this, in seconds.
LATEST = 600
#: The tables of events by their own key; and behind ``group_by``.
TABLES, REGROUPED = ("fixed", "hops"), ("regrouped",)
GROUPS = 13

#: A window: table, key, start.
Window = tuple[str, str, float]


def weight(number: int) -> int:
    """What an event adds: from the sum one can tell how many, and nearly which."""
    return 10**9 + number


def regrouped_key(value: bytes) -> bytes:
    """The key by which an event is taken behind ``group_by``."""
    return value if value == FLUSH else b"group-%d" % (int(value) % GROUPS)


def timestamps(seed: int, count: int, step_ms: int) -> list[int]:
    """Of so many events, ``step_ms`` apart: a third of them too late, a third out of order, as much as is not late."""
    chance = random.Random(seed)
    first = int(time.time() // SIZE * SIZE) * 1000 - 20_000_000
    found = []
    for number in range(count):
        kind, now = chance.random(), first + number * step_ms
        if kind < 1 / 3:
            now -= round(chance.uniform(GRACE + SIZE, LATEST) * 1000)
        elif kind < 2 / 3:
            now -= round(chance.uniform(0, GRACE) * 1000)
        found.append(now)
    return found


@dataclass
class WindowJudgement:
    """What was published of how many windows."""

    windows: int = 0
    #: Whose last value is not that of the batch computation; and those that no event has.
    wrong: int = 0
    windows_closed_twice: int = 0
    missing: int = 0
    #: Late events that are not in their topic once, and others in it.
    late_lost: int = 0
    #: Events that are not once behind ``group_by``, or not with their own time.
    regrouped_wrong: int = 0

    def add(self, other: WindowJudgement) -> None:
        """Both together."""
        for name, number in vars(other).items():
            setattr(self, name, getattr(self, name) + number)

    @property
    def bad(self) -> bool:
        """Whether anything is wrong."""
        return any(astuple(self)[1:])


def windows_of(table: str, seconds: float) -> list[float]:
    """The starts of a table's windows that have this time."""
    step = STEP if table == "hops" else SIZE
    last = seconds // step * step
    return [last - behind for behind in range(0, SIZE, step)]


class Batch:
    """Computes windows over all records of a topic, partition by partition in the order of the log."""

    def __init__(self, tables: tuple[str, ...]) -> None:
        self._tables = tables
        #: How often there is an event, with its time in milliseconds since 1970.
        self.events: Counter[tuple[int, int]] = Counter()
        self.values: Counter[Window] = Counter()
        #: Table, partition and offset.
        self.late: set[tuple[str, int, int]] = set()
        self._times: defaultdict[int, int] = defaultdict(lambda: -1)
        self._closing: dict[Window, tuple[int, int]] = {}

    def take(self, message: Any) -> None:
        """The next record of a partition."""
        partition, at = message.partition(), time_of(message, message.topic())
        now = self._times[partition] = max(self._times[partition], at)
        if message.value() == FLUSH:
            return
        self.events[int(message.value()), at] += 1
        for table in self._tables:
            for start in windows_of(table, at / 1000):
                closes = round((start + SIZE + GRACE) * 1000)
                if now >= closes:
                    self.late.add((table, partition, message.offset()))
                else:
                    window = (table, message.key().decode(), start)
                    self.values[window] += weight(int(message.value()))
                    self._closing[window] = partition, closes

    @property
    def closed(self) -> dict[Window, int]:
        """Windows that are closed by now, with their values."""
        return {
            window: self.values[window]
            for window, (partition, closes) in self._closing.items()
            if closes <= self._times[partition]
        }


class WindowJudge:
    """Reads the events, what was passed on of them, what was published of windows, and what came too late."""

    def __init__(self, bootstrap: str, source: str, sink: str, group: str, partitions: int) -> None:
        self._bootstrap, self._partitions = bootstrap, partitions
        self.batch, self.regrouped = Batch(TABLES), Batch(REGROUPED)
        self.published: defaultdict[Window, list[int]] = defaultdict(list)
        self.late: Counter[tuple[str, int, int]] = Counter()
        self._logs = {source: self.batch, f"regroup-{source}-few-repartition": self.regrouped}
        topics = {**{topic: batch.take for topic, batch in self._logs.items()}, sink: self._closed}
        topics |= {f"{group}-{table}-late": self._late for table in (*TABLES, *REGROUPED)}
        self._readers = [CommittedTopic(bootstrap, topic, partitions, take) for topic, take in topics.items()]

    def wait(self, events: int, ahead_ms: int, seconds: float, alive: Callable[[], None]) -> bool:
        """Until so many events are passed on, and all that they close is published; False: it is not in time.

        ``ahead_ms``: an event of this time, behind which all windows are closed, is published to each partition.
        """
        deadline = time.monotonic() + seconds
        if not self._wait(lambda: self._passed_on(events), deadline, alive):
            return False
        self._flush(ahead_ms)
        return self._wait(self._is_done, deadline, alive)

    def _wait(self, done: Callable[[], bool], deadline: float, alive: Callable[[], None]) -> bool:
        while not done():
            if time.monotonic() > deadline:
                return False
            for reader in self._readers:
                reader.read(0.1)
            alive()
        return True

    def _passed_on(self, events: int) -> bool:
        return all(batch.events.total() >= events for batch in self._logs.values())

    def _flush(self, ahead_ms: int) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap})
        for topic in self._logs:
            for partition in range(self._partitions):
                producer.produce(topic, FLUSH, partition=partition, timestamp=ahead_ms)
        assert producer.flush(30) == 0
        self._read_to_end()

    def _read_to_end(self) -> None:
        for reader in self._readers:
            while reader.read(1.0):
                pass

    def _is_done(self) -> bool:
        return set(self.late) >= self._expected_late and self.published.keys() >= self._closed_windows.keys()

    @property
    def _expected_late(self) -> set[tuple[str, int, int]]:
        return self.batch.late | self.regrouped.late

    @property
    def _closed_windows(self) -> dict[Window, int]:
        return self.batch.closed | self.regrouped.closed

    def judge(self) -> WindowJudgement:
        """Compare, once nothing more comes."""
        self._read_to_end()
        closed, here, there = self._closed_windows, self.batch.events, self.regrouped.events
        return WindowJudgement(
            windows=len(closed),
            wrong=sum(1 for window, values in self.published.items() if values[-1] != closed.get(window)),
            windows_closed_twice=sum(len(values) - 1 for values in self.published.values()),
            missing=len(closed.keys() - self.published.keys()),
            late_lost=len(set(self.late) ^ self._expected_late) + sum(times - 1 for times in self.late.values()),
            regrouped_wrong=(here - there).total() + (there - here).total(),
        )

    def close(self) -> None:
        """Let go of the connections."""
        for reader in self._readers:
            reader.close()

    def _closed(self, message: Any) -> None:
        table, name, start = json.loads(message.key())
        self.published[table, name, start].append(int(message.value()))

    def _late(self, message: Any) -> None:
        headers = {name: value.decode() for name, value in message.headers()}
        assert headers["late.reason"].startswith("the window was closed")
        self.late[headers["late.table"], int(headers["late.partition"]), int(headers["late.offset"])] += 1
