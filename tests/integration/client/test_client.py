"""The client against a real Kafka and a real registry, and the examples of the documentation."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from opentelemetry.sdk.trace import TracerProvider
from support.contract_fixtures import Topics
from support.holes import hole

from streamproc.client import (
    Activity,
    ActivityPublisher,
    Connection,
    OutcomeFollower,
    Receipt,
    Rejection,
    ResultSubscriber,
    ResultSubscriberV2,
)
from streamproc.contracts.casts import upcast
from streamproc.contracts.cloudevents import RESULT_TYPE, event_headers
from streamproc.contracts.codec import ActivityDecoder, ResultEncoder
from streamproc.contracts.generated.events import Result, SourcePosition
from streamproc.contracts.majors import V1, V2
from streamproc.contracts.registry import Registry
from streamproc.contracts.upkeep.examples import ACTIVITY, RESULT
from streamproc.deadletter.envelope import Source, WorkerIdentity, error_headers, failure_of
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.localstack.stack import Addresses

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def read(connection: Connection, topic: str, count: int) -> list[Message]:
    """The first ``count`` committed records of a topic of two partitions."""
    consumer = Consumer(
        {"bootstrap.servers": connection.bootstrap_servers, "group.id": "reader", "isolation.level": "read_committed"}
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(2)])
    found: list[Message] = []
    try:
        while len(found) < count:
            message = consumer.poll(20)
            assert message is not None, f"{len(found)} of {count} records"
            assert message.error() is None
            found.append(message)
    finally:
        consumer.close()
    return found


def numbered(count: int) -> list[Result]:
    def source(number: int) -> SourcePosition:
        return dataclasses.replace(RESULT.source, offset=number)

    return [
        dataclasses.replace(RESULT, activity_id=f"activity-{number}", source=source(number)) for number in range(count)
    ]


async def publish_results(
    registry: Registry, connection: Connection, topics: Topics, results: list[Result], *, commit: bool = True
) -> None:
    """Both major versions of every result in one transaction, as a worker does it; in partition 0."""
    encoders = [
        (topics.result, ResultEncoder(registry, topics.result, V1)),
        (topics.result_v2, ResultEncoder(registry, topics.result_v2, V2)),
    ]
    for _, encoder in encoders:
        await encoder.start()
    producer = Producer({"bootstrap.servers": connection.bootstrap_servers, "transactional.id": topics.result})
    producer.init_transactions(20)
    producer.begin_transaction()
    for result in results:
        for topic, encoder in encoders:
            producer.produce(topic, value=encoder.encode(result), partition=0)
    producer.flush(20)
    if commit:
        producer.commit_transaction(20)
    else:
        producer.abort_transaction(20)


@pytest.mark.usefixtures("kafka_topics")
async def test_published_activities_arrive_with_their_headers(
    registry: Registry, registered: Topics, connection: Connection
) -> None:
    async with ActivityPublisher(connection, source="/tests", topic=registered.activity) as publisher:
        receipt = await publisher.publish(ACTIVITY, traceparent=TRACEPARENT)
    (message,) = await asyncio.to_thread(read, connection, registered.activity, 1)
    assert (message.topic(), message.partition(), message.offset()) == dataclasses.astuple(receipt)
    assert message.key() == ACTIVITY.learner_id.encode()
    assert await ActivityDecoder(registry, registered.activity).decode(message.value()) == ACTIVITY
    headers = dict(message.headers() or ())
    assert headers["traceparent"] == TRACEPARENT.encode()
    assert headers["ce_id"] == ACTIVITY.activity_id.encode()
    assert headers["ce_source"] == b"/tests"
    assert headers["ce_type"] == b"streamproc.reading.Activity"


@pytest.mark.usefixtures("kafka_topics")
def test_the_current_span_travels_with_an_activity(registered: Topics, connection: Connection) -> None:
    tracer = TracerProvider().get_tracer("tests")
    with ActivityPublisher(connection, source="/tests", topic=registered.activity) as publisher:
        publisher.send(ACTIVITY).result(30)
        with tracer.start_as_current_span("hand in") as span:
            publisher.send(ACTIVITY).result(30)
    without, within = read(connection, registered.activity, 2)
    context = span.get_span_context()
    assert "traceparent" not in dict(without.headers() or ())
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-"
    traceparent = dict(within.headers() or ())["traceparent"]
    assert isinstance(traceparent, bytes)
    assert traceparent.startswith(expected.encode())


@pytest.mark.usefixtures("kafka_topics")
def test_a_learners_activities_keep_their_order(registered: Topics, connection: Connection) -> None:
    with ActivityPublisher(connection, source="/tests", topic=registered.activity) as publisher:
        futures = [
            publisher.send(dataclasses.replace(ACTIVITY, learner_id=f"learner-{number % 3}")) for number in range(300)
        ]
        receipts = [future.result(30) for future in futures]
    for learner in range(3):
        own = receipts[learner::3]
        assert len({receipt.partition for receipt in own}) == 1
        assert [receipt.offset for receipt in own] == sorted(receipt.offset for receipt in own)


@pytest.mark.usefixtures("kafka_topics")
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"phrases": ()}, "phrases: there are none"),
        ({"learner_id": ""}, "learner_id: is empty"),
        ({"started_at": datetime(2025, 1, 1)}, "started_at: has no time zone"),  # noqa: DTZ001
        ({"phrases": (ACTIVITY.phrases[0], ACTIVITY.phrases[0])}, "two phrases have the same index"),
        ({"attempt": 0}, "attempt: 0 is less than 1"),
    ],
)
def test_an_invalid_activity_is_not_sent(
    registered: Topics, connection: Connection, change: dict[str, object], problem: str
) -> None:
    invalid: Activity = dataclasses.replace(ACTIVITY, **change)  # type: ignore[arg-type]
    with (
        ActivityPublisher(connection, source="/tests", topic=registered.activity) as publisher,
        pytest.raises(StreamprocError, match=problem) as caught,
    ):
        publisher.send(invalid)
    assert caught.value.code is ErrorCode.ACTIVITY_INVALID


@pytest.mark.usefixtures("kafka_topics")
def test_a_publisher_does_not_register_its_schema(topics: Topics, connection: Connection) -> None:
    publisher = ActivityPublisher(connection, source="/tests", topic=topics.activity)
    with pytest.raises(StreamprocError, match="schemas register") as caught, publisher:
        pass
    assert caught.value.code is ErrorCode.ACTIVITY_SCHEMA_MISSING


UNREACHABLE = "127.0.0.1:9"


@hole("D6")
def test_everybody_says_at_the_start_when_kafka_does_not_answer(
    registered: Topics, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.client.start.START_SECONDS", 1.0)
    elsewhere = dataclasses.replace(connection, bootstrap_servers=UNREACHABLE)
    for enter in (
        lambda: ActivityPublisher(elsewhere, source="/tests", topic=registered.activity).__enter__(),
        lambda: OutcomeFollower(elsewhere).__enter__(),
        lambda: next(iter(ResultSubscriber(elsewhere, "group", registered.result))),
    ):
        with pytest.raises(StreamprocError, match=UNREACHABLE) as caught:
            enter()
        assert caught.value.code is ErrorCode.KAFKA_UNAVAILABLE


@hole("D6")
@pytest.mark.usefixtures("kafka_topics")
def test_everybody_says_at_the_start_when_a_topic_is_misspelt(registered: Topics, connection: Connection) -> None:
    for enter, near in (
        (lambda: ActivityPublisher(connection, source="/t", topic=f"{registered.activity}s").__enter__(), "activity"),
        (lambda: OutcomeFollower(connection, result_topic=f"{registered.result}s").__enter__(), "result"),
        (lambda: next(iter(ResultSubscriber(connection, "group", f"{registered.result}s"))), "result"),
    ):
        with pytest.raises(StreamprocError, match=rf"is reading\.{near}\S* meant") as caught:
            enter()
        assert caught.value.code is ErrorCode.TOPIC_MISSING


@hole("D6")
@pytest.mark.usefixtures("kafka_topics")
async def test_a_reader_says_at_the_start_when_the_registry_is_another_ones(
    topics: Topics, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is registered for these topics; no result comes that could tell."""
    dead = dataclasses.replace(connection, registry_url="http://127.0.0.1:9")
    # A dead one refuses at once: asked once, it need not be waited for. One that lives may take its time.
    for use, code, seconds in (
        (connection, ErrorCode.RESULT_SCHEMA_MISSING, 60.0),
        (dead, ErrorCode.REGISTRY_UNAVAILABLE, 0.0),
    ):
        monkeypatch.setattr("streamproc.client.start.REGISTRY_SECONDS", seconds)
        with pytest.raises(StreamprocError, match=use.registry_url) as caught:
            async for _ in ResultSubscriber(use, "group", topics.result):
                pass
        assert caught.value.code is code
        with pytest.raises(StreamprocError, match=use.registry_url) as caught:
            await asyncio.to_thread(next, iter(ResultSubscriber(use, "group", topics.result)))
        assert caught.value.code is code
        follower = OutcomeFollower(use, result_topic=topics.result, dead_letter_topic=topics.activity)
        with pytest.raises(StreamprocError, match=use.registry_url) as caught:
            async with follower:
                pass
        assert caught.value.code is code


@hole("D6")
@pytest.mark.usefixtures("kafka_topics")
async def test_a_publisher_learns_what_became_of_its_activities(
    registry: Registry, registered: Topics, connection: Connection
) -> None:
    """The activity topic of version 2's results stands for the dead letters': any topic does."""
    letters = registered.result_v2
    async with (
        OutcomeFollower(connection, result_topic=registered.result, dead_letter_topic=letters) as outcomes,
        ActivityPublisher(connection, source="/tests", topic=registered.activity) as publisher,
    ):
        good, bad, early, never = [await publisher.publish(ACTIVITY) for _ in range(4)]
        waiting = [asyncio.create_task(outcomes.of(receipt)) for receipt in (good, bad)]
        await asyncio.to_thread(play_worker, registry.url, connection, registered, [good, early], bad)
        result, rejection = await asyncio.wait_for(asyncio.gather(*waiting), 30)
        assert isinstance(result, Result)
        assert dataclasses.astuple(result.source) == dataclasses.astuple(good)
        assert isinstance(rejection, Rejection)
        assert (rejection.source, rejection.code, rejection.stage) == (bad, "AUDIO_NOT_FOUND", "audio")
        assert rejection.letter.topic == letters
        # What came before it was asked for, and what has been told, can be asked for; what has not come waits.
        assert isinstance(await asyncio.wait_for(outcomes.of(early), 30), Result)
        assert await asyncio.wait_for(outcomes.of(bad), 30) == rejection
        waits = outcomes.outcome(never)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(outcomes.of(never), 0.3)
        assert not waits.done()
    with pytest.raises(RuntimeError, match="closed before the outcome"):
        waits.result()
    with pytest.raises(RuntimeError, match="closed"):
        outcomes.outcome(good)


def play_worker(url: str, connection: Connection, topics: Topics, good: list[Receipt], bad: Receipt) -> None:
    """Write what a worker writes, and before it an outcome whose transaction is aborted."""
    from streamproc.settings import RegistrySettings

    async def encoder() -> ResultEncoder:
        registry = Registry(RegistrySettings(url=url))
        encoder = ResultEncoder(registry, topics.result, V1)
        await encoder.start()
        await registry.close()
        return encoder

    encode = asyncio.run(encoder()).encode
    producer = Producer({"bootstrap.servers": connection.bootstrap_servers, "transactional.id": topics.result})
    producer.init_transactions(20)

    def letter(receipt: Receipt, code: ErrorCode) -> None:
        source = Source(SourcePosition(**dataclasses.asdict(receipt)), None, [("ce_id", b"1")])
        now = datetime.now(UTC)
        failure = failure_of(StreamprocError(code), 1, now, None)
        headers: Any = error_headers(source, failure, WorkerIdentity("group", "model/1"))
        producer.produce(topics.result_v2, value=b"the event", headers=headers)

    producer.begin_transaction()
    letter(bad, ErrorCode.VALUE_UNREADABLE)
    producer.flush(20)
    producer.abort_transaction(20)
    producer.begin_transaction()
    for receipt in good:
        source = SourcePosition(**dataclasses.asdict(receipt))
        headers: Any = event_headers(
            RESULT_TYPE, f"{receipt.topic}/{receipt.partition}/{receipt.offset}", "/streamproc", "1", datetime.now(UTC)
        )
        producer.produce(topics.result, value=encode(dataclasses.replace(RESULT, source=source)), headers=headers)
    letter(bad, ErrorCode.AUDIO_NOT_FOUND)
    # What nobody has written as a worker does is passed over.
    producer.produce(topics.result_v2, value=b"junk", headers=[("ce_id", b"\xff")])
    producer.produce(topics.result, value=b"junk", headers=[("ce_id", b"a/b/c")])
    producer.produce(topics.result, value=b"junk")
    producer.commit_transaction(20)


@pytest.mark.usefixtures("kafka_topics")
async def test_a_cancelled_subscriber_leaves_its_group(
    registry: Registry, registered: Topics, connection: Connection
) -> None:
    await publish_results(registry, connection, registered, numbered(2))
    seen = asyncio.Event()

    async def follow() -> None:
        async for result in ResultSubscriber(connection, registered.result, registered.result):
            if result.activity_id == "activity-1":
                seen.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(seen.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    admin = AdminClient({"bootstrap.servers": connection.bootstrap_servers})
    described = await asyncio.to_thread(admin.describe_consumer_groups([registered.result])[registered.result].result)
    assert described.members == []


@pytest.mark.usefixtures("kafka_topics")
def test_a_subscriber_resumes_after_what_was_done(stack: Addresses, registered: Topics, connection: Connection) -> None:
    results = numbered(10)
    asyncio.run(_publish(stack, connection, registered, results))
    group = registered.result
    first = [result.activity_id for result in islice(ResultSubscriber(connection, group, registered.result), 4)]
    # The fourth was under way when the loop was left: it is not done.
    second = [result.activity_id for result in islice(ResultSubscriber(connection, group, registered.result), 7)]
    assert first == [result.activity_id for result in results[:4]]
    assert second == [result.activity_id for result in results[3:]]


@hole("D6")
@pytest.mark.usefixtures("kafka_topics")
def test_a_result_that_takes_too_long_does_not_end_the_subscriber(
    stack: Addresses, registered: Topics, connection: Connection
) -> None:
    asyncio.run(_publish(stack, connection, registered, numbered(5)))
    hasty = dataclasses.replace(connection, kafka={"max.poll.interval.ms": "6000", "session.timeout.ms": "6000"})
    seen: list[str] = []
    for result in ResultSubscriber(hasty, registered.result, registered.result):
        seen.append(result.activity_id)
        if seen[-1] == "activity-4":
            break
        if len(seen) == 2:
            time.sleep(8)
    assert sorted(set(seen)) == [f"activity-{number}" for number in range(5)]


@hole("D6")
@pytest.mark.usefixtures("kafka_topics")
def test_a_process_ends_though_an_iteration_is_open(
    stack: Addresses, registered: Topics, connection: Connection
) -> None:
    asyncio.run(_publish(stack, connection, registered, numbered(2)))
    script = (
        "import sys\n"
        "from streamproc.client import Connection, ResultSubscriber\n"
        "connection = Connection(bootstrap_servers=sys.argv[1], registry_url=sys.argv[2])\n"
        "results = iter(ResultSubscriber(connection, sys.argv[3], sys.argv[3]))\n"
        "print([next(results).activity_id for _ in range(2)])"
    )
    command = [sys.executable, "-c", script, stack.kafka_bootstrap, stack.registry_url, registered.result]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert printed.stdout == "['activity-0', 'activity-1']\n"
    assert printed.stderr == ""
    # What was done is committed: the second was under way.
    assert next(iter(ResultSubscriber(connection, registered.result, registered.result))).activity_id == "activity-1"


async def _publish(stack: Addresses, connection: Connection, topics: Topics, results: list[Result]) -> None:
    from streamproc.settings import RegistrySettings

    registry = Registry(RegistrySettings(url=stack.registry_url))
    await publish_results(registry, connection, topics, results)
    await registry.close()


@pytest.mark.usefixtures("kafka_topics")
async def test_both_majors_are_read_as_either_type(
    registry: Registry, registered: Topics, connection: Connection
) -> None:
    results = numbered(3)
    await publish_results(registry, connection, registered, numbered(2), commit=False)
    await publish_results(registry, connection, registered, results)
    as_v1, as_v2 = results, [upcast(result) for result in results]
    subscribers: list[tuple[ResultSubscriber | ResultSubscriberV2, Sequence[object]]] = [
        (ResultSubscriber(connection, "one", registered.result), as_v1),
        (ResultSubscriber(connection, "two", registered.result_v2, major=2), as_v1),
        (ResultSubscriberV2(connection, "three", registered.result_v2), as_v2),
        (ResultSubscriberV2(connection, "four", registered.result, major=1), as_v2),
    ]
    for subscriber, expected in subscribers:
        found: list[object] = []
        async for result in subscriber:
            found.append(result)
            if len(found) == len(expected):
                subscriber.close()
        assert found == expected


@pytest.mark.usefixtures("kafka_topics")
async def test_the_examples_run(
    registry: Registry, registered: Topics, connection: Connection, stack: Addresses, tmp_path: Path
) -> None:
    await publish_results(registry, connection, registered, numbered(2))
    environment = os.environ | {
        "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": stack.kafka_bootstrap,
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_KAFKA__ACTIVITY_TOPIC": registered.activity,
        "STREAMPROC_KAFKA__RESULT_TOPIC": registered.result,
    }

    async def run(script: str, *arguments: str) -> str:
        command = [sys.executable, str(EXAMPLES / script), *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    assert (await run("publish_activities.py")).count("offset") == 3
    told = (await run("publish_activities_async.py")).splitlines()
    assert [line.split(":")[0] for line in told][:3] == ["published", "published", "not published"]
    for script in ("read_results.py", "read_results_async.py"):
        printed = await run(script, "2")
        assert [line.split()[0] for line in printed.splitlines()] == ["activity-0", "activity-1"]
    # The first run is over before it has asked for the next one: its last result comes again, as after a crash.
    environment["READINGS"] = str(tmp_path / "readings.sqlite")
    assert [await run("store_results_once.py", count) for count in ("1", "2")] == [
        "activity-0 stored\n",
        "activity-0 was there\nactivity-1 stored\n",
    ]
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "follow_outcomes.py",
        "overrule_a_verdict.py",  # this one and the next: learners/test_progress.py
        "read_progress.py",
        "publish_activities.py",
        "publish_activities_async.py",
        "read_results.py",
        "read_results_async.py",
        "store_results_once.py",
    }


def test_importing_the_client_takes_few_packages() -> None:
    script = (
        "import sys, streamproc.client\n"
        "files = {name.split('.')[0]: getattr(module, '__file__', '') for name, module in sys.modules.items()}\n"
        "print(*sorted(name for name, file in files.items() if 'site-packages' in (file or '')))"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert set(printed.stdout.split()) <= {"_distutils_hack", "cachetools", "confluent_kafka", "fastavro"}
