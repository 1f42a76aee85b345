"""environments/local on a real Kafka: what a plan does to it, and what its users then can and cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from support.activities import activity, clip, inline, phrase
from support.worker_process import WorkerProcess, run

from streamproc.client import ActivityPublisher, CorrectionPublisher, ResultSubscriber, Verdict, overrule
from streamproc.contracts.generated.events import SourcePosition

from .conftest import GROUP, USERS, Applied
from .rights import cluster_rights, granted, group_rights, topic_rights

ACTIVITIES = "reading.activity.v1"
REPLAYED = "streamproc.replay.once-more"
GROUPS = ("streamproc", GROUP, REPLAYED, "somebody-else")


def topic(name: str) -> str:
    return f'module.kafka.kafka_topic.this["{name}"]'


def test_a_plan_after_an_apply_is_empty(applied: Applied) -> None:
    assert applied.terraform.changes("partitions=2") == {}


def test_a_change_of_retention_is_one_update_in_place(applied: Applied) -> None:
    changed = ("partitions=2", f'retention_days={{"{ACTIVITIES}"=3}}')
    assert applied.terraform.changes(*changed) == {topic(ACTIVITIES): ["update"]}
    applied.terraform.apply(*changed)
    assert applied.terraform.changes(*changed) == {}
    applied.terraform.apply("partitions=2")


def test_more_partitions_are_updates_in_place_and_fewer_are_refused(applied: Applied) -> None:
    assert set(map(tuple, applied.terraform.changes("partitions=3").values())) == {("update",)}
    refusal = applied.terraform.refused("partitions=1")
    assert "Instance cannot be destroyed" in refusal
    assert topic(ACTIVITIES) in refusal


def test_a_topic_is_not_destroyed(applied: Applied) -> None:
    refusal = applied.terraform.refused("partitions=2", destroy=True)
    assert "Instance cannot be destroyed" in refusal


def test_no_password_is_in_the_state(applied: Applied) -> None:
    state = (applied.terraform.folder / "terraform.tfstate").read_text()
    assert "kafka_user_scram_credential" in state
    assert not [user for user, password in applied.passwords.items() if password in state]


@pytest.mark.parametrize("user", USERS)
def test_a_user_may_do_what_its_acls_say_and_nothing_else(applied: Applied, user: str) -> None:
    outputs = applied.terraform.outputs()
    acls, topics = outputs["acls"], sorted(outputs["topics"])
    client = AdminClient({"bootstrap.servers": applied.part.secured, **applied.client(user)})
    assert topic_rights(client, topics) == granted(acls, user, "Topic", topics)
    assert group_rights(client, GROUPS) == granted(acls, user, "Group", GROUPS)
    assert cluster_rights(client) == set()


@pytest.mark.parametrize("user", USERS)
def test_no_user_creates_or_deletes_a_topic(applied: Applied, user: str) -> None:
    client = AdminClient({"bootstrap.servers": applied.part.secured, **applied.client(user)})
    (made,) = client.create_topics([NewTopic("reading.mine", 1, 1)]).values()
    (gone,) = client.delete_topics([ACTIVITIES]).values()
    for refused in (made, gone):
        with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
            refused.result(10)


@pytest.fixture(scope="module")
def worker(applied: Applied, triton_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker that logs in as the user worker."""
    done = run({"STREAMPROC_REGISTRY__URL": applied.registry_url}, "schemas", "register", "--json")
    assert done.returncode == 0, done.stderr
    settings = {
        **applied.environment("worker"),
        **applied.terraform.outputs()["worker_settings"],
        "STREAMPROC_DUPLICATES__WINDOW": "3600",
        "STREAMPROC_PROGRESS__ENABLED": "true",
        "STREAMPROC_PROGRESS__CORRECTIONS": "true",
        "STREAMPROC_TRANSPORT__ASSIGNMENT": "range",
        "STREAMPROC_TRITON__URLS": triton_url,
    }
    process = WorkerProcess(settings, tmp_path_factory.mktemp("worker") / "worker.log")
    try:
        process.wait_ready()
        yield process
    finally:
        process.end()


def test_an_activity_becomes_a_result_each_user_with_its_own_rights(applied: Applied, worker: WorkerProcess) -> None:
    good = activity(phrase())
    bad = activity(phrase(inline(b"RIFF\0\0\0\0WAVEno audio")), activity_id="reading-2")
    with ActivityPublisher(applied.connection("publisher"), source="/tests") as publisher:
        scored, _ = [future.result(30) for future in [publisher.send(one) for one in (good, bad)]]
    wanted = SourcePosition(topic=scored.topic, partition=scored.partition, offset=scored.offset)
    result = None
    for one in (subscriber := ResultSubscriber(applied.connection("subscriber"), GROUP)):
        if one.source == wanted:
            result = one
            subscriber.close()
    assert result is not None
    worker.wait_for(lambda: worker.metric("streamproc_dead_letters_total") == 1, "the dead letter", 30)

    overruled = overrule(
        result,
        result.phrases[0].index,
        0,
        Verdict.CORRECT,
        correction_id="1",
        corrected_by="teacher",
        corrected_at=datetime.now(UTC),
    )
    with CorrectionPublisher(applied.connection("teacher"), source="/tests") as corrections:
        corrections.send(overruled).result(30)
    worker.wait_for(lambda: worker.metric("streamproc_corrections_total") == 1, "the correction", 30)

    operator = applied.environment("operator")
    listed = run(operator, "dlq", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert "AUDIO" in listed.stdout
    lag = run(operator, "lag", "--json")
    assert lag.returncode == 0, lag.stderr
    assert sum(row["unfinished"] for row in json.loads(lag.stdout.splitlines()[-1])) == 0


def test_a_replay_scores_again_with_the_replayer_s_rights(
    applied: Applied, worker: WorkerProcess, triton_url: str
) -> None:
    assert worker.is_alive
    settings = {**applied.environment("replayer"), "STREAMPROC_TRITON__URLS": triton_url}
    with ActivityPublisher(applied.connection("publisher"), source="/tests") as publisher:
        publisher.send(activity(phrase(inline(clip(0.5))))).result(30)
    done = run(settings, "replay", "once-more", "--from", "1h", "--results", REPLAYED, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["scored"] >= 1
    live = run(settings, "replay", "into-live", "--from", "1h", "--into-live")
    assert live.returncode == 2
    assert "Write on topic reading.result.v1" in live.stderr


@pytest.mark.parametrize("user", [user for user in USERS if user != "worker"])
def test_another_user_is_no_worker(applied: Applied, triton_url: str, user: str) -> None:
    done = run({**applied.environment(user), "STREAMPROC_TRITON__URLS": triton_url}, "worker")
    assert done.returncode == 2
    assert done.stderr.startswith("streamproc: KAFKA_REFUSED\n")
    assert "Write on topic reading.result.v1" in done.stderr


@pytest.mark.parametrize("user", [user for user in USERS if user not in ("publisher", "operator")])
def test_a_record_that_a_user_may_not_write_is_refused(applied: Applied, user: str) -> None:
    errors: list[str] = []
    producer = Producer({"bootstrap.servers": applied.part.secured, **applied.client(user)})
    producer.produce(ACTIVITIES, b"x", on_delivery=lambda error, _: errors.append(str(error and error.name())))
    producer.flush(10)
    assert errors == ["TOPIC_AUTHORIZATION_FAILED"]
