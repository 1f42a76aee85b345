"""A stream joined with a table that other events write, and one taken by another key, while workers are killed."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support import joining_worker
from support.feeding import LiveFeed
from support.fleet import Fleet
from support.joining_worker import REMAINDERS
from support.judge import Judge
from support.plan import Plan, create_topics, new_plan

from streamproc.localstack.processes import log_tail

WORKER = Path(joining_worker.__file__)
RANGE = {"assignment": "range", "session_timeout": 3.0}
EVENTS, KEYS = 1_200, 20


class JoinJudge(Judge):
    """Reads what joining workers have published."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.bootstrap, plan.sink)
        #: By key: how many users an event of that topic has made; and what orders have seen of them, by their number.
        self.users: defaultdict[bytes, list[int]] = defaultdict(list)
        self.orders: defaultdict[bytes, dict[int, int]] = defaultdict(dict)
        self.totals: defaultdict[bytes, list[int]] = defaultdict(list)
        #: What words have seen of them, behind the topic in between, by their total.
        self.words: defaultdict[bytes, dict[int, int]] = defaultdict(dict)
        self.torn = 0

    def number(self, message: Any) -> int:
        """Orders are numbered from EVENTS on, words from twice that, users as they come."""
        key, outcome = message.key(), json.loads(message.value())
        if "order" in outcome:
            self.orders[key][outcome["order"]] = outcome["user"]
            self.torn += outcome["user"] != outcome["again"]
            return EVENTS + int(outcome["order"])
        if "word" in outcome:
            self.totals[key].append(outcome["total"])
            self.words[key][outcome["total"]] = outcome["user"]
            self.torn += outcome["user"] != outcome["again"]
            return 2 * EVENTS + int(outcome["word"])
        self.users[key].append(outcome["user"])
        return sum(map(len, self.users.values())) - 1


def test_joins_are_exact_whatever_is_killed(kafka_bootstrap: str, tmp_path: Path) -> None:
    """kill -9 at any moment and inside a commit, a second worker, SIGTERM; all three topics live."""
    plan = new_plan(kafka_bootstrap, "joins", RANGE, partitions=4, work=0.01)
    topics = [plan.source, f"{plan.source}-orders", f"{plan.source}-words"]
    create_topics(kafka_bootstrap, *topics[1:], partitions=4)
    judge = JoinJudge(plan)

    def record(value: int) -> tuple[bytes, bytes]:
        return b"key-%d" % (value % KEYS), b"%d" % value

    with Fleet(plan, tmp_path, stable=False, script=WORKER) as fleet, ExitStack() as feeds:
        fleet.start("a")
        fleet.wait_ready("a")
        live = [feeds.enter_context(LiveFeed(kafka_bootstrap, name, range(EVENTS), 50, record)) for name in topics]
        judge.wait_for(400, 60, fleet.check_alive)
        fleet.kill("a")
        fleet.start("a")
        fleet.start("b")
        judge.wait_for(1_200, 90, fleet.check_alive)
        fleet.kill_one_in_commit("b", judge, 3 * EVENTS)
        for name in ("a", "b"):
            if not fleet.members[name].process.alive():
                fleet.start(name)
        judge.wait_for(2_400, 90, fleet.check_alive)
        fleet.stop("a")
        for feed in live:
            feed.finish(60)
        judge.wait_for(3 * EVENTS, 90, fleet.members["b"].check_alive)
        fleet.stop("b")
    assert judge.seen == dict.fromkeys(range(3 * EVENTS), 1)
    of_key = EVENTS // KEYS
    assert {key: sorted(seen) for key, seen in judge.users.items()} == {
        b"key-%d" % key: list(range(1, of_key + 1)) for key in range(KEYS)
    }
    assert judge.torn == 0, "one event has seen two states of one user"
    assert len(judge.words) == REMAINDERS
    for seen in (*judge.orders.values(), *judge.words.values()):
        in_order = [seen[number] for number in sorted(seen)]
        assert in_order == sorted(in_order), "a later one of a key has seen less than an earlier one"
        assert in_order[-1] > 0
    for key, shown in judge.totals.items():
        words = len(range(int(key.removeprefix(b"key-")), EVENTS, REMAINDERS))
        assert sorted(shown) == list(range(1, words + 1))


@pytest.mark.parametrize(
    ("settings", "partitions", "reason"),
    [
        ({"assignment": "cooperative-sticky"}, 4, "whose partitions of the same number different workers may have"),
        ({"assignment": "consumer"}, 4, "whose partitions of the same number different workers may have"),
        ({"assignment": "range"}, 5, "both must have as many"),
    ],
)
def test_topics_that_are_not_kept_together_are_refused_at_the_start(
    kafka_bootstrap: str, tmp_path: Path, settings: dict[str, str], partitions: int, reason: str
) -> None:
    """Before the worker joins its group, with the reason."""
    plan = new_plan(kafka_bootstrap, "apart", settings, partitions=4)
    create_topics(kafka_bootstrap, f"{plan.source}-orders", partitions=partitions)
    create_topics(kafka_bootstrap, f"{plan.source}-words", partitions=4)
    with Fleet(plan, tmp_path, stable=False, script=WORKER) as fleet:
        fleet.start("a")
        fleet.wait_end("a", 60)
        text = fleet.members["a"].log_text()
        assert reason in text, log_tail(fleet.members["a"].log, 40)
        assert "[^Worker]: Ready" not in text
        assert "assigned" not in text.lower()
