"""Runs the worker that sends odd records, and judges that each event has one outcome."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from support.fleet import Fleet
from support.plan import create_topics, new_plan
from support.raw_records import RawRecord, send_raw
from support.whole_records import odd_records

WORKER = Path(__file__).with_name("odd_sends_worker.py")
PARTITIONS = 3
#: Any timestamp may be written to it.
ANY_TIME = {"message.timestamp.after.max.ms": str(2**63 - 1)}


def outcomes_of(bootstrap: str, folder: Path, *, guarantee: str, sends: int, copies: int, seed: int) -> Counter[str]:
    """What became of so many odd sends, and copies of odd records: how often each. One event without a note fails."""
    plan = new_plan(bootstrap, "odd", {"ordering": "unordered"}, partitions=PARTITIONS, guarantee=guarantee)
    source, notes = f"{plan.source}-any", f"{plan.sink}-notes"
    create_topics(bootstrap, source, partitions=PARTITIONS, config=ANY_TIME)
    create_topics(bootstrap, notes, partitions=PARTITIONS)
    plan = replace(plan, source=source, letters=notes)
    records = [RawRecord(value=b"%d" % (seed * 1_000_000 + n), partition=n % PARTITIONS) for n in range(sends)]
    records += odd_records(copies, seed, lambda chance: chance.choice((b"v", b"", None)), PARTITIONS)
    places = send_raw(bootstrap, source, records)
    with Fleet(plan, folder, script=WORKER) as fleet:
        member = fleet.start("a")
        found = _notes(bootstrap, notes, len(places), member.check_alive, repeated=guarantee != "exactly_once")
        fleet.stop("a")
        log = member.log_text()
    assert sorted(found) == sorted(b"%d:%d" % place for place in places), "an event is lost, or has two outcomes"
    assert "Segmentation fault" not in log
    return Counter(found.values())


def _notes(bootstrap: str, topic: str, count: int, alive: Any, *, repeated: bool) -> dict[bytes, str]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    found: dict[bytes, str] = {}
    deadline = time.monotonic() + 60 + count / 20
    while len(found) < count:
        alive()
        assert time.monotonic() < deadline, f"{len(found)} of {count} events have an outcome"
        for message in consumer.consume(1000, 0.2):
            assert message.error() is None, message.error()
            key: Any = message.key()
            value: Any = message.value()
            assert repeated or key not in found, f"two outcomes of {key!r}: {found[key]}, {value!r}"
            found[key] = value.decode()
    consumer.close()
    return found
