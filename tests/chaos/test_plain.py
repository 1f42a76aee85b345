"""Plain Faust agents, that let their streams acknowledge, through kills, stops, zombies and rebalances."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from chaos.harness import PERFECT, PROTOCOLS, Fleet, Judge, feed, new_plan

SCRIPT = Path(__file__).with_name("plain_worker.py")
WORKERS = ("a", "b", "c")
#: Enough to last until the last step.
EVENTS = {1: 40_000, 64: 90_000}
#: Seconds of work for an event, at most: about the same number of events per second.
WORK = {1: 0.004, 64: 0.2}
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.parametrize("protocol", PROTOCOLS),
    pytest.mark.parametrize("concurrency", WORK),
]


def test_plain_agents(kafka_bootstrap: str, tmp_path: Path, protocol: str, concurrency: int) -> None:
    """8 kill -9, 4 of them in a commit; then SIGTERM, a SIGSTOP beyond the session, a worker more and a worker less."""
    events = EVENTS[concurrency]
    plan = new_plan(
        kafka_bootstrap,
        f"plain-{protocol}-{concurrency}",
        PROTOCOLS[protocol],
        concurrency=concurrency,
        work=WORK[concurrency],
    )
    feed(kafka_bootstrap, plan.source, range(events))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=False, script=SCRIPT) as fleet:
        for name in WORKERS:
            fleet.start(name)
        fleet.wait_ready()
        for number in range(8):
            judge.wait_for(1 + number * events // 16, 180, fleet.check_alive)
            name = WORKERS[number % 3]
            fleet.wait_ready(name)
            if number % 2:
                name = fleet.kill_one_in_commit(name, judge, events)
            else:
                fleet.kill(name)
            fleet.start(name)
        judge.wait_for(events * 9 // 16, 180, fleet.check_alive)
        fleet.wait_ready()
        fleet.stop("a")
        fleet.start("a")
        judge.wait_for(events * 10 // 16, 180, fleet.members["b"].check_alive)
        zombie = fleet.members["b"]
        zombie.signal(signal.SIGSTOP)
        fleet.start("d")
        stopped_at = time.monotonic()
        while time.monotonic() < stopped_at + 10:
            judge.read(0.2)
        zombie.signal(signal.SIGCONT)
        judge.wait_for(events * 14 // 16, 180, fleet.members["c"].check_alive)
        fleet.stop("c")
        judge.wait_for(events, 180)
        assert (fleet.kills, fleet.kills_in_commit) == (8, 4)
        assert judge.judge(range(events)) == PERFECT
        # Some work was begun twice, so something was interrupted.
        begun = len(fleet.calls())
        assert begun > events
        print(f"{protocol}, concurrency {concurrency}: {fleet.kills} kills, {begun} invocations for {events} events")
