"""The cases of Kafka Streams' EosIntegrationTest that apply, under the same names.

Left out are those about state stores and their checkpoints: tests/integration/transport/state has those of ours.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from support.feeding import feed, feed_in_transactions
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge
from support.plan import Plan, new_plan
from support.waiting import wait_for

pytestmark = [pytest.mark.timeout(300), pytest.mark.parametrize("protocol", PROTOCOLS)]


def committed_and_ends(plan: Plan, partitions: int) -> list[tuple[int, int]]:
    """The group's offset and the log's end, of every partition."""
    admin = AdminClient({"bootstrap.servers": plan.bootstrap, "log_level": 0})
    tps = [TopicPartition(plan.source, number) for number in range(partitions)]
    answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(plan.group, tps)])[plan.group].result()
    consumer = Consumer({"bootstrap.servers": plan.bootstrap, "group.id": "ends", "log_level": 0})
    pairs = [(tp.offset, consumer.get_watermark_offsets(tp, timeout=10)[1]) for tp in answer.topic_partitions]
    consumer.close()
    return pairs


def run_once(
    bootstrap: str, folder: Path, plan: Plan, values: list[int], partitions: int, *, no_lag: bool = False
) -> None:
    """One worker until all outputs are there and, with ``no_lag``, every committed offset is its log's end.

    An output can be read a moment before the offset of its transaction: each has a marker of its own.
    """
    judge = Judge(bootstrap, plan.sink, partitions=partitions)
    with Fleet(plan, folder) as fleet:
        fleet.start("a")
        judge.wait_for(len(values), 60, fleet.check_alive)
        assert judge.judge(values) == PERFECT
        if no_lag:
            wait_for(lambda: all(offset == end for offset, end in committed_and_ends(plan, partitions)), "no lag", 10)


def test_should_be_able_to_run_with_eos_enabled(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    plan = new_plan(kafka_bootstrap, "run", PROTOCOLS[protocol], partitions=1)
    feed(kafka_bootstrap, plan.source, range(500))
    run_once(kafka_bootstrap, tmp_path, plan, list(range(500)), 1)


def test_should_commit_correct_offset_if_input_topic_is_transactional(
    kafka_bootstrap: str, tmp_path: Path, protocol: str
) -> None:
    """The committed offset is the log's end, the last transaction's marker included: no lag is left."""
    plan = new_plan(kafka_bootstrap, "transactional", PROTOCOLS[protocol], partitions=1)
    values = feed_in_transactions(kafka_bootstrap, plan.source, 600)
    run_once(kafka_bootstrap, tmp_path, plan, values, 1, no_lag=True)
    [(offset, end)] = committed_and_ends(plan, 1)
    assert offset == end > 600


def test_should_be_able_to_restart_after_close(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    plan = new_plan(kafka_bootstrap, "restart", PROTOCOLS[protocol], partitions=1)
    judge = Judge(kafka_bootstrap, plan.sink, partitions=1)
    with Fleet(plan, tmp_path) as fleet:
        for start in (0, 300):
            feed(kafka_bootstrap, plan.source, range(start, start + 300))
            fleet.start("a")
            judge.wait_for(start + 300, 60, fleet.check_alive)
            fleet.stop("a")
        assert judge.judge(range(600)) == PERFECT
        assert len(fleet.calls()) == 600


def test_should_be_able_to_commit_to_multiple_partitions(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    plan = new_plan(kafka_bootstrap, "outputs", PROTOCOLS[protocol])
    feed(kafka_bootstrap, plan.source, range(600))
    run_once(kafka_bootstrap, tmp_path, plan, list(range(600)), 6)


def test_should_be_able_to_commit_multiple_partition_offsets(
    kafka_bootstrap: str, tmp_path: Path, protocol: str
) -> None:
    plan = new_plan(kafka_bootstrap, "offsets", PROTOCOLS[protocol])
    feed(kafka_bootstrap, plan.source, range(600))
    run_once(kafka_bootstrap, tmp_path, plan, list(range(600)), 6, no_lag=True)


def test_should_be_able_to_perform_multiple_transactions(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    settings = {**PROTOCOLS[protocol], "commit_interval": 0.02, "commit_every": 10}
    plan = new_plan(kafka_bootstrap, "many", settings, partitions=1)
    feed(kafka_bootstrap, plan.source, range(2_000))
    run_once(kafka_bootstrap, tmp_path, plan, list(range(2_000)), 1)


def test_should_not_violate_eos_if_one_task_fails(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    """One of two workers fails on an event; its partitions go to the other, which fails too, until it is mended."""
    plan = new_plan(kafka_bootstrap, "fails", PROTOCOLS[protocol], poison=["1700"], work=0.1)
    feed(kafka_bootstrap, plan.source, range(3_000))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a")
        fleet.start("b")
        for name in ("a", "b"):
            fleet.wait_end(name, 90)
        judge.read(2)
        assert 1_700 not in judge.seen
        fleet.start("a", poison=[])
        judge.wait_for(3_000, 60, fleet.members["a"].check_alive)
        assert judge.judge(range(3_000)) == PERFECT


def test_should_not_violate_eos_if_one_task_gets_fenced_using_isolated_app_instances(
    kafka_bootstrap: str, tmp_path: Path, protocol: str
) -> None:
    """One of two workers stalls past its session; the other takes over; the stalled one comes back fenced."""
    settings = {**PROTOCOLS[protocol], "transaction_timeout": 5.0}
    plan = new_plan(kafka_bootstrap, "stalls", settings, work=0.2)
    feed(kafka_bootstrap, plan.source, range(4_000))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a")
        fleet.start("b")
        fleet.wait_ready()
        judge.wait_for(500, 60, fleet.check_alive)
        fleet.members["a"].signal(signal.SIGSTOP)
        judge.wait_for(4_000, 90)
        fleet.members["a"].signal(signal.SIGCONT)
        judge.read(5)
        assert judge.judge(range(4_000)) == PERFECT
