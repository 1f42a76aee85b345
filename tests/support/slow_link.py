"""A worker whose way to the brokers is slow."""

from __future__ import annotations

from pathlib import Path

from support.broker import Broker
from support.feeding import feed
from support.fleet import Fleet
from support.judge import PERFECT, Judge
from support.plan import new_plan


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
