"""What every client asks before it begins: whether Kafka and the registry answer, and know what it needs.

A wrong address or a misspelt topic is told here, within seconds, instead of by a wait that nobody sees.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from streamproc.contracts import files
from streamproc.contracts.registry import HeldSchema, Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.refusals import Refusals
from streamproc.transport.codes import NO_TOPIC, PERMISSION

START_SECONDS = 10.0
"""How long Kafka's answer is waited for at the start."""
REGISTRY_SECONDS = 10.0
"""How long the registry's is."""
_ATTEMPT_SECONDS = 1.0
"""After which it is asked whether the brokers refuse to answer."""


def refuse_in_asynchronous_code(instead: str) -> None:
    """Raise RuntimeError where an event loop runs: what blocks would block all that it serves."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(f"this is asynchronous code: use '{instead}'")


def check_topics(client: Producer | Consumer, topics: Iterable[str], refusals: Refusals, servers: str) -> None:
    """Make sure that Kafka answers, lets this client in, and has the topics. It may wait ``START_SECONDS``.

    Args:
        client: its ``error_cb`` is ``refusals.heard``.
        topics: what it will read or write.
        refusals: what the brokers have said.
        servers: the brokers' addresses, for messages.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; KAFKA_REFUSED; TOPIC_MISSING, with a name that is near where there is one.
    """
    deadline = time.monotonic() + START_SECONDS
    for topic in topics:
        while (refused := _refused(client, topic, refusals, servers, deadline)) is not None:
            if refused.code() in PERMISSION:
                raise refusals.failure(refused, topic)
            over = time.monotonic() > deadline
            names = _names(client) if over or refused.code() in NO_TOPIC else [topic]
            # A topic that was made a moment ago may be in the list, and not known when it is asked for.
            if over or topic not in names:
                near = [name for name in difflib.get_close_matches(topic, names, n=1) if name != topic]
                meant = f" (is {near[0]} meant?)" if near else ""
                raise StreamprocError(ErrorCode.TOPIC_MISSING, f"{topic}: {refused.str()}{meant}")
            time.sleep(_ATTEMPT_SECONDS / 10)


def _refused(
    client: Producer | Consumer, topic: str, refusals: Refusals, servers: str, deadline: float
) -> KafkaError | None:
    """What Kafka says against a topic; None: nothing."""
    while True:
        try:
            error: KafkaError | None = client.list_topics(topic, timeout=_ATTEMPT_SECONDS).topics[topic].error
            return error
        except KafkaException as error:
            client.poll(0)  # serves the callback
            if refusals.shut_out or time.monotonic() > deadline:
                raise refusals.failure(error.args[0], servers) from error


def _names(client: Producer | Consumer) -> list[str]:
    """The topics that there are, as far as Kafka says."""
    try:
        return list(client.list_topics(timeout=_ATTEMPT_SECONDS).topics)
    except KafkaException:
        return []


@contextmanager
def naming_the_registry() -> Iterator[None]:
    """Say with REGISTRY_UNAVAILABLE where the registry's address was given."""
    try:
        yield
    except StreamprocError as error:
        if error.code is not ErrorCode.REGISTRY_UNAVAILABLE:
            raise
        raise StreamprocError(error.code, f"{error.message} (Connection.registry_url)") from error


async def check_registry(registry: Registry, topic: str) -> None:
    """Make sure that the registry answers and has schemas for a topic's values. It may wait ``REGISTRY_SECONDS``.

    Raises:
        StreamprocError: REGISTRY_UNAVAILABLE; RESULT_SCHEMA_MISSING where it is another environment's.
    """
    subject = files.subject(topic)
    with naming_the_registry():
        versions = await _versions(registry, subject)
    if not versions:
        raise StreamprocError(
            ErrorCode.RESULT_SCHEMA_MISSING,
            f"the schema registry at {registry.url} holds nothing under {subject}: is it this environment's registry "
            "(Connection.registry_url), and the topic's name right?",
        )


async def _versions(registry: Registry, subject: str) -> dict[int, HeldSchema]:
    deadline = time.monotonic() + REGISTRY_SECONDS
    while True:
        try:
            return await registry.versions(subject)
        except StreamprocError as error:
            if error.code is not ErrorCode.REGISTRY_UNAVAILABLE or time.monotonic() > deadline:
                raise
        await asyncio.sleep(_ATTEMPT_SECONDS)
