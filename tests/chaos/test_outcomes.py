"""Outcomes that cannot be: too large for the broker, or of an agent that raises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.feeding import feed
from support.fleet import PROTOCOLS, Fleet
from support.judge import PERFECT, Judge
from support.plan import create_topics, new_plan

pytestmark = pytest.mark.timeout(300)
COUNT = 6_000
LARGE = ["100", "101", "2500", "5999"]
#: An outcome of 2 MB: by the default limit the broker refuses its batch, with this one librdkafka the message itself.
REFUSES: dict[str, dict[str, Any]] = {"client": {"librdkafka": {"message.max.bytes": 1_000_000}}, "broker": {}}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("refuses", REFUSES)
def test_outcomes_too_large(kafka_bootstrap: str, tmp_path: Path, protocol: str, refuses: str) -> None:
    """Each becomes a letter, though workers are killed meanwhile; the events around it lose nothing."""
    plan = new_plan(kafka_bootstrap, f"large-{protocol}", {**PROTOCOLS[protocol], **REFUSES[refuses]}, large=LARGE)
    letters = f"{plan.sink}-letters"
    create_topics(kafka_bootstrap, letters)
    feed(kafka_bootstrap, plan.source, range(COUNT))
    judge, postman = Judge(kafka_bootstrap, plan.sink), Judge(kafka_bootstrap, letters)
    rest = [value for value in range(COUNT) if str(value) not in LARGE]
    with Fleet(plan, tmp_path) as fleet:
        for number in range(3):
            fleet.start("a", letters=letters)
            fleet.wait_ready()
            judge.wait_for(min(len(rest), 1 + number * 2_000), 60, fleet.check_alive)
            if number < 2:
                fleet.kill("a")
        judge.wait_for(len(rest), 60, fleet.check_alive)
        assert judge.judge(rest) == PERFECT
        assert postman.judge(map(int, LARGE)) == PERFECT


# A broker's refusal comes with the batch, while up to 64 of the events before are still worked on.
@pytest.mark.parametrize(("refuses", "finished"), [("client", 100), ("broker", 100 - 64)])
def test_an_outcome_too_large_stops_a_worker_without_a_handler(
    kafka_bootstrap: str, tmp_path: Path, refuses: str, finished: int
) -> None:
    """The reason is said, and what was finished before is committed."""
    # One partition: of several, one may be far behind the others when its turn comes.
    plan = new_plan(kafka_bootstrap, "large-stop", REFUSES[refuses], partitions=1, large=["100"])
    feed(kafka_bootstrap, plan.source, range(200))
    judge = Judge(kafka_bootstrap, plan.sink, partitions=1)
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        fleet.wait_end("a", 60)
        assert "Kafka refuses an outcome" in member.log_text()
        assert "MSG_SIZE_TOO_LARGE" in member.log_text()
        judge.read(2)
        assert 100 not in judge.seen
        assert len(judge.seen) >= finished
        assert max(judge.seen.values()) == 1


@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
def test_an_agent_that_raises_stops_the_worker(kafka_bootstrap: str, tmp_path: Path, guarantee: str) -> None:
    """The default: what the event had sent is discarded, the others' outcomes are kept, the reason is said."""
    plan = new_plan(kafka_bootstrap, "raise-stop", poison=["100"], guarantee=guarantee)
    feed(kafka_bootstrap, plan.source, range(200))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        fleet.wait_end("a", 60)
        assert "the agent raised ValueError, and on_raise is 'stop'" in member.log_text()
        judge.read(2)
        assert 100 not in judge.seen
        fleet.start("a", poison=[])  # mended
        judge.wait_for(200, 60, fleet.check_alive)
        if guarantee == "exactly_once":
            assert judge.judge(range(200)) == PERFECT


def test_an_agent_that_raises_skips_the_event(kafka_bootstrap: str, tmp_path: Path) -> None:
    """Nothing of the event is seen, and the worker goes on."""
    plan = new_plan(kafka_bootstrap, "raise-skip", {"on_raise": "skip"}, poison=["100", "101"])
    feed(kafka_bootstrap, plan.source, range(1_000))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        judge.wait_for(998, 60, fleet.check_alive)
        fleet.stop("a")
        fleet.start("a")
        fleet.wait_ready()
        assert judge.judge(set(range(1_000)) - {100, 101}) == PERFECT
        assert len(fleet.calls()) == 1_000


def test_an_agent_that_raises_is_called_again(kafka_bootstrap: str, tmp_path: Path) -> None:
    """Only its key waits for it."""
    plan = new_plan(kafka_bootstrap, "raise-retry", {"on_raise": "retry", "retry_backoff": 0.2}, poison=["100"])
    feed(kafka_bootstrap, plan.source, range(1_000))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        fleet.start("a")
        judge.wait_for(995, 60, fleet.check_alive)  # 300, 500, 700 and 900 have the same key
        judge.read(1.0)
        assert not {100, 300, 500, 700, 900} & judge.seen.keys()
        assert sum(1 for value, _ in fleet.calls() if value == 100) > 2
        fleet.kill("a")
        fleet.start("a", poison=[])
        judge.wait_for(1_000, 60, fleet.check_alive)
        assert judge.judge(range(1_000)) == PERFECT


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_event_of_30_s_causes_no_rebalance(kafka_bootstrap: str, tmp_path: Path, protocol: str) -> None:
    """max.poll.interval is 6 s: the poll thread polls whatever the agents do."""
    settings = {**PROTOCOLS[protocol], "max_poll_interval": 6.0, "drain_timeout": 2.0}
    plan = new_plan(kafka_bootstrap, f"asleep-{protocol}", settings, slow={"50": 30.0}, concurrency=1)
    feed(kafka_bootstrap, plan.source, range(100))
    judge = Judge(kafka_bootstrap, plan.sink)
    with Fleet(plan, tmp_path) as fleet:
        member = fleet.start("a")
        judge.wait_for(100, 90, fleet.check_alive)
        assert judge.judge(range(100)) == PERFECT
        assert len(fleet.calls()) == 100
        assert "Lost" not in member.log_text()
