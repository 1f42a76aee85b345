"""The permissions that are documented are those that the code names."""

from __future__ import annotations

from pathlib import Path

from streamproc.kafka.permissions import grants, table
from streamproc.settings import KafkaSettings

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "secure-kafka.md"


def test_the_page_shows_every_permission() -> None:
    assert "\n".join(table(KafkaSettings())) in PAGE.read_text("utf-8")


def test_names_follow_the_settings() -> None:
    kafka = KafkaSettings(activity_topic="a.b", dead_letter_topic="d", group_id="g", control_topic="c")
    names = {(grant.user, grant.kind, grant.name) for grant in grants(kafka, "mine")}
    assert ("worker", "transactional id", "g-") in names
    assert ("subscriber", "group", "mine") in names
    assert {("administrator", "topic", "a."), ("administrator", "topic", "c")} <= names
