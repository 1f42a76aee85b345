"""Connections of a quiet worker stay open: the next event does not wait until they are back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.feeding import feed
from support.fleet import Fleet, Member
from support.holes import hole
from support.judge import Judge
from support.plan import new_plan


def connections(worker: Member, bootstrap: str) -> set[int]:
    """The worker's own ports of its connections to the broker: one that comes back has another."""
    process = worker.process.find()
    assert process is not None
    port = int(bootstrap.rpartition(":")[2])
    return {each.laddr.port for each in process.net_connections("tcp") if each.raddr and each.raddr.port == port}


def closed_while_quiet(bootstrap: str, folder: Path, librdkafka: dict[str, Any]) -> int:
    """How many connections of a worker end while nothing happens, for longer than a transaction may take."""
    settings = {"transaction_timeout": 2.0, "librdkafka": librdkafka}
    plan = new_plan(bootstrap, "quiet", settings, partitions=3, exact_work=0.0)
    judge = Judge(bootstrap, plan.sink, partitions=3)
    with Fleet(plan, folder) as fleet:
        worker = fleet.start("a")
        # Two: those that only lead to the others (bootstrap) are gone after the first.
        for count in (1, 2):
            feed(bootstrap, plan.source, [count])
            judge.wait_for(count, 60, fleet.check_alive)
            judge.read(0.5)
        before = connections(worker, bootstrap)
        assert before
        judge.read(3.0)
        closed = before - connections(worker, bootstrap)
    judge.close()
    return len(closed)


@hole("D1")
def test_a_quiet_worker_closes_no_connection(kafka_bootstrap: str, tmp_path: Path) -> None:
    """Of its producer the coordinator's would be missed at the next event."""
    assert closed_while_quiet(kafka_bootstrap, tmp_path, {}) == 0


def test_who_wants_idle_connections_closed_may_say_so(kafka_bootstrap: str, tmp_path: Path) -> None:
    """For a network that drops them without a word."""
    assert closed_while_quiet(kafka_bootstrap, tmp_path, {"connections.max.idle.ms": 1_000}) > 0
