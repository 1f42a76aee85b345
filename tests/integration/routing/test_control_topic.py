"""The control topic on a real Kafka with a real registry: written by several, read by all alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from support.contract_fixtures import Topics, registered, registry, topics
from support.control_events import control_event, model
from support.strange_events import Stranger

from streamproc.contracts.generated.events_control import ControlEvent, ControlKind
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.localstack.stack import Addresses
from streamproc.routing.change import RuleError, change, read_all
from streamproc.routing.control import ControlState, Fate
from streamproc.routing.follow import ControlFollower
from streamproc.settings import KafkaSettings, RegistrySettings, Settings

__all__ = ["registered", "registry", "topics"]


@pytest.fixture
def settings(stack: Addresses, registered: Topics) -> Settings:
    """Of a control topic of its own, which is there."""
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap, "log_level": 0})
    # More partitions than it should have: what lies in the others is nobody's.
    new = NewTopic(registered.control, num_partitions=2, config={"cleanup.policy": "compact"})
    admin.create_topics([new])[registered.control].result(20)
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=stack.kafka_bootstrap, control_topic=registered.control),
        registry=RegistrySettings(url=stack.registry_url),
    )


@pytest.fixture
async def follower(settings: Settings, registry: Registry) -> AsyncIterator[ControlFollower]:
    follower = ControlFollower(settings, registry)
    yield follower
    await follower.close()


def a(kind: ControlKind, **given: object) -> Callable[[ControlState], ControlEvent]:
    return lambda _: control_event(kind, **given)


async def test_a_worker_reads_all_before_the_start_and_what_comes_later(
    settings: Settings, registry: Registry, follower: ControlFollower
) -> None:
    await change(settings, registry, a(ControlKind.CHAMPION, model=model(2)))
    state = await follower.start()
    assert state.champion == model(2)

    heard: asyncio.Queue[ControlState] = asyncio.Queue()

    following = asyncio.create_task(follower.run(heard.put))
    await change(settings, registry, a(ControlKind.CANARY, model=model(3), share=0.1))
    state = await asyncio.wait_for(heard.get(), 30)
    following.cancel()
    assert state == follower.state
    assert state.canary is not None
    assert (state.canary.model, state.canary.share, state.champion) == (model(3), 0.1, model(2))


async def test_of_operators_at_once_one_is_obeyed_and_the_others_are_told(
    settings: Settings, registry: Registry
) -> None:
    waiting = asyncio.Barrier(3)

    async def operate(version: int) -> Fate:
        other = Registry(settings.registry)
        try:
            await waiting.wait()
            _, told = await change(settings, other, a(ControlKind.CHAMPION, model=model(version)))
            assert told is not None
            return told.fate
        finally:
            await other.close()

    came_to = await asyncio.gather(*(operate(version) for version in (2, 3, 4)))
    assert came_to.count(Fate.OBEYED) >= 1
    fold = await read_all(settings, registry)
    obeyed = [one for one in fold.changes if one.fate is Fate.OBEYED]
    assert len(fold.changes) == 3, "each is in the log, and so in the audit"
    assert fold.state.champion == obeyed[-1].event.model
    assert came_to.count(Fate.OBEYED) == len(obeyed)


async def test_what_strangers_write_is_passed_over_by_all(
    stack: Addresses, settings: Settings, registry: Registry, follower: ControlFollower
) -> None:
    await change(settings, registry, a(ControlKind.SHADOW, model=model(2)))
    stranger = Stranger(stack.kafka_bootstrap, stack.registry_url, settings.kafka.control_topic)
    stranger.write(*stranger.rubbish())
    elsewhere = Producer({"bootstrap.servers": stack.kafka_bootstrap})
    elsewhere.produce(settings.kafka.control_topic, value=b"elsewhere", partition=1)
    assert elsewhere.flush(20) == 0
    state, told = await change(settings, registry, a(ControlKind.CHAMPION, model=model(3)))
    assert told is not None
    assert told.fate is Fate.OBEYED
    assert await follower.start() == state
    assert (state.champion, state.shadow) == (model(3), model(2))


async def test_what_no_command_would_write_is_audited_and_not_obeyed(
    stack: Addresses, settings: Settings, registry: Registry, follower: ControlFollower
) -> None:
    before, _ = await change(settings, registry, a(ControlKind.SHADOW, model=model(2)))
    stranger = Stranger(stack.kafka_bootstrap, stack.registry_url, settings.kafka.control_topic)
    stranger.write(stranger.late(before.revision))
    # What is late moves no revision; what breaks a rule, or is newer than this release, does.
    first = stranger.write(stranger.too_large_a_canary(before.revision))
    second = stranger.write(stranger.out_of_range(first))
    third = stranger.write(stranger.newer(second))
    fold = await read_all(settings, registry)
    assert [one.fate for one in fold.changes[1:]] == [Fate.LATE, Fate.REFUSED, Fate.REFUSED, Fate.UNKNOWN]
    assert "not 101 %" in fold.changes[2].why
    assert fold.state == replace(before, revision=third)
    assert await follower.start() == fold.state
    _, told = await change(settings, registry, a(ControlKind.CHAMPION, model=model(3)))
    assert told is not None
    assert told.fate is Fate.OBEYED, "whoever comes next is not held up by it"


async def test_what_breaks_a_rule_is_refused_before_it_is_written(settings: Settings, registry: Registry) -> None:
    with pytest.raises(RuleError, match="not 101 %"):
        await change(settings, registry, a(ControlKind.CANARY, share=1.01))
    assert not (await read_all(settings, registry)).changes


async def test_a_topic_that_is_not_there_tells_nothing_and_takes_nothing(
    settings: Settings, registry: Registry
) -> None:
    elsewhere = settings.model_copy(
        update={"kafka": settings.kafka.model_copy(update={"control_topic": "control.nowhere"})}
    )
    follower = ControlFollower(elsewhere, registry)
    try:
        assert await follower.start() == ControlState()
    finally:
        await follower.close()
    with pytest.raises(StreamprocError) as caught:
        await change(elsewhere, registry, a(ControlKind.CHAMPION))
    assert caught.value.code is ErrorCode.TOPIC_MISSING


async def test_without_its_schema_registered_nothing_is_written(stack: Addresses, settings: Settings) -> None:
    topic = f"{settings.kafka.control_topic}.unregistered"
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(20)
    kafka = settings.kafka.model_copy(update={"control_topic": topic})
    registry = Registry(settings.registry)
    try:
        with pytest.raises(StreamprocError, match="schemas register") as caught:
            await change(settings.model_copy(update={"kafka": kafka}), registry, a(ControlKind.CHAMPION))
        assert caught.value.code is ErrorCode.CONTROL_SCHEMA_MISSING
    finally:
        await registry.close()
