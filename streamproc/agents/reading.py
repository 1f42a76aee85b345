"""The agent of readings: every activity record becomes one outcome, a result or a dead letter.

The transport binds what is sent while a record is worked on to that record: outcome and offset commit in one
transaction, in whatever order the outcomes come.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from faust import EventT, Stream, TopicT
from faust.types import TP

from streamproc.agents.backfill import Backfill
from streamproc.agents.duplicates import Duplicates
from streamproc.agents.intake import Intake
from streamproc.agents.outcome import DeadLetters, EventOutcome, OutcomeRecord, Record, logged_id, record_of
from streamproc.agents.progress.keeper import ProgressKeeper
from streamproc.agents.retrying import Retries
from streamproc.contracts.cloudevents import Headers, event_headers, trace_context
from streamproc.contracts.codec import ActivityDecoder
from streamproc.contracts.corrections import result_id
from streamproc.contracts.generated.events import Activity, Result
from streamproc.contracts.records import EncodedResult, ResultEncoders
from streamproc.deadletter.envelope import REPLAY_NAME, header_list, replays_of
from streamproc.deadletter.quarantine import Quarantine
from streamproc.errors import ErrorClass, ErrorCode, Stage, StreamprocError
from streamproc.health.exhaustion import exhausted, failure
from streamproc.inference.engine import Priority
from streamproc.scoring.activity import ActivityScorer
from streamproc.settings import Settings
from streamproc.telemetry.metrics import Metrics
from streamproc.telemetry.traces import Tracing
from streamproc.tracing.context import carried
from streamproc.tracing.conventions import ACTIVITY_ID, CODE, MESSAGE_ID, TRY_AGAIN
from streamproc.tracing.event import current, current_trace, failure_name, stage
from streamproc.transport import OutcomeRefused, each
from streamproc.transport.headers import unreadable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stages:
    """What the agent calls, one after the other."""

    decoder: ActivityDecoder
    scorer: ActivityScorer
    encoders: ResultEncoders


class ReadingAgent:
    """Works on up to ``max_in_flight`` records at once.

    Args:
        stages: decode, score, encode.
        metrics: where outcomes are counted.
        results: the topics of the results, by name; each of them gets all results.
        letters: makes the dead letters.
        settings: the topics, how many records at once, the event's deadline, when to quarantine.
        tracing: traces the events; None: they are not traced.
        duplicates: remembers what had a result; None: every record has one of its own.
        progress: keeps how learners get on, and tells of it with each result; None: nobody does.
        backfill: history is read again; None: what comes is.
    """

    name = "score_readings"

    def __init__(
        self,
        stages: Stages,
        metrics: Metrics,
        results: Mapping[str, TopicT],
        letters: DeadLetters,
        settings: Settings,
        tracing: Tracing | None = None,
        duplicates: Duplicates | None = None,
        progress: ProgressKeeper | None = None,
        backfill: Backfill | None = None,
    ) -> None:
        self._stages = stages
        self._metrics = metrics
        self._results = results
        self._letters = letters
        self._settings = settings
        self._tracing = tracing
        self._duplicates = duplicates
        self._progress = progress
        self._backfill = backfill
        self.topic = settings.kafka.activity_topic
        self.outcomes = {"results": next(iter(results)), "dead_letters": settings.kafka.dead_letter_topic}
        self._intake = Intake(self._intake_changed)
        self._most = settings.worker.max_in_flight
        self._fewer = asyncio.Event()
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
        await each(stream, self._work, concurrency=self._settings.worker.max_in_flight, opened=self._opened)

    async def _opened(self) -> None:
        """Wait until a new event may be begun: what the engine has no room for waits in Kafka, not in memory."""
        while True:
            await self._intake.opened()
            await self._stages.scorer.room()
            if self._backfill is not None:
                await self._backfill.paced()
            while self._intake.working >= self._most:
                self._fewer.clear()
                await self._fewer.wait()
            if not self._intake.reasons:
                return

    def limit(self, most: int | None) -> None:
        """Work on no more than ``most`` records at once from now on; never on more than the settings say."""
        configured = self._settings.worker.max_in_flight
        self._most = configured if most is None else min(most, configured)
        self._fewer.set()

    def stop(self) -> None:
        """The worker is about to stop: only events that can finish by themselves are waited for."""
        given_up = self._intake.stop()
        if given_up:
            log.warning("events that wait for a dependency are given up; the next worker begins anew", events=given_up)

    def give_up(self) -> None:
        """The drain is over: what is still worked on has no owner any more, and nothing that it needs stays open."""
        self._intake.give_up()

    async def _work(self, event: EventT[bytes]) -> None:
        """Give one record its outcome. What this raises is fatal: the transport stops the worker, and the record is
        read again after the restart.
        """
        self._metrics.started()
        try:
            with self._intake.event():
                record = self._record(event)
                with self._traced(record):
                    outcome = await self._outcome_of(record)
                    await outcome.send()
        except StreamprocError as error:
            self._stops(error)
            raise
        finally:
            self._fewer.set()
            self._metrics.finished()
        if self._backfill is not None:
            self._backfill.outcomes[record.outcome] += 1
        self._watch(outcome, record)

    async def refused(self, event: EventT[bytes], refusal: OutcomeRefused) -> None:
        """Kafka refuses a record's outcome for good: a result becomes a dead letter in its place, and a letter a stub.

        Raises:
            StreamprocError: DEAD_LETTER_REFUSED (fatal), where even the stub is refused.
        """
        record = self._record(event)
        if refusal.topic != self._settings.kafka.dead_letter_topic:
            with self._traced(record):
                error = StreamprocError(ErrorCode.RESULT_TOO_LARGE, refusal.reason)
                letter = self._dead_letter(record, error)
                await letter.send()
            self._watch(letter, record)
            return
        stub = self._letters.stub(record, refusal.reason)
        if stub is None:
            fatal = StreamprocError(ErrorCode.DEAD_LETTER_REFUSED, f"Kafka refuses a dead letter: {refusal.reason}")
            self._stops(fatal)
            raise fatal
        await stub.send()

    def _record(self, event: EventT[bytes]) -> Record:
        """What is known of an event. From now on the log and the spans of this task are about it."""
        deadline, grace = self._settings.event.deadline, self._settings.audio.not_found_grace
        record = record_of(event, Retries(deadline, grace, self._intake, failed=self._failed))
        current.set(record.scope)
        return record

    def _failed(self, code: ErrorCode) -> None:
        """A step of the current event failed and is tried again."""
        self._metrics.failed(code)
        if (trace := current_trace()) is not None:
            trace.keep("retry")
            trace.moment(TRY_AGAIN, {CODE: code.name})

    @contextmanager
    def _traced(self, record: Record) -> Iterator[None]:
        """Trace what is done for a record inside the block."""
        tracing, scope = self._tracing, record.scope
        if tracing is None:
            yield
            return
        position, arrived = record.source.position, getattr(record.message, "time_in", None)
        waited = 0.0 if arrived is None else time.monotonic() - arrived
        trace = scope.trace = tracing.begin(position.topic, record.source.headers, waited)
        code = ""
        try:
            yield
        except BaseException as error:
            code = failure_name(error)
            raise
        finally:
            tracing.end(
                trace,
                TP(position.topic, position.partition),
                position.offset,
                "given_up" if code else record.outcome,
                record.retries.attempts,
                code or record.code,
                {ACTIVITY_ID: logged_id(record.activity_id) or "", MESSAGE_ID: scope.correlation_id},
            )

    def _dead_letter(self, record: Record, error: Exception) -> EventOutcome:
        record.outcome = "dead_letter"
        record.code = failure_name(error)
        return self._letters.letter(record, error)

    async def _outcome_of(self, record: Record) -> EventOutcome:
        """Decide the outcome of one record.

        Raises:
            StreamprocError: fatal failures alone.
        """
        retries, received = record.retries, time.perf_counter()
        try:
            if unreadable(header_list(record.message.headers)):
                raise StreamprocError(ErrorCode.HEADERS_UNREADABLE)
            with stage("decode"):
                activity = await retries.until_it_works(
                    Stage.DECODE, lambda: self._stages.decoder.decode(record.message.value)
                )
            record.activity_id, record.tenant = activity.activity_id, activity.tenant_id
            record.scope.activity_id = logged_id(activity.activity_id)
            if self._duplicates is not None:
                self._duplicates.refuse_second(activity)
            replayed = self._backfill is not None or replays_of(record.source.headers)
            priority = Priority.REPLAY if replayed else Priority.LIVE
            result = await self._stages.scorer.score(
                activity, record.source.position, received, time.perf_counter(), retries, priority
            )
            encoded = self._stages.encoders.encode(result)
        except Exception as error:
            if (what := exhausted(error)) is not None:
                # Whatever was made of it on the way: it is not the event's fault.
                raise failure(what) from None
            if not isinstance(error, StreamprocError):
                # A bug in our code must not cost an event its outcome. The exception's message may quote the event:
                # the log gets the stack alone.
                stack = "".join(traceback.format_tb(error.__traceback__))  # a text: consoles show no list
                log.error("unexpected failure", type=type(error).__name__, stack=stack)
            elif error.code.error_class is ErrorClass.FATAL:
                raise
            return self._dead_letter(record, error)
        record.outcome = result.status.value
        self._metrics.result(result, record.source.timestamp_ms)
        log.info(
            "scored",
            activity_id=logged_id(activity.activity_id),
            partition=result.source.partition,
            offset=result.source.offset,
            status=result.status.value,
            latency_ms=result.timings.total_ms,
        )
        if self._duplicates is not None:
            # Last of all: nothing can fail any more, and others that ask for it are held up as briefly as can be.
            self._duplicates.remember(activity, record.source.position)
        return self._result(record, activity, result, encoded)

    def _result(
        self, record: Record, activity: Activity, result: Result, encoded: Sequence[EncodedResult]
    ) -> EventOutcome:
        """A record for each major version."""
        event_id = result_id(record.source.position)
        trace = record.scope.trace
        records = []
        for major in encoded:
            context = None if trace is None else trace.child(trace.context)
            passed_on: Headers = trace_context(record.message.headers) if context is None else carried(context)
            headers = event_headers(major.event_type, event_id, "/streamproc", activity.activity_id, result.scored_at)
            if self._backfill is not None:
                headers.append((REPLAY_NAME, self._backfill.name.encode()))
            records.append(OutcomeRecord(self._results[major.topic], major.value, [*headers, *passed_on], context))
        if self._progress is not None and (told := self._progress.result(result, event_id)) is not None:
            records.append(told)
        return EventOutcome(activity.learner_id.encode(), tuple(records))

    def _watch(self, outcome: EventOutcome, record: Record) -> None:
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
            log.warning("consumption goes on", reason=reason, paused_s=round(self._intake.closed_for, 1))

    def _stops(self, error: StreamprocError) -> None:
        self._metrics.stops(error.code)
        log.critical("the worker stops", code=error.code.name, stage=error.code.stage.value, reason=error.message)
