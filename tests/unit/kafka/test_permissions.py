"""The permissions that are documented are those that the code names."""

from __future__ import annotations

from pathlib import Path

from streamproc.kafka import topics
from streamproc.kafka.permissions import feature_table, grants, table
from streamproc.settings import KafkaSettings

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "secure-kafka.md"


def test_the_page_shows_every_permission() -> None:
    page = PAGE.read_text("utf-8")
    assert "\n".join(table(KafkaSettings())) in page
    assert "\n".join(feature_table(KafkaSettings())) in page


def test_names_follow_the_settings() -> None:
    kafka = KafkaSettings(activity_topic="a.b", dead_letter_topic="d", group_id="g", control_topic="c")
    names = {(grant.user, grant.kind, grant.name) for grant in grants(kafka, "mine")}
    assert ("worker", "transactional id", "g-") in names
    assert ("subscriber", "group", "mine") in names
    assert {("administrator", "topic", "a."), ("administrator", "topic", "c")} <= names


def test_a_replay_can_touch_nothing_of_the_live_workers_nor_they_of_it() -> None:
    kafka = KafkaSettings(group_id="g")
    found = grants(kafka)
    live = {grant.name for grant in found if grant.user != "replayer"} | set(topics.configurations(kafka))
    for one in (grant for grant in found if grant.user == "replayer" and grant.prefixed):
        assert not [name for name in live if name.startswith(one.name)]
        others = [grant.name for grant in found if grant.prefixed and grant.kind == one.kind and grant is not one]
        assert not [name for name in others if one.name.startswith(name)]
