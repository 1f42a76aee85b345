"""Three brokers that die, freeze and come back while transactions are open: leaders and coordinators move.

Everything is on three brokers and acknowledged by two, so losing any one of them may lose nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.feeding import feed
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge, Judgement
from support.plan import Plan, new_plan

from chaos.cluster import GROUPS, TRANSACTIONS, Cluster, Node, Role

WORKERS = ("a", "b", "c")
PARTITIONS = 6
#: Seconds that outlast the move of a coordinator, as the default does.
LONG_SESSION = {"session_timeout": 20.0}
pytestmark = [pytest.mark.timeout(240), pytest.mark.parametrize("protocol", PROTOCOLS)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of this module's own."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    """The cluster, whole, whatever the last test has left of it."""
    running.mend()
    return running


@dataclass
class Siege:
    """A fleet at work while brokers fail, and what that did."""

    cluster: Cluster
    fleet: Fleet
    judge: Judge
    #: Events published.
    fed: int = 0
    #: The nodes that failed.
    struck: list[int] = field(default_factory=list)
    #: How many partitions of each topic got another leader by that.
    leaders_moved: Counter[str] = field(default_factory=Counter)
    _leaders: dict[tuple[str, int], int] = field(default_factory=dict)

    def launch(self) -> None:
        """Start the workers and see them commit."""
        for name in WORKERS:
            self.fleet.start(name)
        self.feed(600)
        self.judge.wait_for(600, 60, self.fleet.check_alive)

    def feed(self, count: int) -> None:
        """Publish more events."""
        feed(self.cluster.bootstrap, self.fleet.plan.source, range(self.fed, self.fed + count))
        self.fed += count

    def hold(self, worker: str, role: Role) -> Node:
        """Stop a worker between send_offsets_to_transaction and commit. Returns the node that has the role then."""
        assert self.fleet.hold(worker, 30)
        self._leaders = self.cluster.leaders()
        return self.cluster.holder(role)

    def outlast(self, role: Role, node: Node) -> None:
        """Wait until a node that failed has been relieved of its role; count what else has moved."""
        self.cluster.wait_moved(role, node)
        leaders = self.cluster.leaders()
        self.leaders_moved.update(tp[0] for tp, leader in self._leaders.items() if leaders[tp] != leader)
        self.struck.append(node.number)

    def relaunch(self, worker: str, first: Node) -> None:
        """Kill -9 a worker and start it again, its URL naming this node first."""
        self.fleet.kill(worker)
        self.fleet.start(worker, bootstrap=self.cluster.bootstrap_from(first))

    def recover(self) -> None:
        """Have all brokers and workers at work again."""
        self.cluster.mend()
        self.fleet.wait_ready()

    def verdict(self) -> Judgement:
        """Wait for all outcomes, and judge them."""
        self.judge.wait_for(self.fed, 120, self.fleet.check_alive)
        verdict = self.judge.judge(range(self.fed))
        print(f"{self.fed} events, {self.account()}; {verdict}")
        return verdict

    @property
    def aborted(self) -> int:
        """Transactions that the workers gave up and formed anew."""
        return self.fleet.logged("Transaction aborted")

    @property
    def in_doubt(self) -> int:
        """Commits of which only the group's progress could tell whether they took effect."""
        return self.fleet.logged("A commit is in doubt")

    def account(self) -> str:
        """What it came to."""
        return (
            f"brokers {self.struck} failed, {self.leaders_moved.total()} leaders moved, {self.fleet.kills} workers "
            f"killed; {self.aborted} transactions aborted, {self.in_doubt} in doubt, "
            f"{self.fleet.logged('the same call again')} calls made again"
        )


def roles_of_three_nodes(cluster: Cluster, plan: Plan) -> tuple[str, Role, Role, Role]:
    """A worker and its transaction coordinator, the group coordinator, and a leader of the source: on three nodes."""
    group = cluster.group_coordinator(plan.group)
    taken = {cluster.holder(group).number}
    coordinators = [(name, cluster.transaction_coordinator(f"{plan.group}-{name}")) for name in WORKERS]
    worker, transactions = next(each for each in coordinators if cluster.holder(each[1]).number not in taken)
    taken.add(cluster.holder(transactions).number)
    leaders = [cluster.leadership(plan.source, number) for number in range(PARTITIONS)]
    source = next(role for role in leaders if cluster.holder(role).number not in taken)
    return worker, transactions, group, source


def test_each_broker_dies_with_a_transaction_open(cluster: Cluster, tmp_path: Path, protocol: str) -> None:
    """kill -9 of a transaction coordinator, the group coordinator and a leader of the source, and of workers."""
    settings = PROTOCOLS[protocol] | (LONG_SESSION if protocol == "classic" else {})
    plan = new_plan(cluster.bootstrap, f"deaths-{protocol}", settings, replication=3, concurrency=8)
    with Fleet(plan, tmp_path) as fleet:
        siege = Siege(cluster, fleet, Judge(cluster.bootstrap, plan.sink))
        siege.launch()
        worker, transactions, group, source = roles_of_three_nodes(cluster, plan)

        # The commit is sent, and its coordinator dies before it reads it.
        siege.feed(10_000)
        node = siege.hold(worker, transactions)
        node.freeze()
        fleet.release(worker)
        siege.judge.read(0.5)
        node.kill()
        siege.outlast(transactions, node)
        siege.relaunch("b", first=node)
        siege.recover()

        # The commit is asked for when the group's coordinator, who has its offsets, has moved.
        siege.feed(10_000)
        node = siege.hold("a", group)
        node.kill()
        siege.outlast(group, node)
        fleet.release("a")
        siege.relaunch("c", first=node)
        siege.recover()

        # The commit is never asked for: its worker dies with the leader.
        siege.feed(10_000)
        node = siege.hold("c", source)
        node.kill()
        siege.relaunch("c", first=node)
        siege.outlast(source, node)
        siege.recover()

        assert siege.verdict() == PERFECT
        assert sorted(siege.struck) == [1, 2, 3]
        assert fleet.kills == 3
        # Each blow fell while a worker's transaction was held open, and took its coordinator or its leader away.
        assert {TRANSACTIONS, GROUPS, plan.source, plan.sink} <= siege.leaders_moved.keys()


@pytest.mark.parametrize("frozen", ["transaction coordinator", "group coordinator"])
def test_a_frozen_broker_wakes(cluster: Cluster, tmp_path: Path, protocol: str, frozen: str) -> None:
    """SIGSTOP past the broker's session, SIGCONT: it still believes that it leads, and has requests to answer."""
    settings = PROTOCOLS[protocol] | (LONG_SESSION if protocol == "classic" else {})
    plan = new_plan(cluster.bootstrap, f"frozen-{protocol}", settings, replication=3, concurrency=8)
    # A named worker, whose coordinator is known; but no names where the group's coordinator freezes: librdkafka's
    # static members then come back as somebody else, and find their own names taken.
    with Fleet(plan, tmp_path, stable=frozen == "transaction coordinator") as fleet:
        siege = Siege(cluster, fleet, Judge(cluster.bootstrap, plan.sink))
        siege.launch()
        worker, transactions, group, _ = roles_of_three_nodes(cluster, plan)
        role = transactions if fleet.stable else group
        siege.feed(10_000)
        node = siege.hold(worker, role)
        node.freeze()
        fleet.release(worker)
        siege.outlast(role, node)
        siege.judge.read(4.0)
        node.thaw()
        siege.judge.read(1.0)
        siege.recover()

        assert siege.verdict() == PERFECT
        assert {TRANSACTIONS, GROUPS, plan.source, plan.sink} <= siege.leaders_moved.keys()


def test_the_first_broker_of_the_url_is_dead(cluster: Cluster, tmp_path: Path, protocol: str) -> None:
    """A worker starts by way of the others."""
    plan = new_plan(cluster.bootstrap, f"first-{protocol}", PROTOCOLS[protocol], replication=3)
    feed(cluster.bootstrap, plan.source, range(2_000))
    dead = cluster.nodes[0]
    dead.kill()
    judge = Judge(cluster.bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a", bootstrap=cluster.bootstrap_from(dead))
        judge.wait_for(2_000, 60, fleet.check_alive)
        assert judge.judge(range(2_000)) == PERFECT
    assert not dead.serves
