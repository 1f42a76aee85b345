"""The Faust agent: every activity record becomes one outcome, a result or a dead letter.

The transport binds what is sent while a record is worked on to that record: outcome and offset commit in one
transaction, in whatever order the outcomes come.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from faust import EventT, Stream, TopicT

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.contracts.cloudevents import event_headers, trace_context
from streamproc.contracts.codec import ActivityDecoder
from streamproc.contracts.generated.events import Activity, SourcePosition
from streamproc.contracts.records import ResultEncoders
from streamproc.deadletter.envelope import (
    STUB_KEY_BYTES,
    Failure,
    Headers,
    Source,
    Worker,
    error_headers,
    failure_of,
    header_list,
    stub_headers,
)
from streamproc.deadletter.quarantine import Quarantine
from streamproc.deadletter.times import timestamp_of
from streamproc.errors import ErrorClass, ErrorCode, Stage, StreamprocError
from streamproc.health.exhaustion import exhausted, failure
from streamproc.kafka.places import write_place
from streamproc.scoring.activity import ActivityScorer
from streamproc.settings import Settings
from streamproc.telemetry.metrics import Metrics
from streamproc.transport import OutcomeRefused, each
from streamproc.transport.headers import shown, unreadable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stages:
    """What the agent calls, one after the other."""

    decoder: ActivityDecoder
    scorer: ActivityScorer
    encoders: ResultEncoders


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """One record to be written."""

    topic: TopicT
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an activity record becomes: a result, once for each major version, or with a fingerprint a dead letter."""

    key: bytes | None
    records: tuple[OutcomeRecord, ...]
    fingerprint: str | None = None

    @property
    def is_result(self) -> bool:
        """Whether it is a result."""
        return self.fingerprint is None


@dataclass(slots=True)
class Record:
    """An activity record that is being worked on, with what is known of it so far."""

    event: EventT[bytes]
    source: Source
    retries: Retries
    activity: Activity | None = None

    @property
    def message(self) -> Any:
        """What Kafka delivered."""
        return self.event.message


class ReadingAgent:
    """Works on up to ``max_in_flight`` records at once.

    Args:
        stages: decode, score, encode.
        metrics: where outcomes are counted.
        results: the topics of the results, by name.
        dead_letters: the topic of the dead letters.
        settings: how many records at once, the event's deadline, when to quarantine.
        worker: who signs a dead letter, asked for each: the model may change.
    """

    def __init__(
        self,
        stages: Stages,
        metrics: Metrics,
        results: Mapping[str, TopicT],
        dead_letters: TopicT,
        settings: Settings,
        worker: Callable[[], Worker],
    ) -> None:
        self._stages = stages
        self._metrics = metrics
        self._results = results
        self._dead_letters = dead_letters
        self._settings = settings
        self._worker = worker
        self._intake = Intake(self._intake_changed)
        #: Why the events became letters whose letters may be refused still.
        self._failures: WeakKeyDictionary[EventT[bytes], Failure] = WeakKeyDictionary()
        self._working: set[asyncio.Task[Any]] = set()
        self._quarantine = Quarantine(settings.quarantine.percent, settings.quarantine.events)

    @property
    def paused(self) -> list[str]:
        """Why new events are not begun; empty while they are."""
        return self._intake.reasons

    @property
    def waits(self) -> bool:
        """Whether an event waits for a dependency."""
        return self._intake.waiting

    async def run(self, stream: Stream[bytes]) -> None:
        """Consume until cancelled."""
        await each(stream, self._work, concurrency=self._settings.worker.max_in_flight, opened=self._intake.opened)

    def stop(self) -> None:
        """The worker is about to stop: only events that can finish by themselves are waited for."""
        given_up = self._intake.stop()
        if given_up:
            log.warning("events that wait for a dependency are given up; the next worker begins anew", events=given_up)

    def give_up(self) -> None:
        """The drain is over: what is still worked on has no owner any more, and nothing that it needs stays open."""
        for task in self._working:
            task.cancel()

    async def _work(self, event: EventT[bytes]) -> None:
        """Give one record its outcome. What this raises is fatal: the transport stops the worker, and the record is
        read again after the restart.
        """
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        self._metrics.started()
        try:
            record = self._record(event)
            outcome = await self.outcome_of(record)
            await self._send(outcome)
        except StreamprocError as error:
            _log_stop(error)
            raise
        finally:
            self._working.discard(task)
            self._intake.ended(task)
            self._metrics.finished()
        self._watch(outcome, record)

    async def refused(self, event: EventT[bytes], refusal: OutcomeRefused) -> None:
        """Kafka refuses a record's outcome for good: a result becomes a dead letter in its place, and a letter a stub.

        Raises:
            StreamprocError: DEAD_LETTER_REFUSED (fatal), where even the stub is refused.
        """
        record = self._record(event)
        if refusal.topic != self._settings.kafka.dead_letter_topic:
            outcome = self._dead_letter(record, StreamprocError(ErrorCode.RESULT_TOO_LARGE, refusal.reason))
            await self._send(outcome)
            self._watch(outcome, record)
            return
        failure = self._failures.pop(event, None)
        if failure is None:
            fatal = StreamprocError(ErrorCode.DEAD_LETTER_REFUSED, f"Kafka refuses a dead letter: {refusal.reason}")
            _log_stop(fatal)
            raise fatal
        await self._send(self._stub(record, failure, refusal.reason))

    def _record(self, event: EventT[bytes]) -> Record:
        message: Any = event.message
        position = SourcePosition(topic=message.topic, partition=message.partition, offset=message.offset)
        headers = [(shown(name), value) for name, value in header_list(message.headers)]
        source = Source(position, timestamp_of(message.record), headers)
        settings = self._settings
        retries = Retries(
            settings.event.deadline, settings.audio.not_found_grace, self._intake, failed=self._metrics.failed
        )
        return Record(event, source, retries)

    async def _send(self, outcome: Outcome) -> None:
        # All of them in the event's one transaction.
        for record in outcome.records:
            headers: Any = record.headers  # Faust's type leaves out headers without a value.
            await record.topic.send(key=outcome.key, value=record.value, headers=headers)

    async def outcome_of(self, record: Record) -> Outcome:
        """Decide the outcome of one record.

        Raises:
            StreamprocError: fatal failures alone.
        """
        source, retries = record.source.position, record.retries
        received = time.perf_counter()
        try:
            if unreadable(header_list(record.message.headers)):
                raise StreamprocError(ErrorCode.HEADERS_UNREADABLE)
            activity = record.activity = await retries.until_it_works(
                Stage.DECODE, lambda: self._stages.decoder.decode(record.message.value)
            )
            result = await self._stages.scorer.score(activity, source, received, time.perf_counter(), retries)
            encoded = self._stages.encoders.encode(result)
        except Exception as error:
            if (what := exhausted(error)) is not None:
                # Whatever was made of it on the way: it is not the event's fault.
                raise failure(what) from None
            if isinstance(error, StreamprocError):
                if error.code.error_class is ErrorClass.FATAL:
                    raise
                return self._dead_letter(record, error)
            # A bug in our code must not cost an event its outcome. The exception's message may quote the event: the
            # log gets the stack alone.
            log.error("unexpected failure", type=type(error).__name__, stack=traceback.format_tb(error.__traceback__))
            return self._dead_letter(record, error)
        self._metrics.result(result)
        log.info(
            "scored",
            activity_id=activity.activity_id,
            partition=source.partition,
            offset=source.offset,
            status=result.status.value,
            total_ms=result.timings.total_ms,
        )
        event_id = write_place(source.topic, source.partition, source.offset)
        trace = trace_context(record.message.headers)
        records = tuple(
            OutcomeRecord(
                self._results[each_major.topic],
                each_major.value,
                [
                    *event_headers(
                        each_major.event_type, event_id, "/streamproc", activity.activity_id, result.scored_at
                    ),
                    *trace,
                ],
            )
            for each_major in encoded
        )
        return Outcome(activity.learner_id.encode(), records)

    def _dead_letter(self, record: Record, error: Exception) -> Outcome:
        activity, retries = record.activity, record.retries
        failure = failure_of(error, retries.attempts, retries.first, None if activity is None else activity.tenant_id)
        self._metrics.dead_letter(failure.code.name, failure.code.stage.value)
        log.warning(
            "dead letter",
            code=failure.code.name,
            stage=failure.code.stage.value,
            reason=failure.message,
            fingerprint=failure.fingerprint,
            partition=record.source.position.partition,
            offset=record.source.position.offset,
        )
        self._failures[record.event] = failure
        headers = error_headers(record.source, failure, self._worker())
        letter = OutcomeRecord(self._dead_letters, record.message.value, headers)
        return Outcome(record.message.key, (letter,), failure.fingerprint)

    def _stub(self, record: Record, failure: Failure, reason: str) -> Outcome:
        """What is left of a letter that Kafka does not take."""
        key, value = record.message.key, record.message.value
        log.warning(
            "the dead letter is refused; a stub is kept, and a replay reads the original from its source",
            code=failure.code.name,
            reason=reason,
            partition=record.source.position.partition,
            offset=record.source.position.offset,
        )
        headers = stub_headers(record.source, failure, self._worker(), value)
        stub = OutcomeRecord(self._dead_letters, None, headers)
        return Outcome(key if key is None or len(key) <= STUB_KEY_BYTES else None, (stub,), failure.fingerprint)

    def _watch(self, outcome: Outcome, record: Record) -> None:
        if self._quarantine.record(outcome.fingerprint):
            limits = self._settings.quarantine
            log.error(
                "quarantine: consumption is paused; mend the cause and restart, or set STREAMPROC_QUARANTINE__PERCENT",
                topic=record.source.position.topic,
                fingerprint=outcome.fingerprint,
                reason=f"more than {limits.percent:g} % of the last {limits.events} events died with this fingerprint",
            )
            self._intake.close("quarantine")

    def _intake_changed(self, reason: str, closed: bool) -> None:
        self._metrics.intake(reason, closed)
        if closed:
            level = logging.INFO if reason == "stopping" else logging.WARNING
            log.log(level, "consumption is paused", reason=reason)
        elif not self._intake.reasons:
            log.warning("consumption goes on", reason=reason)


def _log_stop(error: StreamprocError) -> None:
    log.critical("the worker stops", code=error.code.name, stage=error.code.stage.value, reason=error.message)
