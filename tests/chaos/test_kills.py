"""Workers that die, stop, join and leave: a read_committed reader sees no loss, no repetition, no disorder."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from support.feeding import Feeding, feed
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge
from support.plan import new_plan
from support.waiting import wait_for

WORKERS = ("a", "b", "c")
pytestmark = [pytest.mark.timeout(900), pytest.mark.parametrize("protocol", PROTOCOLS)]


def test_twenty_kills(kafka_bootstrap: str, tmp_path: Path, protocol: str, feeding: Feeding) -> None:
    """20 kill -9, 10 of them between send_offsets_to_transaction and commit; live, half as many."""
    events = feeding.events(60_000, live=24_000)
    kills = feeding.events(20, live=10)
    plan = new_plan(kafka_bootstrap, f"kills-{protocol}", PROTOCOLS[protocol], work=0.25)
    feeding.feed(kafka_bootstrap, plan.source, range(events))
    judge = Judge(kafka_bootstrap, plan.sink)
    chance = random.Random(20)
    with Fleet(plan, tmp_path, stable=True) as fleet:
        for name in WORKERS:
            fleet.start(name)
        fleet.wait_ready()
        for number in range(kills):
            judge.wait_for(1 + number * events // (kills * 5 // 4), 300, fleet.check_alive)
            name = WORKERS[number % 3]
            fleet.wait_ready(name)
            if number % 2:
                name = fleet.kill_one_in_commit(name, judge, events)
            else:
                judge.read(chance.uniform(0, 0.5))
                fleet.kill(name)
            fleet.start(name)
        judge.wait_for(events, 400, fleet.check_alive)
        assert (fleet.kills, fleet.kills_in_commit) == (kills, kills // 2)
        assert len(judge.seen) == events
        assert judge.judge(range(events)) == PERFECT
        print(f"{protocol}: {fleet.kills} kills, {fleet.kills_in_commit} in a commit; {len(fleet.calls())} invocations")


def test_killed_between_the_rounds_of_a_rebalance(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    """What a named worker was about to give up when it died finds an owner once it is back."""
    settings = {**PROTOCOLS[protocol], "session_timeout": 60.0}  # the group must not be mended by its end
    plan = new_plan(kafka_bootstrap, f"rounds-{protocol}", settings)
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=True) as fleet:
        first = fleet.start("a")
        feed(kafka_bootstrap, plan.source, range(1_000))
        judge.wait_for(1_000, 60, fleet.check_alive)
        (first.folder / "die").touch()
        fleet.start("b")
        fleet.wait_end("a", 60)
        fleet.start("a")
        feed(kafka_bootstrap, plan.source, range(1_000, 3_000))
        judge.wait_for(3_000, 30, fleet.check_alive)
        fleet.wait_ready()
        assert judge.judge(range(3_000)) == PERFECT


def test_kills_with_random_transactional_ids(
    kafka_bootstrap: str, tmp_path: Path, protocol: str, feeding: Feeding
) -> None:
    """Dynamic members: a dead worker's transaction stays open until its timeout, and nobody reads past it."""
    events = feeding.events(60_000, live=16_000)
    settings = {**PROTOCOLS[protocol], "transaction_timeout": 5.0}
    plan = new_plan(kafka_bootstrap, f"random-{protocol}", settings, work=0.2)
    feeding.feed(kafka_bootstrap, plan.source, range(events))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        for name in WORKERS:
            fleet.start(name)
        fleet.wait_ready()
        for number in range(4):
            judge.wait_for(1 + number * events // 5, 120, fleet.check_alive)
            name = WORKERS[number % 3]
            fleet.wait_ready(name)
            if number % 2:
                name = fleet.kill_one_in_commit(name, judge, events)
            else:
                fleet.kill(name)
            fleet.start(name)
        judge.wait_for(events, 120, fleet.check_alive)
        assert judge.judge(range(events)) == PERFECT


def test_rolling_restarts(kafka_bootstrap: str, tmp_path: Path, protocol: str, feeding: Feeding) -> None:
    """SIGTERM, again and again: what is in progress is finished and committed, so nothing is done twice either."""
    events = feeding.events(20_000, live=16_000)
    plan = new_plan(kafka_bootstrap, f"rolling-{protocol}", PROTOCOLS[protocol])
    feeding.feed(kafka_bootstrap, plan.source, range(events))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        for name in WORKERS:
            fleet.start(name)
        fleet.wait_ready()
        for number in range(6):
            judge.wait_for(1 + number * events // 8, 120, fleet.check_alive)
            name = WORKERS[number % 3]
            fleet.wait_ready(name)
            fleet.stop(name)
            fleet.start(name)
        judge.wait_for(events, 120, fleet.check_alive)
        assert judge.judge(range(events)) == PERFECT
        assert len(fleet.calls()) == events


def test_workers_join_and_leave(kafka_bootstrap: str, tmp_path: Path, protocol: str, feeding: Feeding) -> None:
    """Dynamic members come and go: partitions move between workers that all go on."""
    events = feeding.events(60_000, live=24_000)
    plan = new_plan(kafka_bootstrap, f"joining-{protocol}", PROTOCOLS[protocol], work=0.1)
    feeding.feed(kafka_bootstrap, plan.source, range(events))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a")
        fleet.wait_ready()
        for number in range(4):
            judge.wait_for(1 + number * events // 7, 120, fleet.check_alive)
            joined = f"guest-{number}"
            fleet.start(joined)
            fleet.wait_ready(joined)
            calls = tmp_path / joined / "calls"
            wait_for(lambda calls=calls: calls.stat().st_size, f"{joined}'s first event", 20)  # type: ignore[misc]
            judge.read(1.0)
            fleet.stop(joined)
            del fleet.members[joined]
        judge.wait_for(events, 120, fleet.check_alive)
        assert judge.judge(range(events)) == PERFECT
        assert len(fleet.calls()) == events


def test_two_rebalances_at_once(kafka_bootstrap: str, tmp_path: Path, protocol: str, feeding: Feeding) -> None:
    """A rebalance with transactions open: one worker is held before its commit while another joins and one dies."""
    events = feeding.events(15_000, live=8_000)
    plan = new_plan(kafka_bootstrap, f"open-{protocol}", PROTOCOLS[protocol], work=0.3)
    feeding.feed(kafka_bootstrap, plan.source, range(events))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a")
        fleet.start("b")
        fleet.wait_ready()
        judge.wait_for(500, 60, fleet.check_alive)
        assert fleet.hold("a")
        fleet.start("c")
        fleet.wait_ready("c")
        time.sleep(3)
        fleet.release("a")
        judge.wait_for(2_000, 60, fleet.check_alive)
        assert fleet.hold("b")
        fleet.kill("a")
        fleet.start("a")
        time.sleep(4)
        fleet.release("b")
        judge.wait_for(events, 120, fleet.check_alive)
        assert judge.judge(range(events)) == PERFECT
