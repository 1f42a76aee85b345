"""The agent of corrections on a scripted stream. The table is a stand-in: others show what commits with what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from support.scripted_stream import ScriptedStream, until

from streamproc.agents.outcome import OutcomeRecord
from streamproc.agents.progress.corrections import CorrectionAgent
from streamproc.agents.progress.readings import NoSuchWord
from streamproc.agents.progress.state import NotKept
from streamproc.contracts.generated.events_correction import Correction
from streamproc.contracts.upkeep.examples import CORRECTION
from streamproc.deadletter.envelope import WorkerIdentity
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings
from streamproc.transport import OutcomeRefused

SETTINGS = Settings()
TOPIC, LETTERS, PROGRESS = "reading.correction.v1", "reading.correction.v1.dlq", "reading.progress.v1"


class Room:
    """An agent, what its decoder and its keeper do next, and what it has counted."""

    def __init__(self) -> None:
        self.stream = ScriptedStream(TOPIC)
        self.read: Correction | Exception = CORRECTION
        self.kept: Exception | bool = True
        self.counted: list[str] = []
        told: Any = OutcomeRecord(self.stream.topic(PROGRESS), b"progress", [])

        async def decode(_: bytes | None) -> Correction:
            if isinstance(self.read, Exception):
                raise self.read
            return self.read

        def correction(_: Correction, place: str) -> Any:
            assert place == "reading.correction.v1/0/0"
            if isinstance(self.kept, Exception):
                raise self.kept
            return told if self.kept else None

        decoder: Any = SimpleNamespace(decode=decode)
        keeper: Any = SimpleNamespace(correction=correction)
        metrics: Any = SimpleNamespace(correction=self.counted.append, intake=lambda *_: None, failed=lambda _: None)
        self.agent = CorrectionAgent(
            keeper, decoder, self.stream.topic(LETTERS), lambda: WorkerIdentity("group", "m/1"), metrics, SETTINGS
        )


@asynccontextmanager
async def working(room: Room) -> AsyncIterator[Room]:
    task = asyncio.create_task(room.agent.run(room.stream.as_fausts))
    try:
        yield room
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize(
    ("read", "kept", "counted", "sent"),
    [
        (CORRECTION, True, "applied", [PROGRESS]),
        (CORRECTION, False, "unchanged", []),
        (CORRECTION, NotKept(), "not_kept", []),
        (CORRECTION, NoSuchWord(), "refused", [LETTERS]),
        (replace(CORRECTION, learner_id=""), True, "refused", [LETTERS]),
        (StreamprocError(ErrorCode.VALUE_UNREADABLE), True, "refused", [LETTERS]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception | Correction) else str(value),
)
async def test_a_correction_becomes_progress_or_nothing_or_a_letter(
    read: Correction | Exception, kept: Exception | bool, counted: str, sent: list[str]
) -> None:
    room = Room()
    room.read, room.kept = read, kept
    async with working(room):
        room.stream.deliver(b"a correction", b"a key")
        await until(lambda: room.stream.acked == [0])
    assert room.counted == [counted]
    assert [record.topic for record in room.stream.sent] == sent
    for letter in room.stream.sent:
        if letter.topic == LETTERS:
            assert (letter.key, letter.value) == (b"a key", b"a correction")
            assert letter.headers["streamproc.error.source.topic"] == TOPIC.encode()


async def test_what_kafka_refuses_is_a_letter_then_a_stub_then_the_end() -> None:
    room = Room()
    event = room.stream.deliver(b"a correction", b"a key")
    await room.agent.refused(event, OutcomeRefused("MSG_SIZE_TOO_LARGE", PROGRESS, "in[0]@0"))
    await room.agent.refused(event, OutcomeRefused("MSG_SIZE_TOO_LARGE", LETTERS, "in[0]@0"))
    letter, stub = room.stream.sent
    assert (letter.value, stub.value) == (b"a correction", None)
    assert stub.headers["streamproc.error.original.bytes"] == b"12"
    nothing = room.stream.deliver(None)
    with pytest.raises(StreamprocError) as caught:
        await room.agent.refused(nothing, OutcomeRefused("MSG_SIZE_TOO_LARGE", LETTERS, "in[0]@1"))
    assert caught.value.code is ErrorCode.DEAD_LETTER_REFUSED


async def test_a_fatal_failure_stops_the_worker() -> None:
    room = Room()
    room.read = StreamprocError(ErrorCode.SCHEMA_UNREADABLE)
    async with working(room):
        room.stream.deliver(b"a correction")
        await until(lambda: room.stream.raised)
    assert room.stream.sent == []
