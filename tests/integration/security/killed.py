"""A worker that is killed in a commit, on a Kafka that asks who it is."""

from __future__ import annotations

from pathlib import Path

from support.feeding import feed
from support.fleet import Fleet
from support.judge import PERFECT, Judge
from support.plan import Plan

#: Two seconds of work: some must be left when the kill is due.
_EVENTS = 5_000


def each_event_once(plan: Plan, direct: str, folder: Path) -> str:
    """Have ``plan`` done, with a kill -9 in a commit. Returns the log of the worker that ends it.

    ``direct``: where the broker asks nobody, for the events and for reading their outcomes.
    """
    feed(direct, plan.source, range(_EVENTS))
    judge = Judge(direct, plan.sink)
    with Fleet(plan, folder) as fleet:
        fleet.start("a")
        judge.wait_for(200, 60, fleet.check_alive)
        assert fleet.kill_in_commit("a")
        member = fleet.start("a")
        judge.wait_for(_EVENTS, 60, fleet.check_alive)
        fleet.stop("a")
        assert judge.judge(range(_EVENTS)) == PERFECT
        return member.log_text()
