"""From readings to activity events: spoken, recorded, inline or behind a claim check."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from streamproc.contracts.generated.events import Activity, Audio, Codec, Phrase
from streamproc.demo.readings import DemoReading
from streamproc.training.speech import SAMPLE_RATE, Synthesiser

MARK_BYTES = 4
DAMAGED_BYTES = 64
"""What is lost of a damaged clip behind its container's mark: none survives without its header. One without the mark
would be refused by the publisher already."""

_BLOCK = 8_192
"""Frames written at once: some versions of libsndfile run out of stack when Vorbis gets a whole clip in one call."""


def make_activities(readings: Sequence[DemoReading], synthesiser: Synthesiser, clips: Path) -> list[Activity]:
    """Speak every reading and make its event.

    Args:
        readings: all of `demo_readings`, in order.
        synthesiser: one that has not spoken yet in this process: its sound depends on what it has said before.
        clips: the folder (made if missing) of the clips that are behind a claim check.
    """
    clips.mkdir(parents=True, exist_ok=True)
    return [_activity(reading, synthesiser, clips) for reading in readings]


def damage(encoded: bytes) -> bytes:
    """A clip that begins like a sound one and cannot be decoded."""
    return encoded[:MARK_BYTES] + bytes(DAMAGED_BYTES) + encoded[MARK_BYTES + DAMAGED_BYTES :]


def _activity(reading: DemoReading, synthesiser: Synthesiser, clips: Path) -> Activity:
    activity_id = str(uuid.uuid4())
    phrases = []
    seconds = 0.0
    for index, phrase in enumerate(reading.phrases):
        speech = synthesiser.say(phrase.reading.said, reading.voice)
        seconds += len(speech.audio) / SAMPLE_RATE
        encoded = encode(speech.audio, reading.codec, reading.sample_rate)
        if phrase.damaged:
            encoded = damage(encoded)
        uri = None
        if reading.claim_check:
            file = clips / f"{activity_id}-{index}.{reading.codec.value.lower()}"
            file.write_bytes(encoded)
            uri = file.resolve().as_uri()
        audio = Audio(
            data=encoded if uri is None else None, uri=uri, codec=reading.codec, sample_rate=reading.sample_rate
        )
        phrases.append(Phrase(index=index, expected_text=phrase.text, audio=audio))
    now = datetime.now(UTC)
    return Activity(
        activity_id=activity_id,
        learner_id=reading.learner_id,
        tenant_id="demo",
        started_at=now - timedelta(seconds=seconds),
        submitted_at=now,
        locale="en-US",
        story_id=f"demo-story-{reading.number}",
        phrases=tuple(phrases),
    )


def encode(audio: NDArray[np.float32], codec: Codec, sample_rate: int) -> bytes:
    """Encode samples [n] at 16 kHz as a clip of the sample rate (Hz): WAV and FLAC in 16 bits, OGG as Vorbis."""
    if sample_rate != SAMPLE_RATE:
        audio = np.clip(soxr.resample(audio, SAMPLE_RATE, sample_rate), -1.0, 1.0).astype(np.float32)
    subtype = "VORBIS" if codec is Codec.OGG else "PCM_16"
    clip = BytesIO()
    with soundfile.SoundFile(clip, "w", sample_rate, 1, subtype, format=codec.value) as file:
        for start in range(0, len(audio), _BLOCK):
            file.write(audio[start : start + _BLOCK])
    return clip.getvalue()
