"""The Faust agent: every activity record becomes one outcome, a result or a dead letter.

Everything that touches offsets is here: a record is acknowledged when its outcome has been handed to Kafka, in
whatever order the outcomes come.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from dataclasses import dataclass
from typing import Any

import structlog
from faust import EventT, Stream, TopicT

from streamproc.contracts.cloudevents import RESULT_TYPE, Headers, event_headers, trace_context
from streamproc.contracts.codec import ActivityDecoder, ResultEncoder
from streamproc.contracts.events import SourcePosition
from streamproc.deadletter.envelope import error_headers
from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.retrying import until_it_works
from streamproc.scoring.activity import ActivityScorer
from streamproc.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stages:
    """What the agent calls, one after the other."""

    decoder: ActivityDecoder
    scorer: ActivityScorer
    encoder: ResultEncoder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an activity record becomes: a record for the result topic or for the dead letter topic."""

    is_result: bool
    key: bytes | None
    value: bytes | None
    headers: Headers


class ReadingAgent:
    """Works on up to ``max_in_flight`` records at once.

    Args:
        stages: decode, score, encode.
        metrics: where outcomes are counted.
        results, dead_letters: the topics of the outcomes.
        max_in_flight: records at once.
        stop: called with the reason of a fatal failure; no outcome is written then.
    """

    def __init__(
        self,
        stages: Stages,
        metrics: Metrics,
        results: TopicT,
        dead_letters: TopicT,
        max_in_flight: int,
        stop: Any,
    ) -> None:
        self._stages = stages
        self._metrics = metrics
        self._results = results
        self._dead_letters = dead_letters
        self._places = asyncio.Semaphore(max_in_flight)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = stop

    async def run(self, stream: Stream[bytes]) -> None:
        """Consume until cancelled."""
        async for event in stream.noack().events():
            await self._places.acquire()
            task = asyncio.create_task(self._work(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, event: EventT[bytes]) -> None:
        self._metrics.started()
        try:
            outcome = await self.outcome_of(event)
            topic = self._results if outcome.is_result else self._dead_letters
            # The record counts as written when Kafka has confirmed it, not when it is queued.
            await (await topic.send(key=outcome.key, value=outcome.value, headers=outcome.headers))
            event.ack()
        except StreamprocError as error:
            self._stop(error)
        finally:
            self._metrics.finished()
            self._places.release()

    async def outcome_of(self, event: EventT[bytes]) -> Outcome:
        """Decide the outcome of one record.

        Raises:
            StreamprocError: fatal failures alone.
        """
        message = event.message
        source = SourcePosition(topic=message.topic, partition=message.partition, offset=message.offset)
        received = time.perf_counter()
        try:
            activity = await until_it_works(lambda: self._stages.decoder.decode(message.value))
            result = await self._stages.scorer.score(activity, source, received, time.perf_counter())
            value = self._stages.encoder.encode(result)
        except StreamprocError as error:
            if error.code.error_class is ErrorClass.FATAL:
                raise
            return self._dead_letter(message, source, error)
        except Exception as error:  # noqa: BLE001
            # A bug in our code must not cost an event its outcome. The exception's message may quote the event: the
            # log gets the stack alone.
            log.error("unexpected failure", type=type(error).__name__, stack=traceback.format_tb(error.__traceback__))
            unexpected = StreamprocError(
                ErrorCode.UNEXPECTED, f"{type(error).__name__}; the worker's log has the stack"
            )
            return self._dead_letter(message, source, unexpected)
        self._metrics.result(result)
        log.info(
            "scored",
            activity_id=activity.activity_id,
            partition=source.partition,
            offset=source.offset,
            status=result.status.value,
            total_ms=result.timings.total_ms,
        )
        headers = event_headers(
            RESULT_TYPE,
            f"{source.topic}/{source.partition}/{source.offset}",
            "/streamproc",
            activity.activity_id,
            result.scored_at,
        )
        return Outcome(True, activity.learner_id.encode(), value, headers + trace_context(message.headers))

    def _dead_letter(self, message: Any, source: SourcePosition, error: StreamprocError) -> Outcome:
        self._metrics.dead_letter(error.code.name, error.code.stage.value)
        log.warning(
            "dead letter",
            code=error.code.name,
            stage=error.code.stage.value,
            reason=error.message,
            partition=source.partition,
            offset=source.offset,
        )
        return Outcome(False, message.key, message.value, error_headers(message.headers, source, error))
