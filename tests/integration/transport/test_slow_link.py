"""A backlog that the way to the brokers cannot carry within a transaction's timeout."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos.conftest import Broker, broker
from chaos.harness import PERFECT, Fleet, Judge, feed, new_plan
from support.holes import hole

__all__ = ["broker"]


def commit_all(broker: Broker, folder: Path, *, events: int, rate: float, timeout: float, patience: float) -> None:
    """Have a worker copy events of 3 kB over a link of so many bytes a second."""
    plan = new_plan(broker.direct, "slow", {"transaction_timeout": timeout}, work=0.0)
    feed(broker.direct, plan.source, range(events), pad=3_000)
    judge = Judge(broker.direct, plan.sink)
    broker.proxy.throttle(rate)
    try:
        with Fleet(plan, folder) as fleet:
            fleet.start("a", bootstrap=broker.proxied)
            judge.wait_for(events, patience, fleet.check_alive)
            assert judge.judge(range(events)) == PERFECT
    finally:
        broker.proxy.throttle(None)


@hole("B7")
@pytest.mark.timeout(150)
def test_it_is_committed_in_parts(broker: Broker, tmp_path: Path) -> None:
    """6 MB at once would take 6 s, the timeout is 2 s."""
    commit_all(broker, tmp_path, events=2_000, rate=1e6, timeout=2.0, patience=100)
