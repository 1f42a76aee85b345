"""The agent of readings on a scripted stream: every event one outcome, and none for the world's faults.

Decoder, scorer, encoders and retries are the real ones; registry, model and topics are in this process. That outcome
and offset share a transaction, the tests with a broker show.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import soundfile
from support.scripted_stream import ScriptedStream, Sent, until
from support.table_worker import TableWorker

from streamproc.agents import retrying
from streamproc.agents.duplicates import Duplicates
from streamproc.agents.outcome import DeadLetters
from streamproc.agents.reading import ReadingAgent, Stages
from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts import files
from streamproc.contracts.codec import ActivityDecoder, ActivityEncoder, ResultDecoder
from streamproc.contracts.generated.events import Activity, Audio, Phrase, ResultStatus, SourcePosition
from streamproc.contracts.majors import V1
from streamproc.contracts.records import ResultEncoders
from streamproc.contracts.registry import HeldSchema, Registry
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.deadletter.envelope import REPLAY_COUNT, WorkerIdentity
from streamproc.errors import ErrorCode, Stage, StreamprocError
from streamproc.inference.engine import Inference, ModelIdentity, Priority, Samples
from streamproc.scoring import lexicon
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.phonemes import BLANK
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings
from streamproc.settings.duplicates import DuplicatesSettings
from streamproc.telemetry.metrics import Metrics
from streamproc.transport import OutcomeRefused, Seen
from streamproc.transport.surface.monitor import TransportState

SETTINGS = Settings()
ACTIVITIES, RESULTS, LETTERS = "reading.activity.v1", "reading.result.v1", "reading.activity.v1.dlq"
SUBJECTS = {files.subject(ACTIVITIES): files.ACTIVITY, files.subject(RESULTS): files.RESULT}


class MemoryRegistry(Registry):
    """Holds the newest version of each contract; the ids are their places in SUBJECTS, from 1."""

    async def schema(self, schema_id: int) -> HeldSchema:
        """By id."""
        return HeldSchema(files.newest(list(SUBJECTS.values())[schema_id - 1]).text, "AVRO", schema_id)

    async def id_of(self, subject: str, text: str) -> int | None:
        """By subject."""
        return list(SUBJECTS).index(subject) + 1

    async def versions(self, subject: str, *, deleted: bool = False) -> dict[int, HeldSchema]:
        """Of a subject."""
        return {1: await self.schema(list(SUBJECTS).index(subject) + 1)}


class SilentEngine:
    """A model that hears nothing, and fails first as often as there are ``faults``."""

    name = "silent"
    model = ModelIdentity("silent", "1", "")

    def __init__(self) -> None:
        self.faults: list[StreamprocError] = []
        self.called = 0
        self.priorities: list[Priority] = []
        self.vacant = asyncio.Event()
        self.vacant.set()
        self.answers = asyncio.Event()
        self.answers.set()

    async def start(self) -> ModelIdentity:
        """The model."""
        return self.model

    @property
    def has_room(self) -> bool:
        """As it is told."""
        return self.vacant.is_set()

    async def room(self) -> None:
        """As it is told."""
        await self.vacant.wait()

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """Blanks alone, once it may answer."""
        self.called += 1
        self.priorities.append(priority)
        if self.faults:
            raise self.faults.pop(0)
        await self.answers.wait()
        silence = np.eye(BLANK + 1, dtype=np.float32)[BLANK] * 9
        return Inference([np.tile(silence, (len(clip) // 320, 1)) for clip in clips], self.model, "silent", 0.0, 0.0)

    async def close(self) -> None:
        """Nothing to release."""


class Remembering(Duplicates):
    """Stands in for the table: it remembers all that it is told, at once."""

    def __init__(self, app: TableWorker) -> None:
        super().__init__(app.app, SETTINGS.model_copy(update={"duplicates": DuplicatesSettings(window=60)}), RESULTS)
        self.asked: list[str] = []
        self._first: dict[str, Seen] = {}
        table: Any = self._seen
        table.find, table.remember = self._find, self._remember

    def _find(self, *key: str) -> Seen | None:
        self.asked.append(key[-1])
        return self._first.get(str(key))

    def _remember(self, *key: str, note: str) -> None:
        self._first[str(key)] = Seen(0, note)


class Room:
    """An agent and its stream."""

    def __init__(self, settings: Settings = SETTINGS, duplicates: Duplicates | None = None) -> None:
        self.stream = ScriptedStream(ACTIVITIES)
        self.registry = MemoryRegistry(settings.registry)
        self.engine = SilentEngine()
        self.encoders = ResultEncoders(self.registry, {files.RESULT: RESULTS})
        fetcher = ClipFetcher((), settings.audio.max_bytes)
        scorer = ActivityScorer(fetcher, self.engine, VariantAligner(), settings.audio, settings.scoring)
        metrics = Metrics(TransportState)
        self.agent = ReadingAgent(
            Stages(ActivityDecoder(self.registry, ACTIVITIES), scorer, self.encoders),
            metrics,
            {RESULTS: self.stream.topic(RESULTS)},
            DeadLetters(self.stream.topic(LETTERS), lambda: WorkerIdentity("group", "silent/1"), metrics),
            settings,
            duplicates=duplicates,
        )


@asynccontextmanager
async def working(settings: Settings = SETTINGS, duplicates: Duplicates | None = None) -> AsyncIterator[Room]:
    """An agent that consumes."""
    room = Room(settings, duplicates)
    await room.encoders.start()
    task = asyncio.create_task(room.agent.run(room.stream.as_fausts))
    try:
        yield room
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})
        await room.registry.close()


def impatient() -> Settings:
    """Events have no time of their own: with the first failure the intake closes."""
    return SETTINGS.model_copy(update={"event": SETTINGS.event.model_copy(update={"deadline": 1e-6})})


@pytest.fixture(autouse=True, scope="module")
def _lexicon() -> None:
    lexicon.load()  # as the worker does before it consumes: it takes its time


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "PAUSED_FIRST_WAIT", 0.001)
    monkeypatch.setattr(retrying, "PAUSED_LONGEST_WAIT", 0.001)
    monkeypatch.setattr(retrying, "POLICIES", dict.fromkeys(Stage, retrying.RetryPolicy(100, 0.001, 0.001)))


def reading(seconds: float = 0.2) -> Activity:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(round(16_000 * seconds), np.float32), 16_000, format="WAV")
    phrase = Phrase(index=0, expected_text="a fox", audio=Audio(data=file.getvalue(), sample_rate=16_000))
    return replace(ACTIVITY, phrases=(phrase,))


async def value_of(activity: Activity) -> bytes:
    encoder = ActivityEncoder(MemoryRegistry(SETTINGS.registry), ACTIVITIES)
    await encoder.start()
    return encoder.encode(activity)


def unavailable(times: int) -> list[StreamprocError]:
    return [StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE) for _ in range(times)]


def code_of(letter: Sent) -> str:
    return (letter.headers["streamproc.error.code"] or b"").decode()


async def test_a_good_event_becomes_a_result() -> None:
    async with working() as room:
        trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        room.stream.deliver(await value_of(reading()), b"another", [("traceparent", trace), ("mine", b"1")])
        await until(lambda: room.stream.acked == [0])
        (sent,) = room.stream.sent
        assert (sent.topic, sent.key) == (RESULTS, ACTIVITY.learner_id.encode())
        assert sent.headers["ce_id"] == b"reading.activity.v1/0/0"
        assert (sent.headers["traceparent"], "mine" in sent.headers) == (trace, False)
        result = await ResultDecoder(room.registry, RESULTS, V1).decode(sent.value)
        assert (result.activity_id, result.status) == (ACTIVITY.activity_id, ResultStatus.COMPLETE)
        assert result.source == SourcePosition(topic=ACTIVITIES, partition=0, offset=0)
        assert result.counts.omitted == 2


@pytest.mark.parametrize(("value", "code"), [(None, "VALUE_MISSING"), (b"\0\0\0\0\1", "VALUE_UNREADABLE")])
async def test_a_poison_event_becomes_a_letter_at_once(value: bytes | None, code: str) -> None:
    async with working() as room:
        room.stream.deliver(value, b"its key", [("mine", b"1")])
        await until(lambda: room.stream.acked == [0])
        (letter,) = room.stream.sent
        assert (letter.topic, letter.key, letter.value) == (LETTERS, b"its key", value)
        assert (code_of(letter), letter.headers["mine"]) == (code, b"1")
        assert letter.headers["streamproc.error.source.offset"] == b"0"
        assert room.agent.paused == []


async def test_a_letter_names_the_tenant_where_the_event_can_be_read() -> None:
    async with working() as room:
        room.stream.deliver(await value_of(replace(ACTIVITY, phrases=())))
        await until(lambda: room.stream.acked == [0])
        (letter,) = room.stream.sent
        assert code_of(letter) == "PHRASES_MISSING"
        assert letter.headers["streamproc.error.tenant"] == b"district-12"


async def test_a_bug_is_the_events_end_and_not_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret of the event's")

    value = await value_of(reading())
    monkeypatch.setattr(ResultEncoders, "encode", broken)
    async with working() as room:
        room.stream.deliver(value)
        await until(lambda: room.stream.acked == [0])
        (letter,) = room.stream.sent
        assert (letter.topic, code_of(letter)) == (LETTERS, "UNEXPECTED")
        assert not any(b"secret" in (value or b"") for value in letter.headers.values())


async def test_a_transient_failure_is_tried_again_and_holds_up_its_event_alone() -> None:
    async with working() as room:
        room.engine.faults = unavailable(3)
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.agent.waits)
        assert (room.agent.paused, room.stream.sent, room.stream.acked) == ([], [], [])
        await until(lambda: room.stream.acked == [0])
        assert ([sent.topic for sent in room.stream.sent], room.engine.called) == ([RESULTS], 4)
        assert not room.agent.waits


async def test_beyond_its_time_it_pauses_the_worker_until_the_world_is_back() -> None:
    async with working(impatient()) as room:
        room.engine.faults = unavailable(10_000)
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.agent.paused)
        assert room.agent.paused == ["INFERENCE_UNAVAILABLE"]
        for _ in range(3):
            room.stream.deliver(None)
        called = room.engine.called
        await until(lambda: room.engine.called > called + 1)
        # Whoever stood at the stream already has taken the next; nothing new is begun after that.
        assert room.stream.acked == [1]
        room.engine.faults = []
        await until(lambda: sorted(room.stream.acked) == [0, 1, 2, 3])
        assert {sent.topic for sent in room.stream.sent} == {RESULTS, LETTERS}
        assert room.agent.paused == []


async def test_what_the_engine_has_no_room_for_is_not_begun() -> None:
    async with working() as room:
        room.engine.vacant.clear()
        for _ in range(3):
            room.stream.deliver(await value_of(reading()))
        await asyncio.sleep(0.05)
        assert room.engine.called == 0
        assert room.agent.paused == []
        room.engine.vacant.set()
        await until(lambda: sorted(room.stream.acked) == [0, 1, 2])


async def test_a_live_limit_holds_up_what_is_not_begun_until_it_is_lifted() -> None:
    async with working() as room:
        room.engine.answers.clear()
        room.agent.limit(1)
        value = await value_of(reading())
        room.stream.deliver(value)
        await until(lambda: room.engine.called == 1)
        for _ in range(3):
            room.stream.deliver(value)
        await asyncio.sleep(0.05)
        # Whoever stood at the stream already has taken one more.
        assert room.engine.called <= 2
        room.agent.limit(None)
        await until(lambda: room.engine.called == 4)
        room.engine.answers.set()
        await until(lambda: sorted(room.stream.acked) == [0, 1, 2, 3])


async def test_an_intake_that_closes_while_the_engine_has_no_room_stays_closed() -> None:
    async with working() as room:
        room.engine.vacant.clear()
        room.stream.deliver(await value_of(reading()))
        await asyncio.sleep(0.05)
        room.agent.stop()
        room.engine.vacant.set()
        await asyncio.sleep(0.05)
        assert room.engine.called == 0


async def test_what_is_replayed_gives_precedence_to_what_is_live() -> None:
    async with working() as room:
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.stream.acked == [0])
        room.stream.deliver(await value_of(reading()), headers=[(REPLAY_COUNT, b"1")])
        await until(lambda: room.stream.acked == [0, 1])
        assert room.engine.priorities == [Priority.LIVE, Priority.REPLAY]


async def test_a_fatal_failure_stops_the_worker_and_leaves_the_event_without_an_outcome() -> None:
    async with working() as room:
        room.engine.faults = [StreamprocError(ErrorCode.MODEL_UNSUITABLE)]
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.stream.raised)
        ((offset, error),) = room.stream.raised
        assert isinstance(error, StreamprocError)
        assert (offset, error.code) == (0, ErrorCode.MODEL_UNSUITABLE)
        assert (room.stream.sent, room.stream.acked) == ([], [])


async def test_a_result_that_kafka_refuses_becomes_a_letter_and_that_a_stub() -> None:
    async with working() as room:
        value = await value_of(reading())
        event = room.stream.deliver(value, b"k" * 2000)
        await until(lambda: room.stream.acked == [0])
        await room.agent.refused(event, OutcomeRefused("MSG_SIZE_TOO_LARGE", RESULTS, "in[0]@0"))
        await room.agent.refused(event, OutcomeRefused("MSG_SIZE_TOO_LARGE", LETTERS, "in[0]@0"))
        _, letter, stub = room.stream.sent
        assert (letter.topic, code_of(letter), letter.value) == (LETTERS, "RESULT_TOO_LARGE", value)
        assert (stub.topic, code_of(stub), stub.key, stub.value) == (LETTERS, "RESULT_TOO_LARGE", None, None)
        assert stub.headers["streamproc.error.original.bytes"] == b"%d" % len(value)
        with pytest.raises(StreamprocError) as caught:
            await room.agent.refused(event, OutcomeRefused("MSG_SIZE_TOO_LARGE", LETTERS, "in[0]@0"))
        assert caught.value.code is ErrorCode.DEAD_LETTER_REFUSED


async def test_many_deaths_of_one_cause_close_the_intake_for_good() -> None:
    async with working() as room:
        for _ in range(SETTINGS.quarantine.events):
            room.stream.deliver(None)
        await until(lambda: room.agent.paused == ["quarantine"])
        begun = len(room.stream.sent)
        await asyncio.sleep(0.05)
        assert SETTINGS.quarantine.events / 2 < begun == len(room.stream.sent) < SETTINGS.quarantine.events


@pytest.fixture
async def remembering() -> Remembering:
    return Remembering(TableWorker())


async def test_what_is_published_twice_is_scored_once_and_its_letter_names_the_result(remembering: Remembering) -> None:
    async with working(duplicates=remembering) as room:
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.stream.acked == [0])
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.stream.acked == [0, 1])
        assert room.engine.called == 1
        result, letter = room.stream.sent
        assert (letter.topic, code_of(letter)) == (LETTERS, "DUPLICATE_ACTIVITY")
        assert letter.headers["streamproc.error.first"] == result.headers["ce_id"] == b"reading.activity.v1/0/0"
        assert letter.headers["streamproc.error.first.result.topic"] == RESULTS.encode()
        assert b"reading.activity.v1/0/0" in (letter.headers["streamproc.error.message"] or b"")


@pytest.mark.parametrize("other", [{"learner_id": "another"}, {"tenant_id": "another"}])
async def test_an_id_that_another_learner_or_tenant_has_chosen_too_is_another_activity(
    remembering: Remembering, other: dict[str, str]
) -> None:
    async with working(duplicates=remembering) as room:
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.stream.acked == [0])
        room.stream.deliver(await value_of(replace(reading(), **cast(Any, other))))
        await until(lambda: room.stream.acked == [0, 1])
        assert [sent.topic for sent in room.stream.sent] == [RESULTS, RESULTS]


async def test_a_letter_that_is_replayed_is_no_duplicate_of_itself(remembering: Remembering) -> None:
    async with working(duplicates=remembering) as room:
        room.engine.faults = [StreamprocError(ErrorCode.INFERENCE_REFUSED)]
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.stream.acked == [0])
        room.stream.deliver(await value_of(reading()), headers=[(REPLAY_COUNT, b"1")])
        await until(lambda: room.stream.acked == [0, 1])
        assert remembering.asked == [ACTIVITY.activity_id] * 2
        assert [sent.topic for sent in room.stream.sent][-1] == RESULTS


async def test_any_number_of_duplicates_close_no_intake(remembering: Remembering) -> None:
    async with working(duplicates=remembering) as room:
        value = await value_of(reading())
        room.stream.deliver(value)
        await until(lambda: room.stream.acked == [0])
        for _ in range(SETTINGS.quarantine.events):
            room.stream.deliver(value)
        await until(lambda: len(room.stream.acked) == 1 + SETTINGS.quarantine.events)
        assert room.agent.paused == []


async def test_an_event_that_waits_when_the_worker_stops_is_given_up() -> None:
    async with working() as room:
        room.engine.faults = unavailable(10_000)
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.agent.waits)
        room.agent.stop()
        await until(lambda: room.stream.raised)
        ((offset, error),) = room.stream.raised
        assert (offset, type(error)) == (0, asyncio.CancelledError)
        assert (room.stream.sent, room.stream.acked, room.agent.paused) == ([], [], ["stopping"])


async def test_an_event_that_can_finish_is_waited_for_until_the_drain_is_over() -> None:
    async with working() as room:
        room.engine.answers.clear()
        room.stream.deliver(await value_of(reading()))
        room.stream.deliver(await value_of(reading()))
        await until(lambda: room.engine.called == 2)
        room.agent.stop()
        assert room.stream.raised == []
        room.agent.give_up()
        await until(lambda: len(room.stream.raised) == 2)
        assert (room.stream.sent, room.stream.acked) == ([], [])
