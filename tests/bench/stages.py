"""What each stage of an activity costs by itself: processor time, without a worker around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from support.mix import MAX_SECONDS, encoded_clip

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.decode import Samples, decode_clip
from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.codec import ActivityDecoder, ActivityEncoder
from streamproc.contracts.generated.events import Activity, Result, SourcePosition
from streamproc.contracts.records import ResultEncoders
from streamproc.contracts.registry import Registry
from streamproc.inference.configured import create_engine
from streamproc.inference.engine import Inference, Logits, ModelIdentity, Priority
from streamproc.scoring import lexicon
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.reference import PhonemeBudget, reference_words
from streamproc.scoring.score import score_phrase
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings

T = TypeVar("T")

ROUNDS = 5
"""Times that each stage goes through all activities; the least of them counts: the rest is what neighbours cost."""

AT_ONCE = 8
"""Calls in flight where a stage awaits."""


class RecordedEngine:
    """Answers in this process, from a list by the clips' lengths."""

    name = "recorded"
    model = ModelIdentity("phonemes", "1", "")
    has_room = True

    def __init__(self, clips: Sequence[Sequence[Samples]], logits: Sequence[Sequence[Logits]]) -> None:
        self._answers = {
            len(clip): answer
            for each, told in zip(clips, logits, strict=True)
            for clip, answer in zip(each, told, strict=True)
        }

    async def start(self) -> ModelIdentity:
        """Nothing to load."""
        return self.model

    async def room(self) -> None:
        """Always."""

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """At once."""
        return Inference([self._answers[len(clip)] for clip in clips], self.model, self.name, 0.0, 0.0)

    async def close(self) -> None:
        """Nothing to release."""


async def _cost(items: Sequence[T], work: Callable[[T], Awaitable[object]], at_once: int = 1) -> float:
    """Milliseconds of processor time an item, this process's threads all together."""
    least = float("inf")
    for _ in range(ROUNDS):
        left = list(items)

        async def some(left: list[T] = left) -> None:
            while left:
                await work(left.pop())

        begun = time.process_time()
        await asyncio.gather(*(some() for _ in range(at_once)))
        least = min(least, time.process_time() - begun)
    return 1000 * least / len(items)


async def _plain(items: Sequence[T], work: Callable[[T], object]) -> float:
    async def awaited(item: T) -> object:
        return work(item)

    return await _cost(items, awaited)


async def stages(
    topics: tuple[str, str],
    settings: Settings,
    activities: Sequence[Activity],
    clips: Sequence[Sequence[Samples]],
    logits: Sequence[Sequence[Logits]],
) -> dict[str, float]:
    """Milliseconds of processor time an activity, by stage.

    Args:
        topics: of activities and of results.
        settings: the worker's: where the registry, with the schemas of these topics, and the server are.
        activities, clips, logits: the mix, what its clips are decoded to and what the server answers.
    """
    lexicon.load()
    registry = Registry(settings.registry)
    encoder = ActivityEncoder(registry, topics[0])
    await encoder.start()
    decoder = ActivityDecoder(registry, topics[0])
    encoders = ResultEncoders(registry, {"reading.result": topics[1]})
    await encoders.start()
    aligner = VariantAligner()
    fetcher = ClipFetcher(settings.audio.allowed_prefixes, settings.audio.max_bytes)
    scorer = ActivityScorer(fetcher, RecordedEngine(clips, logits), aligner, settings.audio, settings.scoring)
    source = SourcePosition(topic=topics[0], partition=0, offset=0)

    async def score(activity: Activity) -> Result:
        now = time.perf_counter()
        return await scorer.score(activity, source, now, now, Retries(60, 0, Intake(lambda *_: None)))

    def words(activity: Activity) -> list[object]:
        budget = PhonemeBudget(settings.scoring.max_phonemes, settings.scoring.max_activity_phonemes)
        return [reference_words(phrase, budget) for phrase in activity.phrases]

    budget = PhonemeBudget(10**9, 10**9)
    judged = [
        [
            (log_softmax(answer), reference_words(phrase, budget))
            for phrase, answer in zip(activity.phrases, told, strict=True)
        ]
        for activity, told in zip(activities, logits, strict=True)
    ]
    audio = [[encoded_clip(phrase.audio) for phrase in activity.phrases] for activity in activities]
    margin = settings.scoring.margin
    found = {
        "event": await _cost([encoder.encode(activity) for activity in activities], decoder.decode),
        "audio": await _plain(audio, lambda each: [decode_clip(clip, MAX_SECONDS) for clip in each]),
        "references": await _plain(activities, words),
        "softmax": await _plain(logits, lambda each: [log_softmax(answer) for answer in each]),
        "verdicts": await _plain(judged, lambda each: [score_phrase(*phrase, aligner, margin) for phrase in each]),
        "result": await _plain([await score(activity) for activity in activities], encoders.encode),
    }
    alone = sum(found[name] for name in ("audio", "references", "softmax", "verdicts"))
    found["hops"] = await _cost(activities, score, AT_ONCE) - alone
    engine = create_engine(settings)
    await engine.start()
    found["inference"] = await _cost(clips, engine.infer, AT_ONCE)
    await engine.close()
    await fetcher.close()
    await registry.close()
    return found
