"""The driver as a Faust app sees it: what a record keeps, topics, starts, bounds, refusals."""

from __future__ import annotations

import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any, cast

import faust
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from support.feeding import feed
from support.fleet import PROTOCOLS, Fleet
from support.holes import hole
from support.judge import PERFECT, Judge
from support.plan import Plan, create_topics, new_plan
from support.waiting import PATIENCE, wait_for

from streamproc.localstack.processes import spawn
from streamproc.transport import Transport, TransportSettings
from streamproc.transport.kafka.partitioner import partition_for

ECHO = Path(__file__).with_name("echo_worker.py")


def records(bootstrap: str, topic: str, count: int, *, partitions: int = 6, timeout: float = 30) -> list[Any]:
    """So many records of a topic, read_committed."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "r",
            "isolation.level": "read_committed",
            "log_level": 0,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found: list[Any] = []
    deadline = time.monotonic() + timeout * PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records"
        found += [message for message in consumer.consume(1000, 0.2) if message.error() is None]
    consumer.close()
    return found


def committed(plan: Plan) -> dict[int, int]:
    """The group's committed offsets, by partition."""
    admin = AdminClient({"bootstrap.servers": plan.bootstrap, "log_level": 0})
    request = ConsumerGroupTopicPartitions(plan.group)
    answer = admin.list_consumer_group_offsets([request])[plan.group].result()
    return {tp.partition: tp.offset for tp in answer.topic_partitions if tp.offset >= 0}


def move_group(plan: Plan, offset: int) -> None:
    """Put the group at this offset of every partition."""
    consumer = Consumer({"bootstrap.servers": plan.bootstrap, "group.id": plan.group, "log_level": 0})
    consumer.commit(offsets=[TopicPartition(plan.source, n, offset) for n in range(6)], asynchronous=False)
    consumer.close()


def test_a_record_keeps_all_it_has(kafka_bootstrap: str, tmp_path: Path) -> None:
    """Key, value, headers in order, timestamp; null keys, tombstones; loose sends; topics; sends after the ack."""
    plan = new_plan(kafka_bootstrap, "echo")
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    sent: list[tuple[bytes | None, bytes | None, Any, int]] = [
        (b"k", b"v", [("a", b"1"), ("b", b"\xff"), ("none", None)], 1_600_000_000_123),
        (None, b"no key", [], 1_600_000_000_456),
        (b"tombstone", None, [("x", b"")], 1_600_000_000_789),
        (b"late", b"late", [], 1_600_000_001_000),
    ]
    for key, value, headers, timestamp in sent:
        producer.produce(plan.source, key=key, value=value, headers=headers, timestamp=timestamp)
    producer.flush(10)
    with Fleet(plan, tmp_path, script=ECHO) as fleet:
        member = fleet.start("a")
        found = records(kafka_bootstrap, plan.sink, 4)
        got = [(m.key(), m.value(), m.headers() or [], m.timestamp()[1]) for m in found]
        assert sorted(got, key=lambda record: record[3]) == sent
        notes = records(kafka_bootstrap, f"{plan.sink}-notes", 3, partitions=3)
        assert [m.value() for m in notes] == [b"0", b"1", b"2"]
        wait_for(lambda: "loose 2 sent, offset -1" in member.log_text(), "the loose sends", 10)
        assert "late send: A send to" in member.log_text()
        fleet.stop("a")
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    resource = ConfigResource(ConfigResource.Type.TOPIC, f"{plan.sink}-notes")
    config = admin.describe_configs([resource])[resource].result()
    assert config["cleanup.policy"].value == "compact"
    assert config["retention.ms"].value == "3600000"
    assert config["max.message.bytes"].value == "123456"
    assert sum(committed(plan).values()) == 4


def test_a_worker_that_stops_commits_all_that_was_sent_outside_events(kafka_bootstrap: str, tmp_path: Path) -> None:
    """More than one transaction holds; none is due before the worker is told to stop."""
    plan = new_plan(kafka_bootstrap, "burst", {"commit_interval": 20})
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    count = 25_000
    producer.produce(plan.source, key=b"burst", value=b"%d" % count)
    producer.flush(10)
    with Fleet(plan, tmp_path, script=ECHO) as fleet:
        member = fleet.start("a")
        wait_for(lambda: "burst sent" in member.log_text(), "the burst", 30)
        fleet.stop("a")
    found = records(kafka_bootstrap, plan.sink, count + 1)
    assert sorted(int(m.value()) for m in found if m.key() == b"sent by force") == list(range(count))


async def test_a_client_that_sends_faster_than_the_brokers_take_waits(kafka_bootstrap: str, tmp_path: Path) -> None:
    """librdkafka's queue of 10 is full all the time."""
    name = f"flood-{uuid.uuid4().hex[:8]}"
    create_topics(kafka_bootstrap, name, partitions=1)
    app = faust.App(name, broker=f"rdkafka://{kafka_bootstrap}", datadir=str(tmp_path))
    settings = TransportSettings(librdkafka={"queue.buffering.max.messages": 10, "log_level": 0})
    cast(Transport, app.transport).settings = settings
    async with app.producer:
        sent = [await app.producer.send(name, None, b"%d" % number, 0, None, None) for number in range(2_000)]
        assert [(await one).offset for one in sent] == list(range(2_000))


def test_records_land_where_a_java_producer_puts_them(kafka_bootstrap: str, tmp_path: Path) -> None:
    """librdkafka's murmur2_random agrees with our murmur2, and that with Java's (a unit test)."""
    plan = new_plan(kafka_bootstrap, "partitions")
    feed(kafka_bootstrap, plan.source, range(400))
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        found = records(kafka_bootstrap, plan.sink, 400)
    assert {m.key(): m.partition() for m in found} == {m.key(): partition_for(m.key(), 6) for m in found}
    assert len({m.partition() for m in found}) == 6


def test_slow_work_causes_no_rebalance(kafka_bootstrap: str, tmp_path: Path) -> None:
    """An agent that sleeps twice max.poll.interval on one event keeps its partitions."""
    settings = {**PROTOCOLS["classic"], "max_poll_interval": 3.0, "drain_timeout": 2.0}
    plan = new_plan(kafka_bootstrap, "asleep", settings, slow={"50": 6.5}, concurrency=1)
    feed(kafka_bootstrap, plan.source, range(100))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        judge.wait_for(100, 60, fleet.check_alive)
        assert judge.judge(range(100)) == PERFECT
        assert len(fleet.calls()) == 100
        assert "Lost" not in member.log_text()
        assert "MAXPOLL" not in member.log_text()


def test_what_is_in_flight_is_bounded(kafka_bootstrap: str, tmp_path: Path) -> None:
    """However many an agent would take: at most max_in_flight have begun, half of which is kept for idle partitions."""
    plan = new_plan(
        kafka_bootstrap,
        "bounded",
        {"max_in_flight": 300, "ordering": "unordered"},
        exact_work=1.5,
        concurrency=100_000,
    )
    feed(kafka_bootstrap, plan.source, range(800))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        wait_for(lambda: len(fleet.calls()) >= 150, "the first events", 30)
        judge.wait_for(800, 60, fleet.check_alive)
        starts = sorted(at for _, at in fleet.calls())
        at_once = max(sum(1 for other in starts if at - 1.5 < other <= at) for at in starts)
        assert 150 <= at_once <= 300


@pytest.mark.parametrize("ordering", ["key", "partition", "unordered"])
def test_orders(kafka_bootstrap: str, tmp_path: Path, ordering: str) -> None:
    """key and partition keep each key's order in the output; unordered does not (or this test proves nothing)."""
    plan = new_plan(kafka_bootstrap, f"order-{ordering}", {"ordering": ordering}, work=0.1)
    feed(kafka_bootstrap, plan.source, range(800), keys=20)
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        judge.wait_for(800, 60, fleet.check_alive)
    judged = judge.judge(range(800))
    assert (judged.missing, judged.duplicated) == (0, 0)
    assert (judged.reordered > 0) == (ordering == "unordered")


def test_latest_is_committed_at_once(kafka_bootstrap: str, tmp_path: Path) -> None:
    """A worker that dies before its first event does not make its successor skip what came meanwhile."""
    plan = new_plan(kafka_bootstrap, "latest", {"offset_reset": "latest"})
    feed(kafka_bootstrap, plan.source, range(100))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        wait_for(lambda: sum(committed(plan).values()) == 100, "the first commit", 30)
        fleet.kill("a")
        feed(kafka_bootstrap, plan.source, range(100, 150))
        fleet.start("a")
        judge.wait_for(50, 60, fleet.check_alive)
        assert judge.judge(range(100, 150)) == PERFECT


@pytest.mark.parametrize("offset", [10, 10_000])
def test_an_offset_outside_the_log_stops_the_worker(kafka_bootstrap: str, tmp_path: Path, offset: int) -> None:
    """Below its start (records were deleted) or beyond its end; unless configured otherwise."""
    plan = new_plan(kafka_bootstrap, "range")
    feed(kafka_bootstrap, plan.source, range(600))
    move_group(plan, offset)
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap, "log_level": 0})
    for future in admin.delete_records([TopicPartition(plan.source, n, 20) for n in range(6)]).values():
        future.result(10)
    left = [int(m.value()) for m in records(kafka_bootstrap, plan.source, 600 - 6 * 20)]
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        fleet.wait_end("a", 30)
        assert f"stands at offset {offset}, but the log holds 20 to" in member.log_text()
        assert "out_of_range" in member.log_text()
        fleet.start("a", settings={**plan.settings, "out_of_range": "earliest"})
        judge.wait_for(len(left), 60, fleet.check_alive)
        assert judge.judge(left) == PERFECT


def test_an_operator_may_move_the_group(kafka_bootstrap: str, tmp_path: Path) -> None:
    """Metadata written for another offset is ignored: the moved group does all from there."""
    plan = new_plan(kafka_bootstrap, "moved")
    feed(kafka_bootstrap, plan.source, range(600))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a")
        judge.wait_for(600, 60, fleet.check_alive)
        fleet.stop("a")
        move_group(plan, 0)
        fleet.start("a")
        wait_for(lambda: (judge.read(0.2), sum(judge.seen.values()))[1] >= 1_200, "all again", 60)  # type: ignore[func-returns-value]
        assert set(judge.seen.values()) == {2}


def test_at_least_once(kafka_bootstrap: str, tmp_path: Path) -> None:
    """The same progress, without transactions: nothing is lost, and without a crash nothing is repeated."""
    plan = new_plan(kafka_bootstrap, "alo", guarantee="at_least_once")
    feed(kafka_bootstrap, plan.source, range(3_000))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        judge.wait_for(1_000, 60, fleet.check_alive)
        fleet.stop("a")
        fleet.start("a")
        judge.wait_for(1_500, 60, fleet.check_alive)
        judge.read(1)
        assert max(judge.seen.values()) == 1
        fleet.kill("a")
        fleet.start("a")
        judge.wait_for(3_000, 60, fleet.check_alive)


def test_range_assignment(kafka_bootstrap: str, tmp_path: Path) -> None:
    """The eager protocol: everybody gives everything up, and takes it up again."""
    plan = new_plan(kafka_bootstrap, "eager", {"assignment": "range", "session_timeout": 3.0}, work=0.1)
    feed(kafka_bootstrap, plan.source, range(6_000))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a")
        judge.wait_for(500, 60, fleet.check_alive)
        fleet.start("b")
        fleet.wait_ready()
        wait_for(lambda: (tmp_path / "b" / "calls").stat().st_size, "b's first event", 20)
        judge.wait_for(2_500, 60, fleet.check_alive)
        fleet.kill("a")
        judge.wait_for(6_000, 60, fleet.members["b"].check_alive)
        assert judge.judge(range(6_000)) == PERFECT


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("app.GlobalTable('counts')", "is global: workers that read, change and write one key"),
        ("app.conf.stream_publish_on_commit = True", "leave stream_publish_on_commit out"),
        (
            "app.conf.Stream = type('Mine', (faust.Stream,), {})",
            "must be a subclass of streamproc.transport.surface.stream.Stream",
        ),
        pytest.param("app.LiveCheck()", "does not carry LiveCheck", marks=hole("D8")),
        pytest.param("app = app.LiveCheck()", "does not carry LiveCheck", marks=hole("D8")),
        pytest.param(
            "app.agent(app.topic(pattern='orders-.*'))(lambda stream: stream)",
            "subscribes to no patterns",
            marks=hole("D8"),
        ),
        pytest.param(
            "@app.task\nasync def read():\n    async for _ in app.stream(app.topic(pattern='orders-.*')): pass",
            "subscribes to no patterns",
            marks=hole("D8"),
        ),
        ("app.conf.broker_credentials = faust.SASLCredentials(username='u', password='p')", "broker_credentials"),
    ],
)
def test_what_is_not_carried_is_refused_at_start(kafka_bootstrap: str, tmp_path: Path, line: str, reason: str) -> None:
    """A clear error, never a weaker guarantee."""
    script = tmp_path / "app.py"
    script.write_text(
        "import faust\n"
        f"app = faust.App('refused-{uuid.uuid4()}', broker='rdkafka://{kafka_bootstrap}', topic_disable_leader=True,\n"
        "                processing_guarantee='exactly_once')\n"
        f"{line}\n"
        "app.main()\n"
    )
    log = tmp_path / "log"
    process = spawn([sys.executable, str(script), "worker", "--without-web"], log, os.environ, tie=True)
    wait_for(lambda: not process.alive(), "the worker's end", 30)
    assert reason in log.read_text()


def test_a_stream_that_acknowledges_by_itself_does_not_when_its_agent_raises(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    """Faust's compiled stream acknowledges even then; ours leaves the event to the policy, which is to stop."""
    plan = new_plan(kafka_bootstrap, "inline")
    script = tmp_path / "app.py"
    script.write_text(
        "import faust\n"
        f"app = faust.App('{plan.group}', broker='rdkafka://{kafka_bootstrap}', topic_disable_leader=True,\n"
        "                processing_guarantee='exactly_once', value_serializer='raw')\n"
        f"@app.agent(app.topic('{plan.source}', value_serializer='raw'))\n"
        "async def plain(stream):\n"
        "    async for value in stream:\n"
        "        raise ValueError(value)\n"
        "app.main()\n"
    )
    feed(kafka_bootstrap, plan.source, range(5))
    log = tmp_path / "log"
    process = spawn([sys.executable, str(script), "worker", "--without-web"], log, os.environ, tie=True)
    wait_for(lambda: not process.alive(), "the worker's end", 30)
    assert "the agent raised ValueError" in log.read_text()
    assert committed(plan) == {}


@hole("D1")
@pytest.mark.parametrize("protocol", ["cooperative-sticky", "range", "consumer"])
def test_a_worker_that_has_no_partition_is_ready_and_leaves_its_group_when_it_stops(
    kafka_bootstrap: str, tmp_path: Path, protocol: str
) -> None:
    """Else the next rebalance, and the partitions that it moves, would wait until its session is over."""
    plan = new_plan(kafka_bootstrap, "idle", {"assignment": protocol}, partitions=1)
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap, "log_level": 0})

    def shares() -> list[int]:
        """How many partitions each member has."""
        members = admin.describe_consumer_groups([plan.group])[plan.group].result().members
        return sorted(len(member.assignment.topic_partitions) for member in members)

    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("busy")
        fleet.wait_ready("busy")
        wait_for(lambda: shares() == [1], "the only partition", 20)
        fleet.start("idle")
        fleet.wait_ready("idle")
        wait_for(lambda: shares() == [0, 1], "the worker that has none", 20)
        fleet.stop("idle")
        wait_for(lambda: shares() == [1], "the idle worker to leave", 10)
