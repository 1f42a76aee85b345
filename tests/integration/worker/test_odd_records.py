"""Odd whole records (keys, header names, timestamps, compression), with good values and bad: each has one outcome."""

from __future__ import annotations

import random

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from support.activities import activity, phrase, result, value
from support.holes import hole
from support.raw_records import send_raw
from support.topics_of_test import PARTITIONS, TestTopics
from support.whole_records import odd_records
from support.worker_process import WorkerProcess, run

from streamproc.localstack.stack import Addresses

COUNT = 120


@hole("B3", "B4", "B6")
def test_each_has_one_outcome(
    worker: WorkerProcess, topics: TestTopics, settings: dict[str, str], stack: Addresses, schema_id: int
) -> None:
    take_any_timestamp(stack.kafka_bootstrap, topics.activities)
    good = value(activity(phrase()), schema_id)

    def content(chance: random.Random) -> bytes | None:
        return chance.choice((good, good, good[:40], b"junk", None))

    records = list(odd_records(COUNT, 1, content, PARTITIONS))
    places = send_raw(stack.kafka_bootstrap, topics.activities, records)

    def done() -> bool:
        return worker.metric("streamproc_results_total") + worker.metric("streamproc_dead_letters_total") >= COUNT

    worker.wait_for(done, "an outcome of each", 90)
    letters = topics.read_letters(int(worker.metric("streamproc_dead_letters_total")))
    sources = [letter.source for letter in letters]
    results = topics.read(topics.results, COUNT - len(letters))
    of_results = [result(record.value or b"").source for record in results]
    sources += [(source.partition, source.offset) for source in of_results]
    assert sorted(sources) == sorted(places), "a record is lost, or has two outcomes"
    odd = {
        place for place, record in zip(places, records, strict=True) if any(not is_utf8(n) for n, _ in record.headers)
    }
    assert {letter.source for letter in letters if letter.error["code"] == "HEADERS_UNREADABLE"} == odd
    assert worker.is_alive
    for command in ("list", "stats"):
        looked = run(settings, "dlq", command)
        assert looked.returncode == 0, looked.stderr


def is_utf8(name: bytes) -> bool:
    try:
        # A NUL ends a name: librdkafka has names as C has them.
        name.split(b"\0")[0].decode()
    except UnicodeDecodeError:
        return False
    return True


def take_any_timestamp(bootstrap: str, topic: str) -> None:
    limit = "message.timestamp.after.max.ms"
    entry = ConfigEntry(limit, str(2**63 - 1), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.incremental_alter_configs([resource])[resource].result(10)
