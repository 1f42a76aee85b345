"""A table's changelog at the start: refused where it would forget."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from support import counting_worker
from support.feeding import feed
from support.fleet import Fleet
from support.plan import create_topics, new_plan
from support.waiting import wait_for

from streamproc.transport.errors import TransportError
from streamproc.transport.kafka.changelogs import Changelogs
from streamproc.transport.kafka.offsets import Offsets

from .test_tables import CountJudge


class Topic:
    """A changelog that somebody has made."""

    def __init__(self, bootstrap: str, settings: dict[str, str]) -> None:
        self.config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self.name = f"changelogs-{uuid.uuid4().hex[:8]}"
        admin = AdminClient(self.config)
        admin.create_topics([NewTopic(self.name, 1, 1, config=settings)])[self.name].result(30)

    def check(self, name: str = "") -> None:
        """As a worker that starts."""
        offsets = Offsets(self.config, "nobody", "earliest", "stop", lambda: False)
        Changelogs(self.config, offsets.describe, lambda: False).check(name or self.name)


@pytest.mark.parametrize(
    "settings",
    [
        {"cleanup.policy": "compact"},
        {"cleanup.policy": "delete", "retention.ms": "-1"},
        {"cleanup.policy": "compact,delete", "retention.ms": "-1"},
    ],
)
def test_a_changelog_that_keeps_what_it_has_is_taken(kafka_bootstrap: str, settings: dict[str, str]) -> None:
    """Faust's for sets is not compacted: it tells what was done, and all of it counts."""
    Topic(kafka_bootstrap, settings).check()


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"cleanup.policy": "delete"}, "cleanup.policy=delete and retention.ms=604800000"),
        ({"cleanup.policy": "compact,delete"}, "cleanup.policy=compact,delete and retention.ms=604800000"),
        ({"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "1000000"}, "retention.bytes=1000000"),
    ],
)
def test_a_changelog_that_forgets_is_refused(kafka_bootstrap: str, settings: dict[str, str], limit: str) -> None:
    """A key that nobody has written for a week would be gone after the next restart."""
    with pytest.raises(TransportError, match=rf"{limit}.*: what a table holds would be deleted with time"):
        Topic(kafka_bootstrap, settings).check()


def test_a_changelog_that_is_not_there_is_named(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.transport.kafka.changelogs._MISSING_S", 0.5)
    with pytest.raises(TransportError, match=r"There is no such topic.*elsewhere"):
        Topic(kafka_bootstrap, {}).check("elsewhere")


def test_a_changelog_that_is_deleted_is_told_of_and_one_made_anew_stops_the_worker(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    """The worker has the counts still; the next one would count from 1 again, and nobody would know why."""
    plan = new_plan(kafka_bootstrap, "deleted", work=0.0)
    name = f"{plan.group}-counts-changelog"
    feed(kafka_bootstrap, plan.source, range(50))
    judge = CountJudge(plan)
    with Fleet(plan, tmp_path, script=Path(counting_worker.__file__)) as fleet:
        fleet.start("a")
        judge.wait_for(50, 60, fleet.check_alive)
        admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
        admin.delete_topics([name])[name].result(30)
        wait_for(lambda: fleet.logged(f"The changelog '{name}' is gone") > 0, "the worker to miss it", 30)
        fleet.check_alive()
        create_topics(kafka_bootstrap, name, config={"cleanup.policy": "compact"})
        fleet.wait_end("a", 30)
        assert fleet.logged(f"The changelog '{name}' was deleted and made anew while the worker had") > 0
