"""Plain Faust agents, that let their streams acknowledge, through kills, stops, zombies and rebalances."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.feeding import Feeding
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge
from support.plan import new_plan

SCRIPT = Path(__file__).with_name("plain_worker.py")
WORKERS = ("a", "b", "c")


@dataclass(frozen=True)
class Style:
    """A kind of agent: how many events at once, and by whom they are acknowledged."""

    concurrency: int
    #: Seconds of work for an event, at most: about the same number of events per second.
    work: float
    #: Enough events to last until the last step, when all are there before.
    filled: int
    noack: bool = False


#: As many as to last so long when they come live.
LIVE = 24_000
STYLES = {
    "alone": Style(1, 0.004, 40_000),
    "concurrent": Style(64, 0.2, 90_000),
    "noack": Style(64, 0.2, 90_000, noack=True),
}
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.parametrize("protocol", PROTOCOLS),
    # Tasks of the agent's own are like `each` when all input is there: see test_kills.py.
    pytest.mark.parametrize(
        ("style", "feeding"),
        [("alone", "filled"), ("concurrent", "filled"), ("alone", "live"), ("concurrent", "live"), ("noack", "live")],
        indirect=["feeding"],
    ),
]


def test_plain_agents(kafka_bootstrap: str, tmp_path: Path, protocol: str, style: str, feeding: Feeding) -> None:
    """8 kill -9, 4 of them in a commit; then SIGTERM, a SIGSTOP beyond the session, a worker more and a worker less."""
    kind = STYLES[style]
    events = feeding.events(kind.filled, live=LIVE)
    plan = new_plan(
        kafka_bootstrap,
        f"plain-{protocol}",
        PROTOCOLS[protocol],
        concurrency=kind.concurrency,
        noack=kind.noack,
        work=kind.work,
    )
    feeding.feed(kafka_bootstrap, plan.source, range(events))
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
        print(f"{protocol}, {style}: {fleet.kills} kills, {begun} invocations for {events} events")
