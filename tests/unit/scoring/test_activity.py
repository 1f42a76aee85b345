"""One activity against a hostile or an absurd text: little work, away from the event loop, and an honest end."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from structlog.testing import capture_logs
from support.holes import hole

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.decode import BYTES_A_SECOND, decode_clip
from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.generated.events import (
    Activity,
    Audio,
    JudgedBy,
    Phrase,
    ReferenceWord,
    Result,
    ResultStatus,
    SourcePosition,
    Verdict,
)
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Inference, ModelIdentity, Priority, Samples
from streamproc.scoring import activity, judging, lexicon, loading, misread, reference
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.misread import Strictness
from streamproc.scoring.phonemes import BLANK, PHONEME_CODES
from streamproc.scoring.threads import ScoringThreads
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings

from .test_misread import classifier

SETTINGS = Settings()


class SilentEngine:
    """A model that hears nothing."""

    name = "silent"
    model = ModelIdentity("silent", "1", "")

    async def start(self) -> ModelIdentity:
        """The model."""
        return self.model

    has_room = True

    async def room(self) -> None:
        """Always."""

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """Blanks alone."""
        silence = np.eye(BLANK + 1, dtype=np.float32)[BLANK] * 9
        return Inference([np.tile(silence, (len(clip) // 320, 1)) for clip in clips], self.model, "fallback", 0.0, 0.0)

    async def close(self) -> None:
        """Nothing to release."""


def silence(seconds: float) -> Audio:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(round(16_000 * seconds), np.float32), 16_000, format="WAV")
    return Audio(data=file.getvalue(), sample_rate=16_000)


def reading(*texts: str) -> Activity:
    phrases = (Phrase(index=index, expected_text=text, audio=silence(0.2)) for index, text in enumerate(texts))
    return replace(ACTIVITY, phrases=tuple(phrases))


class FaintEngine(SilentEngine):
    """A model that hears a faint AX: in two frames silence is likelier, in both together it is not."""

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """Blanks, and two frames of doubt."""
        heard = await super().infer(clips, priority)
        for logits in heard.logits:
            logits[3:5] = -50
            logits[3:5, BLANK] = np.log(0.6)
            logits[3:5, PHONEME_CODES["AX"]] = np.log(0.4)
        return heard


async def score(given: Activity, settings: Settings = SETTINGS, engine: SilentEngine | None = None) -> Result:
    fetcher = ClipFetcher((), settings.audio.max_bytes)
    engine = engine or SilentEngine()
    scorer = ActivityScorer(fetcher, engine, VariantAligner(), settings.audio, settings.scoring)
    retries = Retries(60, 0, Intake(lambda reason, closed: None))
    now = time.perf_counter()
    return await scorer.score(given, SourcePosition(topic="t", partition=0, offset=0), now, now, retries)


@pytest.mark.parametrize(("how", "heard"), [("greedy", ()), ("beam", ("AX",))])
async def test_phonemes_are_found_as_the_setting_says(
    how: str, heard: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMPROC_SCORING__DECODE", how)
    result = await score(reading("a"), Settings(), FaintEngine())
    (word,) = result.phrases[0].words
    assert word.heard == heard


async def test_unknown_phonemes_are_refused_or_passed_over_as_the_setting_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = reading("Anna", "a")
    words = (ReferenceWord(text="Anna", phonemes=("AE", "Anna", "N", "AX")),)
    given = replace(given, phrases=(replace(given.phrases[0], reference=words), given.phrases[1]))
    strict, other = (await score(given)).phrases
    assert (strict.error_code, other.error_code) == ("REFERENCE_INVALID", None)
    monkeypatch.setenv("STREAMPROC_SCORING__UNKNOWN_PHONEMES", "pass_over")
    with capture_logs() as logs:
        robust, other = (await score(given, Settings())).phrases
    assert [word.reference for word in robust.words] == [("AE", "N", "AX")]
    (warning,) = [line for line in logs if line["log_level"] == "warning"]
    assert (warning["phrase_index"], warning["symbols"], warning["first_word"], warning["first_symbol"]) == (0, 1, 1, 2)
    assert "Anna" not in str(logs)


@hole("C1")
async def test_two_thousand_words_in_a_blink_were_left_out() -> None:
    result = await score(reading("a " * 1999))
    assert {word.verdict for word in result.phrases[0].words} == {Verdict.OMITTED}
    assert (result.counts.expected, result.counts.omitted, result.accuracy) == (1999, 1999, 0.0)


@hole("C3")
async def test_a_text_that_is_too_long_is_read_no_further_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def pronunciations(word: str) -> tuple[bytes, ...]:
        looked_up.append(word)
        return (b"\x01\x02",) if len(looked_up) % 2 else ()

    monkeypatch.setattr(lexicon, "pronunciations", pronunciations)
    with pytest.raises(StreamprocError) as caught:
        await score(reading(" ".join(f"zog{number}" for number in range(100_000))))
    assert caught.value.code is ErrorCode.REFERENCE_TOO_LONG
    assert "STREAMPROC_SCORING__MAX_PHONEMES" in caught.value.message
    # A word that nobody can say counts too, or a text of such words would have no end.
    assert len(looked_up) <= SETTINGS.scoring.max_phonemes


@hole("C3")
async def test_the_phrases_of_an_activity_share_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "pronunciations", lambda word: (b"\x01" * 1000,))
    scoring = SETTINGS.scoring.model_copy(update={"max_activity_phonemes": 2500})
    result = await score(reading("Zog", "Zog", "Zog", "Zog"), SETTINGS.model_copy(update={"scoring": scoring}))
    assert [phrase.error_code for phrase in result.phrases] == [None, None, *["REFERENCE_TOO_LONG"] * 2]
    assert "STREAMPROC_SCORING__MAX_ACTIVITY_PHONEMES" in (result.phrases[2].error_message or "")


@hole("C1", "C3")
async def test_the_event_loop_does_none_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, int] = {}

    def watch(module: object, name: str) -> None:
        original = getattr(module, name)

        def watched(*arguments: object) -> object:
            threads[name] = threading.get_ident()
            return original(*arguments)

        monkeypatch.setattr(module, name, watched)

    watch(loading, "reference_words")
    watch(loading, "read_clip")
    watch(loading, "decibels")
    watch(activity, "score_phrase")
    watch(reference, "split_words")
    await score(reading("The cat sat."))
    assert threads.keys() == {"reference_words", "read_clip", "decibels", "score_phrase", "split_words"}
    assert threading.get_ident() not in threads.values()


async def test_a_few_inline_clips_take_one_way_to_a_thread_with_their_references(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ways = []
    run = ScoringThreads.run

    async def counted(threads: ScoringThreads, call: Callable[..., object], *arguments: object) -> object:
        ways.append(call)
        return await run(threads, call, *arguments)

    monkeypatch.setattr(ScoringThreads, "run", counted)
    result = await score(reading("a fox", "a dog", "a cat"))
    assert [phrase.audio_ms for phrase in result.phrases] == [200] * 3
    assert len(ways) == 2, "one before the model, and one after it"


@hole("D5")
async def test_each_result_names_the_model_that_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("1", "2"):
        answered = ModelIdentity("silent", version, f"{version}fe3")
        monkeypatch.setattr(SilentEngine, "model", answered)
        result = await score(reading("a fox"))
        assert (result.model.name, result.model.version, result.model.sha256) == ("silent", version, f"{version}fe3")
        assert result.engine == "fallback"


async def test_a_result_says_whether_a_classifier_judged_or_the_margin_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await score(reading("a fox"))).judged_by is JudgedBy.MARGIN, "nobody knows this model"
    (shipped, *_) = misread.shipped()
    monkeypatch.setattr(SilentEngine, "model", ModelIdentity("silent", "1", shipped.model_sha256))
    assert (await score(reading("a fox"))).judged_by is JudgedBy.CLASSIFIER


@hole("E")
@pytest.mark.parametrize("uri", ["http://[", "http://clips.example:99999/a.wav", "s3://clips/\udcff", "https://a b/c"])
async def test_a_malformed_uri_fails_its_phrase_alone(uri: str) -> None:
    good = reading("a fox", "a dog")
    bad = replace(good.phrases[0], audio=Audio(uri=uri, sample_rate=16_000))
    result = await score(replace(good, phrases=(bad, good.phrases[1])))
    assert result.status is ResultStatus.PARTIAL
    assert [phrase.error_code for phrase in result.phrases] == ["AUDIO_URI_REFUSED", None]


@hole("C2")
@pytest.mark.parametrize("room", [1, round(SETTINGS.audio.max_seconds * BYTES_A_SECOND)])
async def test_activities_share_the_memory_for_their_clips(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    held = []
    kept = round(0.2 * 16_000) * 4

    def watched(encoded: bytes, max_seconds: float) -> Samples:
        held.append(scorer._memory.held)
        return decode_clip(encoded, max_seconds)

    monkeypatch.setattr(loading, "read_clip", watched)
    audio = SETTINGS.audio.model_copy(update={"memory_bytes": room * 4 // 3 + 1})
    scorer = ActivityScorer(ClipFetcher((), 1), SilentEngine(), VariantAligner(), audio, SETTINGS.scoring)

    async def one(number: int) -> Result:
        retries = Retries(60, 0, Intake(lambda reason, closed: None))
        place = SourcePosition(topic="t", partition=0, offset=number)
        return await scorer.score(reading("a fox", "a dog", "a cat"), place, 0.0, 0.0, retries)

    results = await asyncio.gather(*(one(number) for number in range(6)))
    assert [phrase.audio_ms for result in results for phrase in result.phrases] == [200] * 18
    assert len(held) == 18
    assert max(held) <= round(SETTINGS.audio.max_seconds * BYTES_A_SECOND) + 3 * kept, "one at a time"
    assert scorer._memory.held == 0


async def test_a_phrase_in_which_nobody_is_heard_counts_in_no_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = Strictness(classifier(least_fit=-3.0), 0.5)
    monkeypatch.setattr(judging, "strictness_of", lambda sha256, point: judged)
    result = await score(reading("the cat", "sat"))
    assert result.status is ResultStatus.PARTIAL
    assert (result.accuracy, result.counts.expected, result.audio_ms) == (None, 0, 0)
    assert [(phrase.status.value, phrase.error_code, phrase.words) for phrase in result.phrases] == [
        ("FAILED", "TOO_QUIET", ())
    ] * 2
