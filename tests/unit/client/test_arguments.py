"""What a client is given that it cannot use: a clear error at once, and never a wait or a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.holes import hole

from streamproc.client import (
    ActivityPublisher,
    Connection,
    OutcomeFollower,
    ResultSubscriber,
    ResultSubscriberV2,
    StreamprocError,
)
from streamproc.client.connection import RegistryConnection
from streamproc.client.start import check_registry
from streamproc.contracts import rules
from streamproc.contracts.registry import Registry
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.errors import ErrorCode

pytestmark = hole("D6")

NOWHERE = Connection(bootstrap_servers="127.0.0.1:9", registry_url="http://127.0.0.1:9", timeout=0.1)
ANY: Any = None

WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no group": (lambda: ResultSubscriber(NOWHERE, ""), ValueError, "group_id: is empty"),
    "no group, version 2": (lambda: ResultSubscriberV2(NOWHERE, ""), ValueError, "group_id: is empty"),
    "None as group": (lambda: ResultSubscriber(NOWHERE, ANY), TypeError, "group_id: is a NoneType"),
    "no group in librdkafka's settings": (
        lambda: ResultSubscriber(replace(NOWHERE, kafka={"group.id": ""}), "group"),
        ValueError,
        "group.id is empty",
    ),
    "no topic": (lambda: ResultSubscriber(NOWHERE, "group", ""), ValueError, "topic: is empty"),
    "a major that is none": (lambda: ResultSubscriber(NOWHERE, "group", major=3), ValueError, "major: 3"),
    "a URL as connection": (lambda: ResultSubscriber("kafka:9092", "group"), TypeError, "Connection"),  # type: ignore[arg-type]
    "no source": (lambda: ActivityPublisher(NOWHERE, source=""), ValueError, "source: is empty"),
    "bytes as source": (lambda: ActivityPublisher(NOWHERE, source=b"/x"), TypeError, "source"),  # type: ignore[arg-type]
    "a list as topic": (lambda: ActivityPublisher(NOWHERE, source="/x", topic=["a"]), TypeError, "topic"),  # type: ignore[arg-type]
    "no topic to follow": (lambda: OutcomeFollower(NOWHERE, result_topic=""), ValueError, "result_topic: is empty"),
    "no brokers": (lambda: replace(NOWHERE, bootstrap_servers=""), ValueError, "bootstrap_servers: is empty"),
    "a list of brokers": (lambda: replace(NOWHERE, bootstrap_servers=["a"]), TypeError, "bootstrap_servers"),  # type: ignore[arg-type]
    "no scheme": (lambda: replace(NOWHERE, registry_url="registry:8081"), ValueError, "http://"),
    "no time": (lambda: replace(NOWHERE, timeout=0), ValueError, "timeout"),
    "no number": (lambda: replace(NOWHERE, timeout=float("nan")), ValueError, "timeout"),
    "None as password": (lambda: replace(NOWHERE, registry_password=ANY), TypeError, "registry_password"),
    "a list of settings": (lambda: replace(NOWHERE, kafka=[("a", "b")]), TypeError, "kafka"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_named(case: str) -> None:
    make, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        make()


async def test_with_in_asynchronous_code_is_refused() -> None:
    with pytest.raises(RuntimeError, match="async with"), ActivityPublisher(NOWHERE, source="/x"):
        pass
    with pytest.raises(RuntimeError, match="async with"), OutcomeFollower(NOWHERE):
        pass
    with pytest.raises(RuntimeError, match="async for"):
        next(iter(ResultSubscriber(NOWHERE, "group")))


def test_a_closed_client_says_so() -> None:
    with pytest.raises(RuntimeError, match="use it inside 'with'"):
        ActivityPublisher(NOWHERE, source="/x").send(ACTIVITY)
    with pytest.raises(TypeError, match="Activity"):
        ActivityPublisher(NOWHERE, source="/x").send("an activity")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Receipt"):
        OutcomeFollower(NOWHERE).outcome(ACTIVITY)  # type: ignore[arg-type]


FIRST = ACTIVITY.phrases[0]
WRONG_TYPES: dict[str, tuple[Any, str]] = {
    "attempt a text": (replace(ACTIVITY, attempt="2"), "attempt: is a str, not an int"),  # type: ignore[arg-type]
    "attempt true": (replace(ACTIVITY, attempt=True), "attempt: is a bool, not an int"),
    "attempt of 40 bits": (replace(ACTIVITY, attempt=2**40), "attempt: has more than 32 bits"),
    "no learner": (replace(ACTIVITY, learner_id=ANY), "learner_id: is None, not a str"),
    "half a surrogate pair": (replace(ACTIVITY, story_id="\ud800"), "story_id: is no text"),
    "a time as text": (replace(ACTIVITY, started_at="2025-01-01"), "started_at: is a str, not a datetime"),  # type: ignore[arg-type]
    "a phrase as phrases": (replace(ACTIVITY, phrases=FIRST), "phrases: is a Phrase, not a tuple"),  # type: ignore[arg-type]
    "texts as phrases": (replace(ACTIVITY, phrases=("The cat",)), r"phrases\[0\]: is a str, not a Phrase"),  # type: ignore[arg-type]
    "an array of bytes": (
        replace(ACTIVITY, phrases=(replace(FIRST, audio=replace(FIRST.audio, data=bytearray(b"RIFF"))),)),  # type: ignore[arg-type]
        r"phrases\[0\]\.audio\.data: is a bytearray, not a bytes",
    ),
    "a codec as text": (
        replace(ACTIVITY, phrases=(replace(FIRST, audio=replace(FIRST.audio, codec="WAV")),)),  # type: ignore[arg-type]
        r"phrases\[0\]\.audio\.codec: is a str, not a Codec",
    ),
}


@pytest.mark.parametrize("case", WRONG_TYPES)
def test_a_field_of_the_wrong_type_is_named(case: str) -> None:
    activity, message = WRONG_TYPES[case]
    with pytest.raises(StreamprocError, match=message) as caught:
        rules.validate(activity)
    assert caught.value.code is ErrorCode.ACTIVITY_INVALID


def test_a_list_of_phrases_will_do() -> None:
    rules.validate(replace(ACTIVITY, phrases=list(ACTIVITY.phrases)))  # type: ignore[arg-type]


async def test_a_registry_that_does_not_answer_is_told_by_the_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.client.start.REGISTRY_SECONDS", 0.0)
    registry = Registry(RegistryConnection.of(NOWHERE))
    with pytest.raises(StreamprocError, match=r"\(Connection\.registry_url\)$") as caught:
        await check_registry(registry, "results")
    assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
    await registry.close()
