"""Tables of worker processes that are killed, on a real broker: every count exact, and published once."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from support import counting_worker
from support.counting_worker import ACCOUNTS, HOT, MONEY
from support.feeding import feed
from support.fleet import PROTOCOLS, Fleet
from support.judge import Judge
from support.plan import Plan, new_plan

WORKER = Path(counting_worker.__file__)


class CountJudge(Judge):
    """Reads what a counting worker has published."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.bootstrap, plan.sink)
        self.counts: defaultdict[bytes, list[int]] = defaultdict(list)
        self.hot: defaultdict[int, list[int]] = defaultdict(list)
        self.totals: set[int] = set()

    def number(self, message: Any) -> int:
        outcome = json.loads(message.value())
        self.counts[message.key()].append(outcome["count"])
        self.hot[outcome["partition"]].append(outcome["hot"])
        self.totals.add(outcome["total"])
        return int(outcome["value"])

    def check(self, events: int) -> None:
        """Each event once; of each key 1, 2, 3 ...; of each partition too; and all the money is there."""
        assert self.seen == dict.fromkeys(range(events), 1)
        assert all(sorted(counts) == list(range(1, len(counts) + 1)) for counts in self.counts.values())
        assert all(sorted(counts) == list(range(1, len(counts) + 1)) for counts in self.hot.values())
        assert self.totals == {MONEY * ACCOUNTS}


def changelog(plan: Plan, table: str) -> dict[tuple[int, bytes], bytes]:
    """What a read_committed reader makes of a table's changelog, by partition and key."""
    consumer = Consumer(
        {
            "bootstrap.servers": plan.bootstrap,
            "group.id": "changelog",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(f"{plan.group}-{table}-changelog", number, 0) for number in range(6)])
    found: dict[tuple[int, bytes], bytes] = {}
    quiet = time.monotonic() + 3
    while time.monotonic() < quiet:
        for message in consumer.consume(1000, 0.2):
            assert message.error() is None
            quiet = time.monotonic() + 3
            found[message.partition() or 0, message.key() or b""] = message.value() or b""
    consumer.close()
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_counts_are_exact_whatever_is_killed(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    """kill -9 at any moment, and between send_offsets_to_transaction and commit; a second worker; SIGTERM."""
    events = 3_000
    plan = new_plan(kafka_bootstrap, f"counts-{protocol}", {**PROTOCOLS[protocol], "transaction_timeout": 120.0})
    feed(kafka_bootstrap, plan.source, range(events), keys=40)
    judge = CountJudge(plan)
    with Fleet(plan, tmp_path, script=WORKER) as fleet:
        fleet.start("a")
        judge.wait_for(300, 60, fleet.check_alive)
        fleet.kill("a")
        fleet.start("a")
        judge.wait_for(800, 60, fleet.check_alive)
        assert fleet.kill_in_commit("a")
        fleet.start("a")
        fleet.start("b")
        judge.wait_for(1_800, 60, fleet.check_alive)
        fleet.stop("b")
        judge.wait_for(events, 60, fleet.members["a"].check_alive)
        fleet.stop("a")
    judge.check(events)
    counts = changelog(plan, "counts")
    assert {key: int(value) for (_, key), value in counts.items() if key != json.dumps(HOT).encode()} == {
        json.dumps(key.decode()).encode(): max(values) for key, values in judge.counts.items()
    }
    accounts = changelog(plan, "accounts")
    for partition in judge.hot:
        of_partition = [int(value) for (number, _), value in accounts.items() if number == partition]
        assert sum(of_partition) == MONEY * len(of_partition)
