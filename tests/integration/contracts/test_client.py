"""The client against a real Kafka and a real registry, and the examples of the documentation."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from opentelemetry.sdk.trace import TracerProvider

from streamproc.client import Activity, ActivityPublisher, Connection, ResultSubscriber, ResultSubscriberV2
from streamproc.contracts.casts import upcast
from streamproc.contracts.codec import ActivityDecoder, ResultEncoder, ResultEncoderV2
from streamproc.contracts.events import Result
from streamproc.contracts.examples import ACTIVITY, RESULT
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.localstack.stack import Addresses

from .conftest import Topics

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
    return [dataclasses.replace(RESULT, activity_id=f"activity-{number}") for number in range(count)]


async def publish_results(
    registry: Registry, connection: Connection, topics: Topics, results: list[Result], *, commit: bool = True
) -> None:
    """Both major versions of every result in one transaction, as a worker does it; in partition 0."""
    encoders = [
        (topics.result, ResultEncoder(registry, topics.result)),
        (topics.result_v2, ResultEncoderV2(registry, topics.result_v2)),
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


def test_a_publisher_does_not_register_its_schema(topics: Topics, connection: Connection) -> None:
    publisher = ActivityPublisher(connection, source="/tests", topic=topics.activity)
    with pytest.raises(StreamprocError, match="schemas register") as caught, publisher:
        pass
    assert caught.value.code is ErrorCode.ACTIVITY_SCHEMA_MISSING


UNREACHABLE = "127.0.0.1:9"


def test_a_publisher_says_when_kafka_does_not_answer(registered: Topics, connection: Connection) -> None:
    connection = dataclasses.replace(
        connection, bootstrap_servers=UNREACHABLE, kafka={"delivery.timeout.ms": "500", "request.timeout.ms": "400"}
    )
    with ActivityPublisher(connection, source="/tests", topic=registered.activity) as publisher:
        future = publisher.send(ACTIVITY)
        with pytest.raises(StreamprocError, match=registered.activity) as caught:
            future.result(30)
    assert caught.value.code is ErrorCode.KAFKA_UNAVAILABLE


def test_a_subscriber_says_what_is_missing(
    topics: Topics, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.client.subscriber._START_SECONDS", 2.0)
    with pytest.raises(StreamprocError, match=topics.result) as caught:
        next(iter(ResultSubscriber(connection, "group", topics.result)))
    assert caught.value.code is ErrorCode.TOPIC_MISSING
    elsewhere = dataclasses.replace(connection, bootstrap_servers=UNREACHABLE)
    with pytest.raises(StreamprocError, match=UNREACHABLE) as caught:
        next(iter(ResultSubscriber(elsewhere, "group", topics.result)))
    assert caught.value.code is ErrorCode.KAFKA_UNAVAILABLE


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


async def _publish(stack: Addresses, connection: Connection, topics: Topics, results: list[Result]) -> None:
    from streamproc.settings import Registry as RegistrySettings

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
    registry: Registry, registered: Topics, connection: Connection, stack: Addresses
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
    for script in ("read_results.py", "read_results_async.py"):
        printed = await run(script, "2")
        assert [line.split()[0] for line in printed.splitlines()] == ["activity-0", "activity-1"]
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "publish_activities.py",
        "read_results.py",
        "read_results_async.py",
    }


def test_importing_the_client_takes_few_packages() -> None:
    script = (
        "import sys, streamproc.client\n"
        "files = {name.split('.')[0]: getattr(module, '__file__', '') for name, module in sys.modules.items()}\n"
        "print(*sorted(name for name, file in files.items() if 'site-packages' in (file or '')))"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert set(printed.stdout.split()) <= {"_distutils_hack", "cachetools", "confluent_kafka", "fastavro"}
