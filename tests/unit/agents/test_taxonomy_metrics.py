"""Whatever ends or delays an event is counted by its code, all of the taxonomy's, on the way that it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from support.scripted_stream import ScriptedStream, until

from streamproc.agents import retrying
from streamproc.agents.outcome import DeadLetters
from streamproc.agents.reading import ReadingAgent, Stages
from streamproc.deadletter.envelope import WorkerIdentity
from streamproc.errors import NOT_FAILED, ErrorClass, ErrorCode, Stage, StreamprocError
from streamproc.settings import Settings
from streamproc.telemetry.metrics import Metrics
from streamproc.transport import OutcomeRefused
from streamproc.transport.surface.monitor import TransportState

SETTINGS = Settings()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "POLICIES", dict.fromkeys(Stage, retrying.RetryPolicy(100, 0.001, 0.001)))


class Failing:
    """Stands in for the decoder: it raises what it is given, in turn."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def decode(self, _: bytes | None) -> Any:
        """Nothing is ever decoded."""
        raise self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]


class Room:
    """An agent whose events fail, its stream and its metrics."""

    def __init__(self, *errors: Exception) -> None:
        self.reader = InMemoryMetricReader()
        self.stream = ScriptedStream(SETTINGS.kafka.activity_topic)
        provider = MeterProvider([self.reader])
        metrics = Metrics(TransportState, provider=provider)
        scorer: Any = SimpleNamespace(room=lambda: asyncio.sleep(0))
        decoder: Any = Failing(*errors)
        encoders: Any = None
        letters = DeadLetters(
            self.stream.topic(SETTINGS.kafka.dead_letter_topic), lambda: WorkerIdentity("group", "m/1"), metrics
        )
        result: Any = self.stream.topic("results")
        self.agent = ReadingAgent(Stages(decoder, scorer, encoders), metrics, {"results": result}, letters, SETTINGS)

    async def until(self, condition: Callable[[Room], object]) -> None:
        """Work on one event until the condition holds."""
        task = asyncio.create_task(self.agent.run(self.stream.as_fausts))
        self.stream.deliver(b"value")
        try:
            await until(lambda: condition(self))
        finally:
            task.cancel()
            await asyncio.wait({task})

    def points(self, name: str) -> dict[tuple[str, ...], float]:
        """What a metric counts, by the values of its labels in their names' order; what is 0 left out."""
        data = self.reader.get_metrics_data()
        assert data is not None
        found: dict[tuple[str, ...], float] = {}
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.data.data_points if metric.name == name else ():
                count = point.count if isinstance(point, HistogramDataPoint) else getattr(point, "value", 0)
                if count:
                    found[tuple(str(value) for _, value in sorted((point.attributes or {}).items()))] = count
        return found


COUNTED = {
    ErrorClass.POISON: "streamproc_dead_letters",
    ErrorClass.TRANSIENT: "streamproc_transient_failures",
    ErrorClass.FATAL: "streamproc_fatal_failures",
}


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.name)
async def test_each_code_is_counted(code: ErrorCode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "LATE", ())
    monkeypatch.setattr(retrying, "PUT_OFF", ())
    last = StreamprocError(ErrorCode.VALUE_MISSING)
    room = Room(StreamprocError(code), *([last] if code.error_class is ErrorClass.TRANSIENT else []))
    await room.until(lambda room: room.stream.acked or room.stream.raised)
    fatal = code.error_class is ErrorClass.FATAL
    assert bool(room.stream.acked) is not fatal
    assert room.points(COUNTED[code.error_class]) == {(code.name, code.stage.value): 1}
    letter = code if code.error_class is ErrorClass.POISON else last.code
    unsuccessful = not fatal and code not in NOT_FAILED
    assert room.points("streamproc_activity_success") == ({("false", "unknown"): 1} if unsuccessful else {})
    assert room.points("streamproc_activity_total_ms") == ({} if fatal else {("none", "dead_letter"): 1})
    assert room.points("streamproc_outcome_age") == ({} if fatal else {("dead_letter",): 1})
    aligning = letter.stage in (Stage.REFERENCE, Stage.SCORE) and not fatal
    assert room.points("streamproc_align_failure") == ({(letter.name,): 1} if aligning else {})
    assert room.points("streamproc_in_flight") == {}


async def test_a_bug_is_counted_as_what_nobody_expected() -> None:
    room = Room(ZeroDivisionError())
    await room.until(lambda room: room.stream.acked)
    assert room.points("streamproc_dead_letters") == {("UNEXPECTED", "score"): 1}
    assert room.points("streamproc_align_failure") == {("UNEXPECTED",): 1}


async def test_what_kafka_refuses_is_counted() -> None:
    room = Room(StreamprocError(ErrorCode.VALUE_MISSING))
    event = room.stream.deliver(b"value")
    await room.agent.refused(event, OutcomeRefused("MSG_SIZE_TOO_LARGE", "results", "the event"))
    assert room.points("streamproc_dead_letters") == {("RESULT_TOO_LARGE", "emit"): 1}
    refused = OutcomeRefused("MSG_SIZE_TOO_LARGE", SETTINGS.kafka.dead_letter_topic, "the event")
    await room.agent.refused(event, refused)  # a stub in its place
    with pytest.raises(StreamprocError):
        await room.agent.refused(event, refused)
    assert room.points("streamproc_fatal_failures") == {("DEAD_LETTER_REFUSED", "emit"): 1}
