"""What the chaos runs share: topics, a fleet of worker processes, and a read_committed judge."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chaos.worker import Plan
from streamproc.localstack.processes import ProcessRef, log_tail, spawn

KEYS = 200
WORKER = Path(__file__).with_name("worker.py")

#: Both ways of sharing partitions, with takeovers quick enough for a test.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "classic": {"assignment": "cooperative-sticky", "session_timeout": 3.0},
    "kip848": {"assignment": "consumer"},
}


def create_topics(
    bootstrap: str,
    *names: str,
    partitions: int = 6,
    replication: int = 1,
    config: dict[str, str] | None = None,
) -> None:
    """Make topics and wait until they are there."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(name, partitions, replication, config=config or {}) for name in names]
    for future in admin.create_topics(topics).values():
        future.result(30)
    wait_for(lambda: set(names) <= set(admin.list_topics(timeout=10).topics), "the topics", 30)


def feed(bootstrap: str, topic: str, values: Iterable[int], *, keys: int = KEYS, pad: int = 0) -> None:
    """Publish the values in order, each under the key value % keys, padded with blanks to ``pad`` bytes."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 20})
    for value in values:
        while True:
            try:
                producer.produce(topic, key=b"key-%d" % (value % keys), value=(b"%d" % value).ljust(pad))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0


def wait_for(condition: Callable[[], Any], what: str, timeout: float) -> None:
    """Wait until the condition holds.

    Raises:
        AssertionError: it does not in time.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout:g} s for {what}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Judgement:
    """How outcomes compare with the events."""

    missing: int
    duplicated: int
    reordered: int


PERFECT = Judgement(0, 0, 0)


class Judge:
    """Reads a topic as downstream does, read_committed, from its start."""

    def __init__(self, bootstrap: str, topic: str, *, partitions: int = 6, forget: bool = False) -> None:
        """``forget``: only count."""
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"judge-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        self._partitions = partitions
        self._forget = forget
        self.count = 0
        self.seen: Counter[int] = Counter()
        self.first_seen: dict[int, float] = {}
        self.timestamps: dict[int, float] = {}
        self.reordered = 0
        self._last: dict[bytes, int] = {}
        self._at_end: set[int] = set()

    def read(self, seconds: float) -> None:
        """Read for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for message in self._consumer.consume(1000, min(left, 0.2)):
                self._take(message)

    def read_next(self, seconds: float) -> None:
        """Take a record as soon as it is there, waiting so long for it."""
        message = self._consumer.poll(seconds)
        if message is not None:
            self._take(message)

    def _take(self, message: Any) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add(message.partition())
            return
        self._at_end.discard(message.partition())
        if self._forget:
            self.count += 1
            return
        key, value = message.key(), int(message.value())
        self.seen[value] += 1
        self.first_seen.setdefault(value, time.time())
        self.timestamps.setdefault(value, message.timestamp()[1] / 1000)
        if self._last.get(key, -1) > value:
            self.reordered += 1
        self._last[key] = value

    def wait_for(self, count: int, timeout: float, alive: Callable[[], None] = lambda: None) -> None:
        """Read until so many distinct values were seen; ``alive`` may raise when waiting is useless."""
        deadline = time.monotonic() + timeout
        while (found := self.count or len(self.seen)) < count:
            alive()
            assert time.monotonic() < deadline, f"{found} of {count} outcomes after {timeout:g} s"
            self.read(0.2)

    def judge(self, values: Iterable[int]) -> Judgement:
        """Read to the end, and a little longer: duplicates come late."""
        self.read(2.0)
        self._at_end.clear()
        expected = set(values)
        missing = len(expected - self.seen.keys())
        extra = sum(count for value, count in self.seen.items() if value not in expected)
        repeated = sum(count - 1 for count in self.seen.values())
        return Judgement(missing, repeated + extra, self.reordered)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


@dataclass
class Member:
    """A worker process."""

    name: str
    plan: Plan
    process: ProcessRef
    log: Path

    @property
    def folder(self) -> Path:
        """Where it keeps its files."""
        return Path(self.plan.folder)

    def signal(self, number: int) -> None:
        """Send it a signal, if it is still this process."""
        if self.process.alive():
            os.kill(self.process.pid, number)

    def check_alive(self) -> None:
        """Raise with its log when it has ended though nobody ended it."""
        assert self.process.alive(), f"{self.name} has ended.\n{log_tail(self.log, 40)}"

    def log_text(self) -> str:
        """All that it and its predecessors of the same name have logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass
class Fleet:
    """Workers of one group. Leaving the context ends them all."""

    plan: Plan
    folder: Path
    #: Static membership, and so a stable transactional id, for each worker.
    stable: bool = True
    script: Path = WORKER
    members: dict[str, Member] = field(default_factory=dict)
    kills: int = 0
    kills_in_commit: int = 0

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members.values():
            member.process.kill()

    def start(self, name: str, **changes: Any) -> Member:
        """Start a worker, or one in the place of one that has ended."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in ("hold", "held", "die"):
            (folder / left_over).unlink(missing_ok=True)
        plan = dataclasses.replace(self.plan, folder=str(folder), **changes)
        if self.stable:
            plan = dataclasses.replace(plan, settings={**plan.settings, "group_instance_id": name})
        log = self.folder / f"{name}.log"
        command = [sys.executable, str(self.script), "worker", "--without-web", "--loglevel", "info"]
        process = spawn(command, log, plan.environment(), tie=True)
        self.members[name] = Member(name, plan, process, log)
        return self.members[name]

    def wait_ready(self, *names: str, timeout: float = 60.0) -> None:
        """Wait until workers run."""
        for name in names or tuple(self.members):
            member = self.members[name]
            starts = member.log_text().count("[^Worker]: Starting")

            def ready(member: Member = member, starts: int = starts) -> bool:
                member.check_alive()
                return member.log_text().count("[^Worker]: Ready") >= max(1, starts)

            wait_for(ready, name, timeout)

    def kill(self, name: str) -> None:
        """kill -9, at any moment."""
        self.members[name].process.kill()
        self.kills += 1

    def kill_in_commit(self, name: str, timeout: float = 20.0) -> bool:
        """kill -9 between send_offsets_to_transaction and commit_transaction. False: it did not get there in time."""
        member = self.members[name]
        if not self.hold(name, timeout):
            return False
        member.process.kill()
        self.kills += 1
        self.kills_in_commit += 1
        return True

    def kill_one_in_commit(self, name: str, judge: Judge, events: int) -> str:
        """kill -9 this worker in a commit, or another: one whose partitions are done, or not its own yet, commits none.

        Returns the worker's name.

        Raises:
            AssertionError: all ``events`` are done, so that nobody will commit again.
        """
        while not self.kill_in_commit(name, 3):
            judge.read(0.1)
            assert len(judge.seen) < events, "too few events: all are done before the last kill"
            self.check_alive()
            names = [*self.members]
            name = names[(names.index(name) + 1) % len(names)]
        return name

    def hold(self, name: str, timeout: float = 20.0) -> bool:
        """Stop a worker's commit thread between send_offsets_to_transaction and commit_transaction."""
        folder = self.members[name].folder
        (folder / "hold").touch()
        deadline = time.monotonic() + timeout
        while not (folder / "held").exists():
            if time.monotonic() > deadline:
                (folder / "hold").unlink()
                return False
            time.sleep(0.005)
        return True

    def release(self, name: str) -> None:
        """Let a held worker go on."""
        (self.members[name].folder / "hold").unlink(missing_ok=True)

    def stop(self, name: str, timeout: float = 40.0) -> None:
        """SIGTERM, and wait until the worker has ended by itself."""
        member = self.members[name]
        member.signal(signal.SIGTERM)
        wait_for(lambda: not member.process.alive(), f"{name} to stop", timeout)

    def wait_end(self, name: str, timeout: float) -> None:
        """Wait until a worker ends by itself."""
        wait_for(lambda: not self.members[name].process.alive(), f"{name}'s end", timeout)

    def check_alive(self) -> None:
        """Raise with its log when a worker has ended that nobody ended."""
        for member in self.members.values():
            member.check_alive()

    def logged(self, text: str) -> int:
        """How often workers have logged this."""
        return sum(member.log_text().count(text) for member in self.members.values())

    def calls(self) -> list[tuple[int, float]]:
        """Every invocation of the handler: value and time."""
        found = []
        for path in self.folder.glob("*/calls"):
            for line in path.read_text().splitlines():
                value, at = line.split()
                found.append((int(value), float(at)))
        return found


def new_plan(
    bootstrap: str,
    name: str,
    settings: dict[str, Any] | None = None,
    *,
    partitions: int = 6,
    replication: int = 1,
    **changes: Any,
) -> Plan:
    """A plan with topics and a group of its own; the topics are made."""
    unique = f"{name}-{uuid.uuid4().hex[:8]}"
    plan = Plan(
        bootstrap=bootstrap,
        group=unique,
        source=f"{unique}-in",
        sink=f"{unique}-out",
        folder="",
        settings={"commit_interval": 0.05, **(settings or {})},
        **changes,
    )
    create_topics(bootstrap, plan.source, plan.sink, partitions=partitions, replication=replication)
    return plan
