"""`streamproc replay`: a part of the activities is scored again, each once, though it is killed, beside live work."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
from support.activities import activity, inline, phrase, reading, result, value
from support.progress import settings_of, told
from support.replaying import moment, replaying
from support.topics_of_test import PARTITIONS, Record, TestTopics
from support.waiting import wait_for
from support.worker_process import WorkerProcess, run

BEFORE, WITHIN, AFTER = 10, 60, 10
"""Activities before the part that is read again, in it, and after it."""


@pytest.fixture(scope="module")
def part(topics: TestTopics, schema_id: int, worker: WorkerProcess) -> list[str]:
    """Everything was scored once; the options that name the part."""
    clip = inline(reading())

    def publish(kind: str, count: int) -> None:
        events = [
            activity(phrase(clip), activity_id=f"{kind}-{n}", learner_id=f"learner-{n % 7}") for n in range(count)
        ]
        topics.publish(Record(event.learner_id.encode(), value(event, schema_id), []) for event in events)

    publish("before", BEFORE)
    since = moment()
    publish("within", WITHIN - 1)
    topics.publish([Record(b"learner-1", b"junk", [])])
    until = moment()
    publish("after", AFTER)
    assert len(topics.read(topics.results, BEFORE + WITHIN - 1 + AFTER)) == BEFORE + WITHIN - 1 + AFTER
    assert worker.is_alive
    return ["--from", since, "--to", until]


def scored(topics: TestTopics, topic: str, count: int, seconds: float = 60) -> Counter[str]:
    """The activities of a topic's results, and how many each has."""
    return Counter(result(record.value or b"").activity_id for record in topics.read(topic, count, seconds))


def test_each_activity_of_the_part_is_scored_once_and_no_other_though_it_is_killed(
    topics: TestTopics, part: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    again = f"{topics.name}.again"
    arguments = ["second-look", *part, "--results", again, "--json"]
    with replaying(settings, [*arguments, "--rate", "5"], tmp_path / "first.log") as first:
        wait_for(lambda: _count(topics, again) >= 5, "some results", 60)
        first.kill()
    assert _count(topics, again) < WITHIN
    with replaying(settings, arguments, tmp_path / "second.log") as second:
        said = second.end()
    assert said["left"] == 0
    assert said["results"] == again
    assert scored(topics, again, WITHIN + 1, 3) == Counter({f"within-{n}": 1 for n in range(WITHIN - 1)})
    [letter] = topics.read(f"{again}.dlq", 2, 3)
    assert letter.value == b"junk"
    # The live topics have what they had.
    assert len(topics.read(topics.results, 200, 3)) == BEFORE + WITHIN - 1 + AFTER
    assert len(topics.read(topics.letters, 2, 3)) == 1
    with replaying(settings, arguments, tmp_path / "third.log") as third:
        said = third.end()
    assert (said["scored"], said["left"]) == (0, 0), "it was done already"


def test_results_into_the_live_topic_have_the_ids_of_the_first_ones_and_are_no_second_outcomes_of_the_workers(
    topics: TestTopics, part: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    with replaying(settings, ["live", *part, "--into-live", "--json"], tmp_path / "replay.log") as process:
        assert process.end()["left"] == 0
    count = BEFORE + 2 * (WITHIN - 1) + AFTER
    headers = [dict(record.headers) for record in topics.read(topics.results, count + 1, 3)]
    assert Counter(Counter(each["ce_id"] for each in headers).values()) == {2: WITHIN - 1, 1: BEFORE + AFTER}
    assert [each.get("streamproc.replay.name") for each in headers].count(b"live") == WITHIN - 1
    done = run(settings, "reconcile", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("part")
def test_one_that_was_never_begun_needs_a_time_and_a_topic(settings: dict[str, str]) -> None:
    for arguments, reason in ((["--into-live"], "say --from"), (["--from", "1h"], "say where results go")):
        refused = run(settings, "replay", "never", *arguments)
        assert refused.returncode == 2
        assert reason in refused.stderr


def test_the_same_name_goes_on_as_it_was_begun_or_is_refused(
    topics: TestTopics, part: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    into = f"{topics.name}.named"
    with replaying(settings, ["named", *part, "--results", into, "--rate", "5"], tmp_path / "first.log") as first:
        wait_for(lambda: _count(topics, into) >= 2, "some results", 60)
        first.kill()
    for other in (["--from", "1h"], ["--to", part[1]], ["--results", f"{into}.other"], ["--into-live"]):
        refused = run(settings, "replay", "named", *other)
        assert refused.returncode == 2, refused.stderr
        assert "named was begun otherwise" in refused.stderr
        assert "then" in refused.stderr
    with replaying(settings, ["named", "--json"], tmp_path / "second.log") as second:
        assert second.end()["results"] == into
    assert scored(topics, into, WITHIN, 3) == Counter({f"within-{n}": 1 for n in range(WITHIN - 1)})


def test_two_that_are_begun_at_once_share_one_run(
    topics: TestTopics, part: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    into = f"{topics.name}.shared"
    arguments = ["shared", *part, "--results", into, "--json"]
    with (
        replaying(settings, arguments, tmp_path / "one.log") as one,
        replaying(settings, arguments, tmp_path / "other.log") as other,
    ):
        assert (one.end()["left"], other.end()["left"]) == (0, 0)
    assert scored(topics, into, WITHIN, 3) == Counter({f"within-{n}": 1 for n in range(WITHIN - 1)})


def test_what_is_known_of_learners_is_built_anew_beside_the_results(
    topics: TestTopics, part: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    into = f"{topics.name}.anew"
    ours = {**settings, **settings_of(topics, "a-token-for-tests", 5), "STREAMPROC_DUPLICATES__WINDOW": "86400"}
    with replaying(ours, ["anew", *part, "--results", into, "--json"], tmp_path / "replay.log") as process:
        assert process.end()["left"] == 0
    found = told(topics, WITHIN, 3, f"{into}.progress")
    readings = Counter(f"learner-{n % 7}" for n in range(WITHIN - 1))
    revisions = {learner: [one.revision for one in each] for (_, learner), each in found.items()}
    assert revisions == {learner: list(range(1, count + 1)) for learner, count in readings.items()}


def test_what_is_deleted_before_it_was_read_is_told_and_left_out_only_if_somebody_says_so(
    topics: TestTopics, part: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    """The last one here: others read what it deletes."""
    into = f"{topics.name}.deleted"
    with replaying(settings, ["deleted", *part, "--results", into, "--rate", "5"], tmp_path / "first.log") as first:
        wait_for(lambda: _count(topics, into) >= 2, "some results", 60)
        first.kill()
    places = [TopicPartition(topics.activities, partition, OFFSET_END) for partition in range(PARTITIONS)]
    admin = AdminClient({"bootstrap.servers": topics.bootstrap})
    for deleted in admin.delete_records(places).values():
        deleted.result(30)
    refused = run(settings, "replay", "deleted")
    assert refused.returncode == 2, refused.stderr
    assert "has deleted activities that deleted had still to score" in refused.stderr
    assert "STREAMPROC_TRANSPORT__OUT_OF_RANGE=earliest streamproc replay deleted" in refused.stderr
    accepted = {**settings, "STREAMPROC_TRANSPORT__OUT_OF_RANGE": "earliest"}
    with replaying(accepted, ["deleted", "--json"], tmp_path / "second.log") as second:
        assert (second.end()["left"], _count(topics, into) < WITHIN - 1) == (0, True)


def _count(topics: TestTopics, topic: str) -> int:
    try:
        return len(topics.read(topic, 1000, 1))
    except AssertionError:  # the topic is not there yet
        return 0
