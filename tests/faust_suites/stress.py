"""Faust's stress apps while their workers are killed as its ``killer.py`` does.

``killer.py`` signals every worker on the machine by its name, for hours. Here the same signals go to the workers that
this run has started, with pauses short enough for minutes. What Faust's checks say is counted; the verdict comes from
the topics, read as downstream does, because the checks count in the memory of workers that come and go.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.localstack.processes import ProcessRef, log_tail, spawn

WORKERS = 3
PARTITIONS = 4
WITHDRAWALS = 40_000
#: Signals, rounds, and the shortest and longest pause before each, in seconds: killer.py's three spans, and kills that
#: leave the workers time to work between them.
SCHEDULE = (
    ((signal.SIGTERM, signal.SIGINT), 3, 8.0, 12.0),
    ((signal.SIGTERM,), 2, 8.0, 12.0),
    ((signal.SIGKILL,), 6, 0.1, 1.0),
    ((signal.SIGKILL,), 4, 12.0, 18.0),
)

_DUPLICATE = re.compile(r"Found duplicate number in .*?partition=(\d+)\)?: (\d+)")
_GAP = re.compile(r"Sequence gap for tp .*?partition=(\d+)\)?: this=(\d+) previous=(\d+)")


@dataclass
class Fleet:
    """The workers of one stress app."""

    name: str
    place: Path
    python: Path
    bootstrap: str
    seed: int
    workers: dict[int, ProcessRef] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        """One of Faust's commands on the app."""
        return [str(self.python), "-m", "faust", "-A", f"t.stress.tests.{self.name}", *arguments]

    def spawn(self, role: str, *arguments: str) -> ProcessRef:
        """Start one of Faust's commands."""
        environment = os.environ | {
            "PYTHONPATH": str(self.place),
            "STRESS_BROKER": f"rdkafka://{self.bootstrap}?session_timeout=6",
            "STRESS_STORE": "memory://",
            "STRESS_PARTITIONS": str(PARTITIONS),
            "PROCESSING_GUARANTEE": "exactly_once",
        }
        home = self.place / "data" / f"{self.name}-{role}"
        home.mkdir(parents=True, exist_ok=True)
        command = self.command("--datadir", str(home), *arguments)
        return spawn(command, self.log(role), environment, tie=True)

    def log(self, role: str) -> Path:
        """Where a process writes."""
        return self.place / f"{self.name}-{role}.log"

    def start(self) -> None:
        """Start the workers that do not run."""
        for number in range(WORKERS):
            if number not in self.workers or not self.workers[number].alive():
                self.workers[number] = self.spawn(str(number), "worker", "--without-web", "--loglevel", "info")

    def signal(self, number: signal.Signals) -> None:
        """Signal all workers, and wait for their end."""
        for process in self.workers.values():
            if process.alive():
                os.kill(process.pid, number)
        wait_for(lambda: not any(process.alive() for process in self.workers.values()), f"the end by {number.name}", 60)

    def chaos(self) -> Counter[str]:
        """The schedule. Returns how often each signal was sent."""
        dice, sent = random.Random(self.seed), Counter[str]()
        for signals, rounds, shortest, longest in SCHEDULE:
            for _ in range(rounds):
                time.sleep(dice.uniform(shortest, longest))
                # A worker that ended by itself is a failure, not the killer's work.
                for role, process in self.workers.items():
                    assert process.alive(), f"{self.name} {role} ended by itself.\n{log_tail(self.log(str(role)), 40)}"
                number = dice.choice(signals)
                self.signal(number)
                sent[number.name] += 1
                self.start()
        return sent

    def logged(self, text: str) -> int:
        """How often the workers logged this."""
        logs = (self.log(str(number)) for number in range(WORKERS))
        return sum(log.read_text(errors="replace").count(text) for log in logs if log.exists())

    def close(self) -> None:
        """End what still runs."""
        for process in self.workers.values():
            process.kill()


def wait_for(condition: Callable[[], bool], what: str, timeout: float) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout:g} s for {what}"
        time.sleep(0.2)


class Broker:
    """What the topics and the group hold, as downstream sees it."""

    def __init__(self, bootstrap: str) -> None:
        config: dict[str, Any] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._admin = AdminClient(config)
        self._config = config | {"group.id": "judge", "isolation.level": "read_committed", "enable.partition.eof": True}

    def create(self, **topics: int) -> None:
        """Make topics that the stress apps expect to be made by the broker."""
        new = [NewTopic(name.replace("_", "-"), partitions, 1) for name, partitions in topics.items()]
        for future in self._admin.create_topics(new).values():
            future.result()

    def ends(self, topic: str) -> list[int]:
        """The end of each partition."""
        consumer = Consumer(self._config)
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        try:
            return [consumer.get_watermark_offsets(partition, timeout=10.0)[1] for partition in partitions]
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> list[int]:
        """The committed offset of each partition."""
        wanted = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        request = ConsumerGroupTopicPartitions(group, wanted)
        answer = self._admin.list_consumer_group_offsets([request], require_stable=True)[group].result()
        offsets = {each.partition: max(0, each.offset) for each in answer.topic_partitions}
        return [offsets[number] for number in range(PARTITIONS)]

    def records(self, topic: str, partition: int) -> Iterator[tuple[int, Any]]:
        """Offset and JSON value of every committed record."""
        consumer = Consumer(self._config)
        consumer.assign([TopicPartition(topic, partition, 0)])
        try:
            while True:
                message = consumer.poll(10.0)
                assert message is not None, f"{topic}[{partition}] cannot be read"
                if message.error() is not None:
                    return
                yield message.offset() or 0, json.loads(message.value() or b"")
        finally:
            consumer.close()

    def states(self, app: str) -> dict[str, dict[str, int]]:
        """What Faust's checks have reported: by check, how often each state."""
        found: dict[str, Counter[str]] = {}
        for _, status in self.records("f-systemcheck", 0):
            if status["app_id"] == app:
                found.setdefault(status["category"], Counter())[status["state"]] += 1
        return {check: dict(counts) for check, counts in sorted(found.items())}


@dataclass(frozen=True)
class Verdict:
    """What became of a stress app; all ``wrong`` must be 0."""

    scenario: str
    events: int
    wrong: dict[str, int]
    signals: dict[str, int]
    checks: dict[str, dict[str, int]]
    reported: dict[str, int]


def simple(place: Path, python: Path, bootstrap: str, seed: int) -> Verdict:
    """Withdrawals, by Faust's own producer, into an agent that only counts them: all are finished in the end."""
    fleet, broker, topic = Fleet("simple", place, python, bootstrap, seed), Broker(bootstrap), "f-stress-withdrawals"
    fleet.start()
    # It stays when it is done.
    producer = fleet.spawn("produce", "produce", "--max-latency", "0.005", "--max-messages", str(WITHDRAWALS))
    group = "f-stress-simple-v7"
    try:
        signals = fleet.chaos()
        producer.kill()
        wait_for(lambda: broker.committed(group, topic) == broker.ends(topic), "the simple app to catch up", 60)
        fleet.signal(signal.SIGTERM)
    finally:
        fleet.close()
        producer.kill()
    ends, committed = broker.ends(topic), broker.committed(group, topic)
    wrong = {"unfinished": sum(ends) - sum(committed), "partitions without events": ends.count(0)}
    return Verdict("simple", sum(ends), wrong, dict(signals), broker.states(group), {})


def forwarder(place: Path, python: Path, bootstrap: str, seed: int) -> Verdict:
    """A leader counts into each partition, an agent forwards, another checks: forwarded is what was counted, once."""
    fleet, broker = Fleet("forwarder", place, python, bootstrap, seed), Broker(bootstrap)
    group = "f-stress-dedupe-v7"
    prefix = f"{group}-t.stress.tests.forwarder.app"
    fleet.start()
    try:
        signals = fleet.chaos()
        before = sum(broker.ends(f"{prefix}.check"))
        wait_for(lambda: sum(broker.ends(f"{prefix}.check")) > before + 400, "the forwarder to go on", 90)
        fleet.signal(signal.SIGTERM)
    finally:
        fleet.close()
    wrong = Counter({"missing": 0, "duplicated": 0, "reordered": 0, "partitions without events": 0})
    events = 0
    bases = broker.committed(group, f"{prefix}.process")
    for partition, base in enumerate(bases):
        counted = list(broker.records(f"{prefix}.process", partition))
        # What is finished is what the group has committed: exactly that must have been forwarded, in its order.
        sent = [value for offset, value in counted if offset < base]
        forwarded = [value for _, value in broker.records(f"{prefix}.check", partition)]
        missing, extra = Counter(sent) - Counter(forwarded), Counter(forwarded) - Counter(sent)
        wrong["missing"] += missing.total()
        wrong["duplicated"] += extra.total()
        wrong["reordered"] += sent != forwarded and not missing and not extra
        wrong["partitions without events"] += not sent
        events += len(forwarded)
    reported = {text: fleet.logged(text) for text in ("Found duplicate number", "Sequence gap")}
    return Verdict("forwarder", events, dict(wrong), dict(signals), broker.states(group), reported)


def tables(place: Path, python: Path, bootstrap: str, seed: int) -> Verdict:
    """A leader counts into each partition, an agent keeps the last number in a table and compares each with it.

    The table's changelog must hold the last number that is finished; and what the agent has found there must be so in
    the topic itself: a table that had lost, or seen too early, what an event wrote would find gaps and duplicates that
    the topic does not have. (It has some: what a leader sends belongs to no event.)
    """
    fleet, broker = Fleet("tables", place, python, bootstrap, seed), Broker(bootstrap)
    group = "f-stress-tables-v7"
    topic = f"{group}-t.stress.tests.tables.app.process"
    fleet.start()
    try:
        signals = fleet.chaos()
        before = sum(broker.committed(group, topic))
        wait_for(lambda: sum(broker.committed(group, topic)) > before + 400, "the tables to go on", 90)
        fleet.signal(signal.SIGTERM)
    finally:
        fleet.close()
    wrong = Counter({"table behind its events": 0, "found what is not there": 0, "partitions without events": 0})
    there: set[tuple[str, ...]] = set()
    events = 0
    for partition, base in enumerate(broker.committed(group, topic)):
        finished = [value for offset, value in broker.records(topic, partition) if offset < base]
        held = [value for _, value in broker.records(f"{group}-counted-changelog", partition)]
        wrong["table behind its events"] += held[-1:] != finished[-1:]
        wrong["partitions without events"] += not finished
        there |= _found(str(partition), finished)
        events += len(finished)
    logs = "".join(fleet.log(str(number)).read_text(errors="replace") for number in range(WORKERS))
    found: set[tuple[str, ...]] = {*_DUPLICATE.findall(logs), *_GAP.findall(logs)}
    wrong["found what is not there"] = len(found - there)
    reported = {"found": len(found), "there": len(there)}
    return Verdict("tables", events, dict(wrong), dict(signals), broker.states(group), reported)


def _found(partition: str, numbers: Sequence[int]) -> set[tuple[str, ...]]:
    """What Faust's agent should find in a partition, by its own rule: 0 is a leader's new beginning."""
    found: set[tuple[str, ...]] = set()
    for previous, number in pairwise(numbers):
        if 0 < number <= previous:
            found.add((partition, str(number)))
        elif number > previous + 1:
            found.add((partition, str(number), str(previous)))
    return found
