"""Where partitions are taken up: topics that were made anew, partitions that came while nobody looked."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition, Uuid
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from faust.types import TP
from support.feeding import feed
from support.fleet import Fleet
from support.holes import hole
from support.judge import Judge
from support.plan import create_topics, new_plan
from support.waiting import wait_for

from streamproc.transport.errors import OffsetOutOfRange
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.progress import Progress, encode
from streamproc.transport.kafka.offsets import Offsets, Start


class Group:
    """A group of one topic with two partitions, ten records in each; no worker."""

    def __init__(self, bootstrap: str, reset: str = "latest", out_of_range: str = "stop") -> None:
        self.bootstrap = bootstrap
        self.name = f"offsets-{uuid.uuid4().hex[:8]}"
        self._reset = reset
        create_topics(bootstrap, self.name, partitions=2)
        self.produce(0, 1)
        self.policy(out_of_range)

    def policy(self, out_of_range: str) -> None:
        """As a worker that is started with this policy."""
        config = {"bootstrap.servers": self.bootstrap, "log_level": 0}
        self.offsets = Offsets(config, self.name, self._reset, out_of_range, lambda: False)

    def produce(self, *partitions: int) -> None:
        """Ten records into each."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True})
        for partition in partitions:
            for number in range(10):
                producer.produce(self.name, value=b"%d" % number, partition=partition)
        assert producer.flush(30) == 0

    def starts(self, partitions: Iterable[int]) -> dict[int, Start]:
        """Where a worker begins."""
        asked = [TP(self.name, partition) for partition in partitions]
        return {tp.partition: start for tp, start in self.offsets.starts(asked, lambda _: True)}

    def commit(self, partition: int, offset: int, mark: Mark | None, progress: Progress | None = None) -> None:
        """As a worker, or (no mark) as somebody else."""
        metadata = encode(progress or Progress.at(offset), mark.encode() if mark else b"")
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.name, "log_level": 0})
        place = TopicPartition(self.name, partition, offset, metadata or "")
        consumer.commit(offsets=[place], asynchronous=False)
        consumer.close()

    def grow(self, partitions: int) -> None:
        """Give the topic so many partitions."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        admin.create_partitions([NewPartitions(self.name, partitions)])[self.name].result(30)
        wait_for(lambda: self.offsets.describe(self.name)[1] == partitions, "the partitions", 30)


@hole("D3")
def test_latest_reads_a_partition_that_has_come_since_from_its_start(kafka_bootstrap: str) -> None:
    """Though nobody ran when it came; the others begin at their ends, whoever asks first."""
    group = Group(kafka_bootstrap)
    (start,) = group.starts([0]).values()
    assert (start.progress, start.commit_base) == (Progress.at(10), True)
    group.commit(0, 10, start.mark)
    # Of the other partition nothing is committed yet, but it was there when the group began.
    assert group.starts([1])[1].progress == Progress.at(10)
    group.grow(4)
    group.produce(2, 3)
    starts = group.starts([1, 2, 3])
    assert {partition: start.progress.base for partition, start in starts.items()} == {1: 10, 2: 0, 3: 0}
    # What is committed for a new one tells the same of the next.
    group.commit(3, 5, starts[3].mark)
    group.grow(5)
    group.produce(4)
    assert {n: start.progress.base for n, start in group.starts([0, 3, 4]).items()} == {0: 10, 3: 5, 4: 0}


@hole("D3")
def test_latest_takes_a_group_that_others_have_committed_for_an_old_one(kafka_bootstrap: str) -> None:
    """An offset that was moved by hand says nothing of the group's beginning: nothing is skipped."""
    group = Group(kafka_bootstrap)
    group.commit(0, 4, None)
    assert {n: start.progress.base for n, start in group.starts([0, 1]).items()} == {0: 4, 1: 0}


@hole("D2")
@pytest.mark.parametrize(("policy", "base"), [("earliest", 0), ("latest", 10)])
def test_an_offset_of_a_topic_that_was_made_anew_leads_nowhere(kafka_bootstrap: str, policy: str, base: int) -> None:
    """It lies within the log, and is not taken: stop, or go on as told, and commit that it is another topic now."""
    group = Group(kafka_bootstrap, "earliest")
    (start,) = group.starts([0]).values()
    now = start.mark
    assert now is not None
    before = Mark(now.cluster, Mark.of("", Uuid(4711, 4712)).topic_id)
    group.commit(0, 4, before)
    with pytest.raises(OffsetOutOfRange, match="was deleted and made anew since the group"):
        group.starts([0])
    group.policy(policy)
    (start,) = group.starts([0]).values()
    assert (start.progress, start.commit_base, start.mark) == (Progress.at(base), True, now)
    # A mirror copies offsets with their metadata: ids of another cluster say nothing.
    group.policy("stop")
    group.commit(0, 4, Mark(now.cluster ^ 1, before.topic_id))
    assert group.starts([0])[0].progress == Progress.at(4)


@hole("A")
def test_what_is_done_in_another_cluster_is_not_passed_over_here(kafka_bootstrap: str) -> None:
    """A mirror copies an offset with its metadata; the offset may be the same, what is behind it is not."""
    group = Group(kafka_bootstrap)
    (start,) = group.starts([0]).values()
    here = start.mark
    assert here is not None
    progress = Progress.of([4], 8)
    for mark, expected in (
        (here, progress),
        (Mark(here.cluster ^ 1, here.topic_id), Progress.at(4)),
        (Mark(here.cluster ^ 1, (4711, 4712)), Progress.at(4)),
    ):
        group.commit(0, 4, mark, progress)
        assert group.starts([0])[0].progress == expected


@hole("D2")
def test_a_topic_that_is_made_anew_while_it_is_read_stops_the_worker(kafka_bootstrap: str, tmp_path: Path) -> None:
    """With the reason; started again under ``out_of_range=earliest`` it reads all of the new one."""
    plan = new_plan(kafka_bootstrap, "anew", {"out_of_range": "earliest"}, partitions=3, exact_work=0.0)
    judge = Judge(kafka_bootstrap, plan.sink, partitions=3)
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap, "log_level": 0})
    feed(kafka_bootstrap, plan.source, range(90))
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        judge.wait_for(90, 60, fleet.check_alive)
        # Asleep meanwhile: it never sees the topic missing, nor too short.
        fleet.members["a"].signal(signal.SIGSTOP)
        admin.delete_topics([plan.source])[plan.source].result(30)

        def made() -> bool:
            try:
                create_topics(kafka_bootstrap, plan.source, partitions=3)
            except KafkaException:  # the old one is not gone yet
                return False
            return True

        wait_for(made, "the topic, made anew", 30)
        # Longer than the old one in each partition: nothing is out of range.
        feed(kafka_bootstrap, plan.source, range(1_000, 1_600))
        fleet.members["a"].signal(signal.SIGCONT)
        fleet.wait_end("a", 60)
        assert fleet.logged("was deleted and made anew while it was read")
        fleet.start("a")
        judge.wait_for(90 + 600, 60, fleet.check_alive)
    assert set(range(1_000, 1_600)) <= judge.seen.keys()
    judge.close()


@hole("D3")
def test_a_partition_that_is_added_while_the_group_runs_is_read_from_its_start(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    """``offset_reset=latest``; it is full before the worker hears of it."""
    settings = {"offset_reset": "latest", "librdkafka": {"topic.metadata.refresh.interval.ms": 1_000}}
    plan = new_plan(kafka_bootstrap, "grown", settings, partitions=2, exact_work=0.0)
    judge = Judge(kafka_bootstrap, plan.sink, partitions=2)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        fleet.wait_ready()
        # Seen once, the group has begun.
        value = 0

        def begun() -> bool:
            nonlocal value
            feed(kafka_bootstrap, plan.source, [value], keys=1)
            value += 1
            judge.read(0.2)
            return bool(judge.seen)

        wait_for(begun, "the first outcome", 30)
        admin = AdminClient({"bootstrap.servers": kafka_bootstrap, "log_level": 0})
        admin.create_partitions([NewPartitions(plan.source, 3)])[plan.source].result(30)
        producer = Producer({"bootstrap.servers": kafka_bootstrap})
        for number in range(1_000, 1_020):
            producer.produce(plan.source, value=b"%d" % number, key=b"k", partition=2)
        assert producer.flush(30) == 0

        def read() -> bool:
            judge.read(0.2)
            return set(range(1_000, 1_020)) <= judge.seen.keys()

        wait_for(read, "the new partition", 40)
    judge.close()
