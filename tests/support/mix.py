"""The demonstration's mix as a load: its sound activities, their clips, and what the real model hears in them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

from streamproc.audio.decode import SAMPLE_RATE, Samples, decode_clip
from streamproc.contracts.generated.events import Activity, Audio, Codec, Phrase
from streamproc.demo.activities import encode, make_activities
from streamproc.demo.readings import demo_readings
from streamproc.inference.engine import Logits
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in
from streamproc.training.speech import Synthesiser
from support.stand_in.answers import record

MODELS = Path(__file__).parents[2] / "models"
MAX_SECONDS = 120.0


def demo_mix(clips: Path) -> list[Activity]:
    """The demonstration's activities of which every clip is sound: two clips each, WAV, FLAC and OGG, 16 to 96 kHz.

    A third of them have their clips in the folder ``clips``.
    """
    readings = demo_readings()
    made = make_activities(readings, Synthesiser(), clips)
    return [
        activity
        for reading, activity in zip(readings, made, strict=True)
        if not any(phrase.damaged for phrase in reading.phrases)
    ]


def again_and_again(activities: Sequence[Activity], count: int, name: str = "bench") -> Iterator[Activity]:
    """So many activities, each of a learner of its own: none waits for another."""
    for number in range(count):
        activity = activities[number % len(activities)]
        yield replace(activity, activity_id=f"{name}-{number}", learner_id=f"{name}-learner-{number}")


def of_five_seconds(activities: Sequence[Activity], clips: Sequence[Sequence[Samples]]) -> Activity:
    """An activity of one phrase: both phrases of one of these, one after the other, in a clip of just 5 s."""
    length = 5 * SAMPLE_RATE
    number = next(place for place, each in enumerate(clips) if length - SAMPLE_RATE < sum(map(len, each)) <= length)
    data = encode(_joined(clips[number], 5.0), Codec.WAV, SAMPLE_RATE)
    audio = Audio(data=data, codec=Codec.WAV, sample_rate=SAMPLE_RATE)
    return _as_one(activities[number], activities[number].phrases, audio)


def of_seconds(
    activities: Sequence[Activity], clips: Sequence[Sequence[Samples]], seconds: float, file: Path
) -> Activity:
    """An activity of one phrase: as many phrases of these as there is room for, one after the other, in such a clip.

    It is in ``file``: a backlog of them would be large.
    """
    phrases: list[Phrase] = []
    spoken: list[Samples] = []
    for activity, each in zip(activities, clips, strict=True):
        for phrase, clip in zip(activity.phrases, each, strict=True):
            if sum(map(len, spoken)) + len(clip) <= seconds * SAMPLE_RATE:
                phrases.append(phrase)
                spoken.append(clip)
    file.write_bytes(encode(_joined(spoken, seconds), Codec.WAV, SAMPLE_RATE))
    return _as_one(activities[0], phrases, Audio(uri=file.as_uri(), codec=Codec.WAV, sample_rate=SAMPLE_RATE))


def _joined(clips: Sequence[Samples], seconds: float) -> Samples:
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    spoken = np.concatenate(list(clips))
    samples[: len(spoken)] = spoken
    return samples


def _as_one(activity: Activity, phrases: Sequence[Phrase], audio: Audio) -> Activity:
    text = " ".join(each.expected_text for each in phrases)
    return replace(activity, phrases=(replace(phrases[0], expected_text=text, audio=audio),))


def encoded_clip(audio: Audio) -> bytes:
    """The bytes of a clip, inline or in a file."""
    if audio.data is not None:
        return audio.data
    assert audio.uri is not None
    return Path(unquote(urlsplit(audio.uri).path)).read_bytes()


def decoded_clips(activities: Sequence[Activity]) -> list[list[Samples]]:
    """The samples of each activity's clips."""
    return [
        [decode_clip(encoded_clip(phrase.audio), MAX_SECONDS) for phrase in activity.phrases] for activity in activities
    ]


def heard(clips: Sequence[Sequence[Samples]]) -> list[list[Logits]]:
    """What the model of this tree makes of them."""

    async def run() -> list[list[Logits]]:
        engine = OnnxEngine(MODELS, built_in("phonemes", ""), 60.0, 1)
        await engine.start()
        try:
            return [(await engine.infer(each)).logits for each in clips]
        finally:
            await engine.close()

    return asyncio.run(run())


def record_answers(file: Path, clips: Sequence[Sequence[Samples]], logits: Sequence[Sequence[Logits]]) -> None:
    """Write the file from which a stand-in answers to these clips."""
    answers = {
        len(samples): found
        for each, told in zip(clips, logits, strict=True)
        for samples, found in zip(each, told, strict=True)
    }
    record(file, [samples for each in clips for samples in each], lambda samples: answers[len(samples)])
