"""Windows of worker processes that are killed, on a real broker: each has its last value, and is published once."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka.admin import AdminClient
from support import window_worker
from support.feeding import LiveFeed
from support.fleet import PROTOCOLS, Fleet
from support.plan import new_plan
from support.window_judge import LATEST, REGROUPED, TABLES, WindowJudge, WindowJudgement, timestamps

WORKER = Path(window_worker.__file__)
PARTITIONS = 3


def test_each_window_is_published_once_whatever_is_killed(kafka_bootstrap: str, tmp_path: Path) -> None:
    """kill -9 inside a commit and a close, a second worker, and a third of what comes is late; also behind group_by.

    (More: make chaos-windows.)
    """
    events, step_ms = 1_200, 1_500
    settings = {**PROTOCOLS["kip848"], "transaction_timeout": 120.0, "commit_interval": 0.05}
    plan = new_plan(kafka_bootstrap, "windows", settings, partitions=PARTITIONS, work=0.02)
    times = timestamps(1, events, step_ms)
    with Fleet(plan, tmp_path, script=WORKER) as fleet:
        fleet.start("a")
        fleet.wait_ready()
        with LiveFeed(
            kafka_bootstrap, plan.source, range(events), 400, lambda n: (b"key-%d" % (n % 7), b"%d" % n), times=times
        ) as feed:
            assert fleet.kill_in_commit("a")
            fleet.start("a")
            assert fleet.kill_in_close("a")
            fleet.start("b")
            fleet.start("a")
            feed.finish(60)
        judge = WindowJudge(kafka_bootstrap, plan.source, plan.sink, plan.group, PARTITIONS)
        assert judge.wait(events, max(times) + 2 * LATEST * 1000, 60, fleet.check_alive), judge.judge()
        for name in ("a", "b"):
            fleet.stop(name)
        found = judge.judge()
        judge.close()
    assert found == WindowJudgement(windows=found.windows)
    assert found.windows > 300
    assert len(judge.batch.late) > events / 2, "of two tables"
    assert len(judge.regrouped.late) > events / 4
    assert {table for table, _, _ in judge.published} == {*TABLES, *REGROUPED}
    topics = AdminClient({"bootstrap.servers": kafka_bootstrap}).list_topics(timeout=10).topics
    assert len(topics[f"{plan.group}-fixed-late"].partitions) == PARTITIONS
