"""One activity, from the event to its result: audio, inference, verdicts, figures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import structlog

import aligner_mypyc
from streamproc.audio.fetch import ClipFetcher
from streamproc.audio.memory import ClipMemory
from streamproc.audio.windows import LongClip
from streamproc.contracts import rules
from streamproc.contracts.generated.events import (
    Activity,
    JudgedBy,
    Model,
    PhraseResult,
    PhraseStatus,
    Result,
    ResultStatus,
    SourcePosition,
    StageTimings,
    WordResult,
)
from streamproc.errors import StreamprocError
from streamproc.inference.engine import Engine, Inference, Logits, Priority, Samples
from streamproc.inference.served import Catalogue
from streamproc.routing.comparing import ComparedReading, Comparisons
from streamproc.routing.engine import Heard, RoutedEngine, RoutedReading
from streamproc.scoring import fluency
from streamproc.scoring.compare import compare
from streamproc.scoring.ctc import decoder, log_softmax
from streamproc.scoring.hearing import hear_clips
from streamproc.scoring.judging import Judging, judging_of
from streamproc.scoring.loading import PhraseLoader, PhraseWork
from streamproc.scoring.retry import Retry
from streamproc.scoring.score import score_phrase
from streamproc.scoring.threads import ScoringThreads
from streamproc.scoring.unscorable import explained
from streamproc.scoring.variants import PhonemeAligner
from streamproc.settings import AudioSettings, ScoringSettings
from streamproc.tracing.event import stage

log = structlog.get_logger(__name__)


class ActivityScorer:
    """Scores activities; one instance serves all tasks of a worker.

    Args:
        fetcher: reads clips.
        engine: a started engine.
        aligner: aligns phoneme codes.
        audio, scoring: the limits.
        threads: for what takes a processor; its own by default.
        models: those that may answer; none by default.
        comparisons: where other models hear the same readings; None: nowhere.
    """

    def __init__(
        self,
        fetcher: ClipFetcher,
        engine: Engine,
        aligner: PhonemeAligner,
        audio: AudioSettings,
        scoring: ScoringSettings,
        threads: ScoringThreads | None = None,
        models: Catalogue | None = None,
        comparisons: Comparisons | None = None,
    ) -> None:
        self._models = models or Catalogue.read(None)
        self._threads = threads or ScoringThreads()
        self._loader = PhraseLoader(fetcher, audio, scoring, self._threads)
        self._engine = engine
        self._aligner = aligner
        self._scoring = scoring
        self._comparisons = comparisons
        self.decode_as(scoring.decode)
        self._memory = ClipMemory(audio.memory_bytes * 3 // 4)
        self._limits = rules.Limits(scoring.max_phrases, audio.max_inline_bytes)

    def decode_as(self, name: Literal["greedy", "beam"]) -> None:
        """Find phonemes in this way from now on."""
        self._decode = decoder(name, self._scoring.beam_width)

    async def room(self) -> None:
        """Wait until the engine's queue has room for more."""
        await self._engine.room()

    async def score(
        self,
        activity: Activity,
        source: SourcePosition,
        received: float,
        decoded: float,
        retry: Retry,
        priority: Priority = Priority.LIVE,
    ) -> Result:
        """Score every phrase; phrases that cannot be scored are marked FAILED, with the words of none.

        Where nobody is heard, or another text, the result says so, though no phrase of it can be scored: a child who
        said nothing has read nothing wrong.

        Args:
            activity: the event.
            source: its place in Kafka.
            received, decoded: ``time.perf_counter()`` when the record arrived and when it was decoded.
            retry: the event's own, for transient failures.
            priority: whether it goes first where not all can.

        Raises:
            StreamprocError: poison, where the activity is invalid or not one phrase could be scored (the first
                phrase's error); fatal failures. Transient ones are waited for.
        """
        rules.check(activity, self._limits)
        began = time.perf_counter()
        with self._memory.activity() as memory:
            with stage("audio"):
                works = await self._loader.load(activity, retry, memory)
            memory.complete()
            loaded = time.perf_counter()
            ready = [work for work in works if work.error is None]
            if not ready:
                first = works[0].error
                assert first is not None
                raise StreamprocError(
                    first.code, f"none of {len(works)} phrases can be scored; the first: {first.message}"
                )
            with stage("inference"):
                heard, kept = await self._infer(activity.learner_id, ready, retry, priority)
        inference = heard.inference
        inferred, model = time.perf_counter(), inference.model
        judging = judging_of(model, self._models, self._scoring)
        with stage("score"):
            words = await self._threads.run(self._judge, ready, inference.logits, judging)
        if kept:
            self._compare(heard, kept, ready, words)
        judged = dict(zip((work.phrase.index for work in ready), words, strict=True))
        done = time.perf_counter()

        for work in works:
            if work.error is not None:
                code = work.error.code
                log.debug("phrase not scored", phrase_index=work.phrase.index, code=code.name, stage=code.stage.value)
        phrases = tuple(_phrase_result(work, judged.get(work.phrase.index, ())) for work in works)
        audio_ms = sum(phrase.audio_ms for phrase in phrases if phrase.status is PhraseStatus.SCORED)
        counts = fluency.count_verdicts(word for phrase in phrases for word in phrase.words)
        return Result(
            activity_id=activity.activity_id,
            learner_id=activity.learner_id,
            tenant=activity.tenant_id,
            started_at=activity.started_at,
            submitted_at=activity.submitted_at,
            scored_at=datetime.now(UTC),
            locale=activity.locale,
            story_id=activity.story_id,
            passage_id=activity.passage_id,
            assignment_id=activity.assignment_id,
            attempt=activity.attempt,
            source=source,
            status=ResultStatus.PARTIAL if any(work.error for work in works) else ResultStatus.COMPLETE,
            accuracy=fluency.accuracy(counts),
            words_correct_per_minute=fluency.words_correct_per_minute(counts, audio_ms),
            audio_ms=audio_ms,
            counts=counts,
            phrases=phrases,
            model=Model(name=model.name, version=model.version, sha256=model.sha256),
            judged_by=JudgedBy.CLASSIFIER if judging.strictness else JudgedBy.MARGIN,
            engine=inference.engine,
            aligner_version=aligner_mypyc.__version__,
            timings=StageTimings(
                decode_ms=_ms(decoded - received),
                audio_ms=_ms(loaded - began),
                wait_ms=_ms(inferred - loaded - inference.worked),
                inference_ms=_ms(inference.worked),
                score_ms=_ms(done - inferred),
                total_ms=_ms(done - received),
            ),
        )

    async def _infer(
        self, learner_id: str, works: Sequence[PhraseWork], retry: Retry, priority: Priority
    ) -> tuple[Heard, Sequence[Samples]]:
        """The logits of each phrase, whose samples are let go; and those that another model is to hear, or none."""
        clips = [work.clip for work in works if work.clip is not None]
        engine = RoutedReading(self._engine, learner_id) if isinstance(self._engine, RoutedEngine) else self._engine
        inference = await hear_clips(engine, clips, retry, priority, self._threads, self._models)
        for work in works:
            work.clip = None
        if not isinstance(engine, RoutedReading) or engine.rival is None or self._comparisons is None:
            return Heard(inference), []
        heard = Heard(inference, engine.rival, engine.guard)
        # A long clip is heard in many requests: that is no small thing beside the work.
        whole = [clip for clip in clips if not isinstance(clip, LongClip)]
        wanted = len(whole) == len(clips) and self._comparisons.wants(heard, whole)
        return heard, whole if wanted else []

    def _compare(
        self, heard: Heard, clips: Sequence[Samples], works: Sequence[PhraseWork], words: list[tuple[WordResult, ...]]
    ) -> None:
        """Have another model's words compared with these, some time; whatever comes of it, the result stands."""
        again = [replace(work) for work in works]

        async def judge(inference: Inference) -> ComparedReading:
            judging = judging_of(inference.model, self._models, self._scoring)
            others = await self._threads.run(self._judge, again, inference.logits, judging)
            return compare([len(work.words) for work in works], words, others)

        assert self._comparisons is not None
        self._comparisons.begin(heard, clips, judge)

    def _judge(
        self, works: Sequence[PhraseWork], logits: Sequence[Logits], judging: Judging
    ) -> list[tuple[WordResult, ...]]:
        judged: list[tuple[WordResult, ...]] = []
        for work, clip in zip(works, logits, strict=True):
            try:
                found = score_phrase(
                    log_softmax(clip),
                    judging.expected(work.words),
                    self._aligner,
                    judging.margin,
                    self._decode,
                    judging.strictness,
                    judging.times,
                )
            except StreamprocError as error:
                work.error, found = explained(error, work.level_db), []
            judged.append(tuple(found))
        return judged


def _phrase_result(work: PhraseWork, words: tuple[WordResult, ...]) -> PhraseResult:
    error = work.error
    return PhraseResult(
        index=work.phrase.index,
        status=PhraseStatus.FAILED if error else PhraseStatus.SCORED,
        error_code=error.code.name if error else None,
        error_message=error.message if error else None,
        expected_text=work.phrase.expected_text,
        audio_ms=work.audio_ms,
        words=words,
    )


def _ms(seconds: float) -> float:
    return round(max(seconds, 0.0) * 1000, 3)
