"""The agent of corrections: each one that a teacher publishes changes its learner's progress, in one transaction.

Its outcome is progress, or nothing where it changes nothing: the record itself is what is kept of it. One that cannot
be read, or that names a word which the reading does not have, becomes a letter in the correction topic's own dead
letter topic, in the form of the activities'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from faust import EventT, Stream, TopicT

from streamproc.agents.intake import Intake
from streamproc.agents.outcome import EventOutcome, OutcomeRecord, Record, record_of
from streamproc.agents.progress.keeper import ProgressKeeper
from streamproc.agents.progress.readings import NoSuchWord
from streamproc.agents.progress.state import NotKept
from streamproc.agents.retrying import Retries
from streamproc.contracts.codec import CorrectionDecoder
from streamproc.contracts.corrections import check
from streamproc.deadletter.envelope import WorkerIdentity, error_headers, failure_of, stub_headers
from streamproc.errors import ErrorClass, ErrorCode, Stage, StreamprocError
from streamproc.kafka.features import correction_letters
from streamproc.kafka.places import write_place
from streamproc.settings import Settings
from streamproc.telemetry.metrics import Metrics
from streamproc.tracing.event import current
from streamproc.transport import OutcomeRefused, each

log = structlog.get_logger(__name__)


class CorrectionAgent:
    """Works on up to ``max_in_flight`` corrections at once.

    Args:
        keeper: has the learners' states.
        decoder: reads corrections.
        letters: the topic of those that cannot be used.
        worker: who signs letters.
        metrics: where they are counted.
        settings: the topics, how many at once, how long a failing registry holds up one alone.
    """

    name = "correct_progress"

    def __init__(
        self,
        keeper: ProgressKeeper,
        decoder: CorrectionDecoder,
        letters: TopicT,
        worker: Callable[[], WorkerIdentity],
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self._keeper = keeper
        self._decoder = decoder
        self._letters = letters
        self._worker = worker
        self._metrics = metrics
        self._settings = settings
        self.topic = settings.progress.correction_topic
        self.outcomes: Mapping[str, str] = {"refused_corrections": correction_letters(settings)}
        self._intake = Intake(metrics.intake)

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
        self._intake.stop()

    def give_up(self) -> None:
        """The drain is over."""
        self._intake.give_up()

    async def refused(self, event: EventT[bytes], refusal: OutcomeRefused) -> None:
        """Kafka refuses what came of a correction for good: a letter takes its place, and a stub a letter's.

        Raises:
            StreamprocError: DEAD_LETTER_REFUSED (fatal), where even the stub is refused.
        """
        record = self._record(event)
        error = StreamprocError(ErrorCode.RESULT_TOO_LARGE, refusal.reason)
        if refusal.topic != correction_letters(self._settings):
            await self._letter(record, error).send()
        elif record.message.value is not None:
            await self._letter(record, error, stub=True).send()
        else:
            raise StreamprocError(ErrorCode.DEAD_LETTER_REFUSED, f"Kafka refuses a dead letter: {refusal.reason}")

    async def _work(self, event: EventT[bytes]) -> None:
        with self._intake.event():
            outcome = await self._outcome(self._record(event))
            if outcome is not None:
                await outcome.send()

    async def _outcome(self, record: Record) -> EventOutcome | None:
        """Raises fatal failures alone."""
        position = record.source.position
        try:
            correction = await record.retries.until_it_works(
                Stage.DECODE, lambda: self._decoder.decode(record.message.value)
            )
            check(correction)
            place = write_place(position.topic, position.partition, position.offset)
            told = self._keeper.correction(correction, place)
        except NotKept:
            return self._done("not_kept", record, None)
        except NoSuchWord:
            what = "the result has no such word at that place: phrase_index, word_index and word do not agree"
            return self._done("refused", record, StreamprocError(ErrorCode.CORRECTION_INVALID, what))
        except StreamprocError as error:
            if error.code.error_class is ErrorClass.FATAL:
                raise
            return self._done("refused", record, error)
        self._count("unchanged" if told is None else "applied", record)
        return None if told is None else EventOutcome(correction.learner_id.encode(), (told,))

    def _done(self, outcome: str, record: Record, error: StreamprocError | None) -> EventOutcome | None:
        self._count(outcome, record, error)
        return None if error is None else self._letter(record, error)

    def _count(self, outcome: str, record: Record, error: StreamprocError | None = None) -> None:
        self._metrics.correction(outcome)
        about = {"partition": record.source.position.partition, "offset": record.source.position.offset}
        if error is None:
            log.info("correction read", outcome=outcome, **about)
        else:
            log.warning("correction refused", code=error.code.name, reason=error.message, **about)

    def _letter(self, record: Record, error: StreamprocError, *, stub: bool = False) -> EventOutcome:
        failure = failure_of(error, record.retries.attempts, record.retries.first, None)
        value, worker = record.message.value, self._worker()
        if stub:
            headers = stub_headers(record.source, failure, worker, value)
            return EventOutcome(None, (OutcomeRecord(self._letters, None, headers),))
        letter = OutcomeRecord(self._letters, value, error_headers(record.source, failure, worker))
        return EventOutcome(record.message.key, (letter,))

    def _record(self, event: EventT[bytes]) -> Record:
        record = record_of(
            event, Retries(self._settings.event.deadline, 0.0, self._intake, failed=self._metrics.failed)
        )
        current.set(record.scope)
        return record
