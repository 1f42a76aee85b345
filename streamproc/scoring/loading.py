"""The phrases of an activity made ready for the model: what is expected of each, and its samples."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np
import structlog

from streamproc.audio.decode import BYTES_A_SECOND, SAMPLE_RATE, Samples
from streamproc.audio.fetch import ClipFetcher, inline_bytes
from streamproc.audio.memory import ActivityMemory
from streamproc.audio.windows import WHOLE_SECONDS, LongClip, most_bytes, read_clip
from streamproc.contracts.generated.events import Activity, Phrase
from streamproc.errors import ErrorClass, ErrorCode, Stage, StreamprocError
from streamproc.health.exhaustion import exhausted
from streamproc.scoring.hearing import WINDOWS_AT_ONCE
from streamproc.scoring.reference import ExpectedWord, PhonemeBudget, reference_words
from streamproc.scoring.retry import Retry
from streamproc.scoring.threads import ScoringThreads
from streamproc.settings import AudioSettings, ScoringSettings

log = structlog.get_logger(__name__)

CLIPS_AT_ONCE = 4
"""Clips of one activity that are fetched and decoded at once: bounds the encoded bytes that one activity holds, by four
times the largest clip behind a URI."""


@dataclass(slots=True)
class PhraseWork:
    """One phrase on its way: it gathers words and samples, or the error that ended it."""

    phrase: Phrase
    words: list[ExpectedWord] = field(default_factory=list)
    clip: Samples | LongClip | None = None
    audio_ms: int = 0
    level_db: float = 0.0
    """Root mean square of the samples, in decibels of full scale."""
    error: StreamprocError | None = None

    @property
    def kept(self) -> int:
        """Bytes that its clip takes until the model has heard it."""
        if isinstance(self.clip, LongClip):
            return len(self.clip.encoded) + WINDOWS_AT_ONCE * WHOLE_SECONDS * BYTES_A_SECOND
        return 0 if self.clip is None else self.clip.nbytes


@dataclass(frozen=True, slots=True)
class _Clip:
    """A clip as the model will hear it, its samples at 16 kHz and its level in decibels of full scale."""

    heard: Samples | LongClip
    samples: int
    level_db: float


@dataclass(slots=True)
class _Remaining:
    """Seconds of audio that an activity may still have."""

    seconds: float


class PhraseLoader:
    """Reads the references, fetches and decodes the clips; one instance serves all tasks of a worker."""

    def __init__(
        self, fetcher: ClipFetcher, audio: AudioSettings, scoring: ScoringSettings, threads: ScoringThreads
    ) -> None:
        self._fetcher = fetcher
        self._threads = threads
        self._audio = audio
        self._scoring = scoring

    async def load(self, activity: Activity, retry: Retry, memory: ActivityMemory) -> list[PhraseWork]:
        """Every phrase of the activity; those that cannot be scored have an error.

        Raises:
            StreamprocError: what is not the event's fault, and is not waited for.
        """
        works = [PhraseWork(phrase) for phrase in activity.phrases]
        remaining = _Remaining(self._audio.activity_seconds)
        few = works if len(works) <= CLIPS_AT_ONCE else []
        # What is here already, and has room, is decoded on the same way to a thread and back: the way costs more than
        # many a clip.
        inline = [(work, encoded) for work in few if (encoded := inline_bytes(work.phrase.audio)) is not None]
        most = sum(self._most(encoded) for _, encoded in inline)
        if inline and memory.has_room(most):
            async with memory.decoding(most) as room:
                await self._threads.run(self._prepare, works, inline, remaining)
                room.kept = sum(work.kept for work in works)
        else:
            await self._threads.run(self._prepare, works, [], remaining)
        rest = [work for work in works if work.error is None and work.clip is None]
        if rest:
            places = asyncio.Semaphore(CLIPS_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for work in rest:
                    group.create_task(self._fetch_and_decode(work, retry, memory, places, remaining))
        return works

    async def _fetch_and_decode(
        self,
        work: PhraseWork,
        retry: Retry,
        memory: ActivityMemory,
        places: asyncio.Semaphore,
        remaining: _Remaining,
    ) -> None:
        try:
            async with places, AsyncExitStack() as held:

                async def fetch() -> bytes:
                    await held.aclose()  # what an attempt that failed still holds
                    return await self._fetcher.fetch(work.phrase.audio, held)

                encoded = await retry.until_it_works(Stage.AUDIO, fetch)
                # Fetched before it asks for room: who waits for a store takes none from others.
                async with memory.decoding(self._most(encoded)) as room:
                    self._accept(work, await self._threads.run(self._decode, encoded), remaining)
                    room.kept = work.kept
        except StreamprocError as error:
            _fail(work, error)

    def _prepare(
        self, works: Sequence[PhraseWork], inline: Sequence[tuple[PhraseWork, bytes]], remaining: _Remaining
    ) -> None:
        """Read the references and decode these clips; never on the event loop: words that no dictionary knows take
        espeak-ng a tenth of a millisecond each, and clips take milliseconds.
        """
        budget = PhonemeBudget(self._scoring.max_phonemes, self._scoring.max_activity_phonemes)
        for work in works:
            try:
                work.words = self._reference(work.phrase, budget)
            except StreamprocError as error:
                work.error = error
        for work, encoded in inline:
            if work.error is None:
                try:
                    self._accept(work, self._decode(encoded), remaining)
                except StreamprocError as error:
                    _fail(work, error)

    def _reference(self, phrase: Phrase, budget: PhonemeBudget) -> list[ExpectedWord]:
        if self._scoring.unknown_phonemes == "refuse":
            return reference_words(phrase, budget)
        passed_over: list[tuple[int, int]] = []
        try:
            return reference_words(phrase, budget, lambda word, symbol: passed_over.append((word, symbol)))
        finally:
            if passed_over:
                word, symbol = passed_over[0]
                log.warning(
                    "symbols of a reference that are no phonemes are passed over",
                    phrase_index=phrase.index,
                    symbols=len(passed_over),
                    first_word=word,
                    first_symbol=symbol,
                )

    def _most(self, encoded: bytes) -> int:
        """Bytes that a clip may take while it is decoded, and until the model has heard it."""
        return most_bytes(len(encoded), self._audio.max_seconds, WINDOWS_AT_ONCE)

    def _decode(self, encoded: bytes) -> _Clip:
        clip = read_clip(encoded, self._audio.max_seconds)
        if isinstance(clip, LongClip):
            return _Clip(clip, clip.samples, _decibels(clip.power))
        return _Clip(clip, len(clip), decibels(clip))

    def _accept(self, work: PhraseWork, clip: _Clip, remaining: _Remaining) -> None:
        remaining.seconds -= clip.samples / SAMPLE_RATE
        if remaining.seconds < 0:
            raise StreamprocError(
                ErrorCode.AUDIO_TOO_LONG,
                f"the activity has more than {self._audio.activity_seconds:g} s of audio "
                "(STREAMPROC_AUDIO__MAX_ACTIVITY_SECONDS)",
            )
        work.clip, work.level_db = clip.heard, clip.level_db
        work.audio_ms = round(clip.samples * 1000 / SAMPLE_RATE)


def decibels(samples: Samples) -> float:
    """Root mean square of a clip, in decibels of full scale."""
    # Not np.dot: its threads would wait for work on other cores.
    return _decibels(float(np.einsum("i,i->", samples, samples)) / max(len(samples), 1))


def _decibels(power: float) -> float:
    return 10 * math.log10(max(power, 1e-12))


def _fail(work: PhraseWork, error: StreamprocError) -> None:
    """The phrase ends with this error; what is not its own fault is raised."""
    if error.code.error_class is not ErrorClass.POISON or exhausted(error) is not None:
        raise error
    work.error = error
