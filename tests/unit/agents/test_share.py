"""Which share of all activities a worker has, though the topic grows while it runs."""

from __future__ import annotations

import pytest

from streamproc.agents.share import PartitionShare
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka import topics
from streamproc.settings import Settings

ACTIVITIES = Settings().kafka.activity_topic


async def test_a_topic_that_grows_makes_the_share_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {ACTIVITIES: 4, "another": 9}
    monkeypatch.setattr(topics, "existing", lambda _: there)
    share = PartitionShare(Settings(), lambda: 2)
    await share.count()
    assert share() == 0.5
    there[ACTIVITIES] = 8
    await share.count_again()
    assert share() == 0.25


async def test_who_has_more_partitions_than_were_counted_has_all_of_them_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "existing", lambda _: {ACTIVITIES: 2})
    share = PartitionShare(Settings(), lambda: 3)
    await share.count()
    assert share() == 1.0


async def test_where_kafka_fails_the_old_count_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "existing", lambda _: {ACTIVITIES: 4})
    share = PartitionShare(Settings(), lambda: 1)
    await share.count()

    def gone(_: Settings) -> dict[str, int]:
        raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, "nobody is there")

    monkeypatch.setattr(topics, "existing", gone)
    await share.count_again()
    assert share() == 0.25
