"""Input with holes, and one slow event among many: progress counts what is delivered, not what offsets suggest."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from support.broker import Broker
from support.feeding import KEYS, feed, feed_in_transactions
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge
from support.plan import create_topics, new_plan
from support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)


def read_all(bootstrap: str, topic: str, partitions: int = 6) -> list[int]:
    """What a topic holds now."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.partition.eof": True, "log_level": 0}
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found: list[int] = []
    ends = 0
    while ends < partitions:
        for message in consumer.consume(1000, 1.0):
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                ends += 1
            else:
                found.append(int(message.value() or b""))
    consumer.close()
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_input_of_which_a_third_aborts(broker: Broker, tmp_path: Path, protocol: str) -> None:
    """Markers and aborted records leave holes at the base, in the middle and at the end."""
    plan = new_plan(broker.direct, f"aborts-{protocol}", PROTOCOLS[protocol])
    values = feed_in_transactions(broker.direct, plan.source, 12_000)
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        fleet.start("b")
        fleet.wait_ready()
        for name in ("a", "b", "a"):
            judge.wait_for(len(judge.seen) + 1_500, 60, fleet.check_alive)
            fleet.kill(name)
            fleet.start(name)
            fleet.wait_ready(name)
        judge.wait_for(len(values), 90, fleet.check_alive)
        assert judge.judge(values) == PERFECT


def test_compacted_input(broker: Broker, tmp_path: Path) -> None:
    """Compaction removes records before, between and beneath the kills."""
    plan = new_plan(broker.direct, "compacted", PROTOCOLS["classic"])
    source = f"{plan.source}-compacted"
    create_topics(
        broker.direct,
        source,
        config={
            "cleanup.policy": "compact",
            "segment.ms": "200",
            "min.cleanable.dirty.ratio": "0.01",
            "max.compaction.lag.ms": "300",
        },
    )
    count = 12_000
    for start in range(0, count, 1_000):
        feed(broker.direct, source, range(start, start + 1_000), keys=900)
        time.sleep(0.3)
    wait_for(lambda: len(read_all(broker.direct, source)) < 0.9 * count, "compaction", 60)
    first = set(read_all(broker.direct, source))
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a", source=source, work=0.3)
        for _ in range(2):
            judge.wait_for(len(judge.seen) + 200, 60, fleet.check_alive)
            fleet.kill("a")
            fleet.start("a", source=source, work=0.3)
        left = set(read_all(broker.direct, source))
        judge.wait_for(len(left), 120, fleet.check_alive)
        judge.read(3.0)
        fleet.stop("a")
        judge.read(2)
        assert left <= judge.seen.keys() <= first
        assert judge.reordered == 0
        assert max(judge.seen.values()) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_slow_event_among_50_000(broker: Broker, tmp_path: Path, protocol: str) -> None:
    """One event of 30 s holds back its own key only, and a kill in the middle repeats only what was not committed."""
    count, slow = 50_000, 777
    plan = new_plan(broker.direct, f"slow-{protocol}", PROTOCOLS[protocol], work=0.02, slow={str(slow): 30.0})
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        fleet.wait_ready()
        feed(broker.direct, plan.source, range(count))
        while slow not in dict(fleet.calls()):
            judge.read(0.2)  # all the time: when outcomes are seen is judged below
            assert len(judge.seen) < count, "the slow event has not begun"
        started = time.monotonic()
        judge.wait_for(count // 3, 120, fleet.check_alive)
        fleet.kill("a")
        assert time.monotonic() - started < 30, "too slow a machine: the slow event has finished"
        judge.read(2.0)
        visible = set(judge.seen)
        assert slow not in visible
        fleet.start("a")
        behind = set(range(slow % KEYS, count, KEYS))  # the slow event's key
        judge.wait_for(count - len({value for value in behind if value >= slow}), 120, fleet.check_alive)
        assert slow not in judge.seen, "the fast events waited for the slow one"
        judge.wait_for(count, 120, fleet.check_alive)
        assert judge.judge(range(count)) == PERFECT

        calls = fleet.calls()
        again = {value for value, times in Counter(value for value, _ in calls).items() if times > 1}
        assert slow in again
        assert not again & visible, "an event was worked on again though its outcome was committed"
        assert len(again) < 20_000, "more was repeated than can be in flight"
        begun = dict(calls)
        waits = [judge.first_seen[value] - begun[value] for value in range(count) if value not in behind]
        assert max(waits) < 0.02 + 2.0, "an outcome was not visible within 2 s of finishing"


def test_a_damaged_batch_stops_the_worker(broker: Broker, tmp_path: Path) -> None:
    """librdkafka tells of it and goes on behind it: that would be 100 records without an outcome."""
    plan = new_plan(broker.direct, "damaged", partitions=1)
    for start in (0, 100, 200):
        feed(broker.direct, plan.source, range(start, start + 100), keys=300)
    [log] = broker.part.folder.rglob(f"{plan.source}-0/*.log")

    def write(key: bytes, instead: bytes) -> None:
        with log.open("r+b") as file:
            content = file.read()
            file.seek(content.index(key))
            file.write(instead)

    write(b"key-150", b"key+150")
    judge = Judge(broker.direct, plan.sink, partitions=1)
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        fleet.wait_end("a", 60)
        assert f"{plan.source}[0]@100: the records here cannot be read" in member.log_text()
        judge.read(2.0)
        assert not set(range(100, 300)) & judge.seen.keys()
        write(b"key+150", b"key-150")
        fleet.start("a")
        judge.wait_for(300, 60, fleet.check_alive)
        assert judge.judge(range(300)) == PERFECT
