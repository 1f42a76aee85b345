"""Exactly-once through worker processes that are killed, on a real broker; the short selection of tests/chaos."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.feeding import feed
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge
from support.plan import new_plan


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_worker_killed_twice(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    """kill -9 at any moment, and between send_offsets_to_transaction and commit.

    The name is stable, and so the transactional id: the successor ends the open transaction at once, and does not wait
    for its timeout.
    """
    count = 5_000  # two seconds of work: some must be left when a kill is due
    plan = new_plan(kafka_bootstrap, f"killed-{protocol}", {**PROTOCOLS[protocol], "transaction_timeout": 120.0})
    feed(kafka_bootstrap, plan.source, range(count))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        judge.wait_for(300, 60, fleet.check_alive)
        fleet.kill("a")
        fleet.start("a")
        judge.wait_for(800, 60, fleet.check_alive)
        assert fleet.kill_in_commit("a")
        fleet.start("a")
        judge.wait_for(count, 60, fleet.check_alive)
        fleet.stop("a")
        assert judge.judge(range(count)) == PERFECT
        # The kills did interrupt work: some events were begun more than once.
        assert len(fleet.calls()) > count
