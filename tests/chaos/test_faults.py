"""Zombies, a dead broker and a frozen network: what is in doubt is neither lost nor done twice."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from support.broker import Broker
from support.feeding import Feeding, feed
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge
from support.plan import new_plan
from support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)
EVENTS = 8_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("where", ["anywhere", "in its commit"])
def test_zombie_with_a_random_transactional_id(
    broker: Broker, tmp_path: Path, protocol: str, where: str, feeding: Feeding
) -> None:
    """SIGSTOP past the session, takeover and commit by another, SIGCONT: the zombie's transaction is never seen."""
    settings = {**PROTOCOLS[protocol], "transaction_timeout": 5.0}
    plan = new_plan(broker.direct, f"zombie-{protocol}", settings, work=0.2)
    feeding.feed(broker.direct, plan.source, range(EVENTS))
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a")
        fleet.start("b")
        fleet.wait_ready()
        judge.wait_for(500, 60, fleet.check_alive)
        if where == "in its commit":
            assert fleet.hold("a")
        fleet.members["a"].signal(signal.SIGSTOP)
        judge.wait_for(EVENTS, 120)  # the other does all the rest
        fleet.release("a")
        fleet.members["a"].signal(signal.SIGCONT)
        judge.read(8.0)
        fleet.check_alive()
        assert judge.judge(range(EVENTS)) == PERFECT
        # The zombie came back to life as a member: it works again.
        feeding.feed(broker.direct, plan.source, range(EVENTS, 2 * EVENTS))
        judge.wait_for(2 * EVENTS, 120, fleet.check_alive)
        assert judge.judge(range(2 * EVENTS)) == PERFECT


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("where", ["anywhere", "in its commit"])
def test_zombie_with_a_stable_transactional_id(broker: Broker, tmp_path: Path, protocol: str, where: str) -> None:
    """A worker of the same name takes over and the zombie wakes: one of the two is fenced, says so and ends.

    Which one is Kafka's choice: usually the zombie, but when it finds its session over before it hears that it is
    fenced, it joins anew under the name, and fences its successor.
    """
    plan = new_plan(broker.direct, f"fenced-{protocol}", PROTOCOLS[protocol], work=0.2)
    feed(broker.direct, plan.source, range(EVENTS))
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        settings = {**plan.settings, "group_instance_id": "one"}
        zombie = fleet.start("zombie", settings=settings)
        fleet.wait_ready()
        judge.wait_for(500, 60, fleet.check_alive)
        if where == "in its commit":
            assert fleet.hold("zombie")
        zombie.signal(signal.SIGSTOP)
        successor = fleet.start("successor", settings=settings)
        judge.wait_for(1_500, 120, successor.check_alive)
        fleet.release("zombie")
        zombie.signal(signal.SIGCONT)
        both = (zombie, successor)
        wait_for(lambda: not all(member.process.alive() for member in both), "the end of one", 60)
        [ended] = [member for member in both if not member.process.alive()]
        [survivor] = [member for member in both if member.process.alive()]
        assert "The worker stops" in ended.log_text()
        judge.wait_for(EVENTS, 120, survivor.check_alive)
        assert judge.judge(range(EVENTS)) == PERFECT


def test_partitions_lost(broker: Broker, tmp_path: Path, feeding: Feeding) -> None:
    """A worker that is thrown out of its group aborts, forgets and joins again; nobody else is there to take over."""
    settings = {**PROTOCOLS["classic"], "transaction_timeout": 5.0}
    plan = new_plan(broker.direct, "lost", settings, work=0.2)
    feeding.feed(broker.direct, plan.source, range(EVENTS))
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        only = fleet.start("only")
        fleet.wait_ready()
        for _ in range(3):
            judge.wait_for(len(judge.seen) + 500, 60, fleet.check_alive)
            only.signal(signal.SIGSTOP)
            time.sleep(7)
            only.signal(signal.SIGCONT)
        judge.wait_for(EVENTS, 120, fleet.check_alive)
        assert "Lost " in only.log_text()
        assert judge.judge(range(EVENTS)) == PERFECT


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("down", [1, 20])
def test_broker_killed_with_a_transaction_open(
    broker: Broker, tmp_path: Path, protocol: str, down: float, feeding: Feeding
) -> None:
    """kill -9 of the broker while a worker is about to commit."""
    plan = new_plan(broker.direct, f"broker-{protocol}", PROTOCOLS[protocol], work=0.2)
    feeding.feed(broker.direct, plan.source, range(EVENTS))
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a")
        fleet.start("b")
        fleet.wait_ready()
        judge.wait_for(1_000, 60, fleet.check_alive)
        assert fleet.hold("a")
        broker.part.kill()
        fleet.release("a")
        time.sleep(down)
        fleet.check_alive()
        broker.part.start()
        judge.wait_for(EVENTS, 180, fleet.check_alive)
        assert judge.judge(range(EVENTS)) == PERFECT


@pytest.mark.parametrize("cut", [True, False], ids=["then cut", "then late"])
@pytest.mark.parametrize("frozen", ["requests", "answers"])
@pytest.mark.parametrize("seconds", [3, 13])
def test_commit_into_a_frozen_network(broker: Broker, tmp_path: Path, frozen: str, seconds: float, cut: bool) -> None:
    """The commit never arrives, or its answer never does: shorter and longer than the transaction's timeout."""
    settings = {
        **PROTOCOLS["classic"],
        "session_timeout": 30.0,
        "transaction_timeout": 6.0,
        "max_in_flight": 1_000,  # or everything is finished while the network is frozen
        "librdkafka": {"socket.timeout.ms": 4000},
    }
    plan = new_plan(broker.direct, "frozen", settings, work=0.2)
    feed(broker.direct, plan.source, range(EVENTS))
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path, stable=False) as fleet:
        fleet.start("a", bootstrap=broker.proxied)
        fleet.wait_ready()
        for _ in range(2):
            judge.wait_for(len(judge.seen) + 500, 60, fleet.check_alive)
            assert fleet.hold("a")
            broker.proxy.freeze(requests=frozen == "requests", answers=frozen == "answers")
            fleet.release("a")
            time.sleep(seconds)
            broker.proxy.thaw(cut=cut)
            fleet.check_alive()
        judge.wait_for(EVENTS, 180, fleet.check_alive)
        assert judge.judge(range(EVENTS)) == PERFECT


def test_a_call_that_never_returns_stops_the_worker(broker: Broker, tmp_path: Path) -> None:
    """A worker that cannot commit any more says so and ends, and its successor goes on."""
    plan = new_plan(broker.direct, "stuck", PROTOCOLS["classic"], work=0.2)
    feed(broker.direct, plan.source, range(2_000))
    judge = Judge(broker.direct, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        fleet.wait_ready()
        judge.wait_for(200, 60, fleet.check_alive)
        assert fleet.hold("a")
        fleet.wait_end("a", 120)
        assert "librdkafka did not return from a call within" in member.log_text()
        fleet.start("a")
        judge.wait_for(2_000, 60, fleet.check_alive)
        assert judge.judge(range(2_000)) == PERFECT
